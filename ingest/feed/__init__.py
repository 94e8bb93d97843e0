"""The feed: publish and poll, the same on the embedded log and on Kafka.

Kafka's client is imported only when a broker is configured: it costs start-up time. The room
imports runtime and schemas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.runtime.settings import Settings

from .partitioning import partition_of
from .topic_shapes import PlannedTopic, TopicFacts
from .topics import check_topics, ensure_topics, planned_topics, topic_facts
from .types import (
    Acknowledgement,
    Assignment,
    Done,
    FeedError,
    FeedMismatch,
    FeedRecord,
    FeedRecordIdentity,
    FeedUnavailable,
    Headers,
    OutgoingRecord,
    Partition,
    PartitionsHalted,
    PolledPartition,
    Poller,
    Publisher,
    PublishFailure,
    Resume,
)

__all__ = [
    "Acknowledgement",
    "Assignment",
    "Done",
    "FeedError",
    "FeedMismatch",
    "FeedRecord",
    "FeedRecordIdentity",
    "FeedUnavailable",
    "Headers",
    "OutgoingRecord",
    "Partition",
    "PartitionsHalted",
    "PlannedTopic",
    "PolledPartition",
    "Poller",
    "PublishFailure",
    "Publisher",
    "Resume",
    "TopicFacts",
    "check_topics",
    "ensure_topics",
    "open_poller",
    "open_publisher",
    "partition_of",
    "planned_topics",
    "topic_facts",
    "trim",
]


def open_publisher(settings: Settings, *, client_id: str) -> Publisher:
    """A publisher on the configured feed. Close it.

    Raises FeedUnavailable when the feed is away, FeedMismatch when the embedded one has no tables.
    """
    if settings.kafka_bootstrap is None:
        from ingest.feed.embedded.publisher import EmbeddedPublisher

        return EmbeddedPublisher(settings, client_id)
    from ingest.feed.kafka.publisher import KafkaPublisher

    return KafkaPublisher(settings, client_id)


def open_poller(
    settings: Settings,
    topics: Sequence[str],
    *,
    group: str | None,
    resume: Resume,
    client_id: str,
) -> Poller:
    """A poller of these topics on the configured feed. Close it.

    With a `group` its members share the partitions; None: this poller reads all of them.
    Raises FeedUnavailable when the feed is away, FeedMismatch when a topic is missing.
    """
    if settings.kafka_bootstrap is None:
        from ingest.feed.embedded.poller import EmbeddedPoller

        return EmbeddedPoller(settings, topics, group=group, resume=resume, client_id=client_id)
    from ingest.feed.kafka.poller import KafkaPoller

    return KafkaPoller(settings, topics, group=group, resume=resume, client_id=client_id)


def trim(settings: Settings, keep_hours: float, not_above: Mapping[Partition, int]) -> int:
    """Deletes records older than `keep_hours` and below the offsets given; returns how many.

    A partition without an offset is left alone. On Kafka the broker deletes by itself
    (`retention.ms`), hence nothing is done. Raises FeedUnavailable.
    """
    if settings.kafka_bootstrap is not None:
        return 0
    from ingest.feed.embedded.retention import trim_log

    return trim_log(settings, keep_hours, not_above)
