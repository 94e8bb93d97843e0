"""Topics on Kafka: create them as planned, refuse what would break order or lose records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic, OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from ingest.feed.topic_shapes import PlannedTopic, TopicFacts, count_mismatch
from ingest.feed.types import FeedError, FeedMismatch, FeedUnavailable
from ingest.runtime.settings import Settings

from .connection import BrokerTopic, admin_client, describe

BATCH_OVERHEAD_BYTES = 64 * 1024
"""The broker counts the compressed batch; one record that can't be compressed must still fit."""
_HOUR_MS = 3_600_000
_REPLICATION_MAX = 3


def ensure_kafka_topics(settings: Settings, planned: Mapping[str, PlannedTopic]) -> None:
    """All planned topics exist; existing ones are checked, never changed.

    Raises FeedMismatch for another partition count or a compacted topic, FeedUnavailable,
    FeedError.
    """
    with admin_client(settings, "topics") as admin:
        found = _described(admin, settings, tuple(planned))
        missing = [name for name in planned if name not in found]
        if missing:
            _create(admin, settings, {name: planned[name] for name in missing})
            found = _described(admin, settings, tuple(planned))
        for name, plan in planned.items():
            if found[name].partitions != plan.partitions:
                raise count_mismatch(name, found[name].partitions, plan.partitions)
        _refuse_compaction(admin, settings.topic_prefix, tuple(planned))


def kafka_topic_facts(settings: Settings, names: Sequence[str]) -> dict[str, TopicFacts]:
    """What exists of these topics: identity, start and end of each partition."""
    prefix = settings.topic_prefix
    with admin_client(settings, "facts") as admin:
        cluster_id = str(admin.describe_cluster()["cluster_id"])
        found = _described(admin, settings, names)
        places = [
            TopicPartition(prefix + name, number)
            for name, topic in found.items()
            for number in range(topic.partitions)
        ]
        starts = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        return {
            name: TopicFacts(
                name,
                topic.topic_id,
                cluster_id,
                _in_order(starts, prefix + name, topic.partitions),
                _in_order(ends, prefix + name, topic.partitions),
            )
            for name, topic in found.items()
        }


def _described(
    admin: KafkaAdminClient, settings: Settings, names: Sequence[str]
) -> dict[str, BrokerTopic]:
    found = {}
    for name, topic in describe(admin, settings.topic_prefix, names).items():
        if topic.error is None:
            found[name] = topic
        elif topic.error is not UnknownTopicOrPartitionError:
            raise topic.error(f"topic {name}")
    return found


def _create(
    admin: KafkaAdminClient, settings: Settings, missing: Mapping[str, PlannedTopic]
) -> None:
    brokers = len(admin.describe_cluster()["brokers"])
    copies = min(max(settings.topic_replication, min(_REPLICATION_MAX, brokers)), brokers)
    topics = [
        NewTopic(
            settings.topic_prefix + name,
            num_partitions=plan.partitions,
            replication_factor=copies,
            topic_configs={
                "cleanup.policy": "delete",
                # With the producers' times a wrong clock or an old date would expire a message
                # before anybody has read it, and a time ahead would be refused with its batch.
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(settings.max_message_bytes + BATCH_OVERHEAD_BYTES),
                "retention.ms": str(plan.retention_hours * _HOUR_MS),
            },
        )
        for name, plan in missing.items()
    ]
    try:
        admin.create_topics(topics)
    except TopicAlreadyExistsError:
        pass  # another process was faster; what it made is checked like the rest
    except KafkaError as error:
        raise FeedError(
            f"Kafka did not create the topics ({type(error).__name__}); create them by hand or "
            "give this user the right"
        ) from error
    admin.wait_for_topics([settings.topic_prefix + name for name in missing])


def _refuse_compaction(admin: KafkaAdminClient, prefix: str, names: Sequence[str]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, prefix + name) for name in names]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    for name in names:
        told = configs[prefix + name].get("cleanup.policy")
        if told is None:
            raise FeedUnavailable(
                f"Kafka does not tell this user the settings of topic {name}; give it the right "
                "DescribeConfigs, or migrate as an administrator"
            )
        policy = told["value"]
        if "compact" in policy:
            raise FeedMismatch(
                f"topic {name} is compacted (cleanup.policy={policy}): Kafka would remove messages "
                "nobody has read; set cleanup.policy=delete"
            )


def _in_order(offsets: Mapping[Any, Any], topic: str, partitions: int) -> tuple[int, ...]:
    return tuple(offsets[TopicPartition(topic, number)].offset for number in range(partitions))
