"""One feed per test, on each of the two implementations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from ingest.feed import ensure_topics
from ingest.runtime.settings import Settings
from tests.ingest.feed.feed_under_test import PARTITIONS, Feed, kafka_settings


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def feed(request: pytest.FixtureRequest) -> Iterator[Feed]:
    if request.param == "embedded":
        dsn = request.getfixturevalue("database")
        settings = Settings(database_dsn=SecretStr(dsn), topic_partitions=PARTITIONS)
    else:
        settings = kafka_settings(request.getfixturevalue("broker"))
    ensure_topics(settings)
    made = Feed(settings)
    yield made
    made.close()


@pytest.fixture
def embedded_feed(database: str) -> Iterator[Feed]:
    settings = Settings(database_dsn=SecretStr(database), topic_partitions=PARTITIONS)
    ensure_topics(settings)
    made = Feed(settings)
    yield made
    made.close()
