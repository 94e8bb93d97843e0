"""Systems to be run and killed: an installation each, over the embedded feed and over Kafka."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from feed_reading import EmbeddedFeed, KafkaFeed
from processes import installed
from system_under_load import System, migrated

SMALL: Final = {
    "topic_partitions": "8",
    "batch_max_records": "25",
    "projection_batch": "25",
    "session_timeout_seconds": "6",
}
"""Many small batches, so that a kill finds one under way."""


@pytest.fixture
def seed() -> int:
    """A new one each time; a failing test tells it, and it is kept in SEEDS of that test."""
    return secrets.randbelow(2**31)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that is not there yet, in a folder of its own with a short name (socket addresses)."""
    folder = Path(tempfile.mkdtemp(prefix="histoire-system-", dir="/tmp"))
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def embedded(home: Path, new_database: Callable[[str], str]) -> Iterator[System]:
    """A migrated system without a broker."""
    dsn = new_database("template1")
    with installed(home, database_dsn=dsn, **SMALL) as installation:
        yield migrated(System(installation, dsn, EmbeddedFeed(dsn)))


@pytest.fixture
def over_kafka(home: Path, new_database: Callable[[str], str], broker: str) -> Iterator[System]:
    """A migrated system on a real broker, with topics of its own."""
    dsn = new_database("template1")
    prefix = f"{home.parent.name}-"
    kafka = {"kafka_bootstrap": broker, "topic_prefix": prefix, "consumer_group": prefix}
    with installed(home, database_dsn=dsn, **SMALL, **kafka) as installation:
        yield migrated(System(installation, dsn, KafkaFeed(broker, prefix)))
