"""The probe asks about partitions that have no leader: an answer, never a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import TopicPartition

from ingest.feed import ensure_topics
from ingest.feed.kafka.connection import admin_client
from ingest.feed.kafka.probe import KafkaProbe, LogEnds
from ingest.feed.types import FeedUnavailable
from ingest.runtime.settings import Settings
from tests.ingest.feed.feed_under_test import kafka_settings, wait_for

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(broker: str) -> Settings:
    made = kafka_settings(broker)
    ensure_topics(made)
    return made


@pytest.fixture
def probe(settings: Settings) -> Iterator[KafkaProbe]:
    made = KafkaProbe(settings, "test-probe")
    yield made
    made.close()


def test_a_partition_without_leader_beside_another_topic_is_away(
    settings: Settings, probe: KafkaProbe
) -> None:
    """The library leaves it out of its question, and then misses it in the answer (a KeyError)."""
    documents, patients = (
        TopicPartition(settings.topic_prefix + topic, 0) for topic in ("documents", "patients")
    )
    with admin_client(settings, "test") as admin:
        admin.delete_topics([documents.topic])
        wait_for(lambda: documents.topic not in admin.list_topics())
    assert probe.log_ends([patients]) == {patients: LogEnds(0, 0)}
    assert probe.ends([documents, patients]) == {}
    with pytest.raises(FeedUnavailable):
        probe.log_ends([documents, patients])
    assert probe.ends([patients]) == {patients: 0}
