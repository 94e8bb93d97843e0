"""The topics of the system, on whichever feed is configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ingest.runtime.settings import Settings
from schemas.feed.messages import FEED_TOPICS, NOTIFICATIONS, OUTCOMES

from .topic_shapes import PlannedTopic, TopicFacts
from .types import FeedMismatch, FeedUnavailable

ANSWER_PARTITIONS = 6
"""Outcomes and notifications: little data, and no order beyond one software or record."""


def planned_topics(settings: Settings) -> Mapping[str, PlannedTopic]:
    """Every topic of the system by logical name."""
    fed = PlannedTopic(settings.topic_partitions, settings.feed_retention_hours)
    answers = PlannedTopic(ANSWER_PARTITIONS, settings.outcome_retention_hours)
    return {**dict.fromkeys(FEED_TOPICS, fed), OUTCOMES: answers, NOTIFICATIONS: answers}


def ensure_topics(settings: Settings) -> None:
    """All topics exist as planned; those that exist are checked, never changed.

    Raises FeedMismatch when a topic has another partition count or, on Kafka, is compacted;
    FeedUnavailable when the feed is away; FeedError when it refuses.
    """
    if settings.kafka_bootstrap is None:
        _ensure_log_topics(settings)
        return
    from ingest.feed.kafka.topics import ensure_kafka_topics

    ensure_kafka_topics(settings, planned_topics(settings))


def check_topics(settings: Settings, topics: Sequence[str]) -> None:
    """These topics exist and this user is told of them; nothing is made, nothing else looked at.

    For those who use topics that are the operator's. Raises FeedMismatch for a topic that is not
    there (also before the first `histoire migrate`), FeedUnavailable when the feed is away or this
    user has no right to a topic.
    """
    if settings.kafka_bootstrap is None:
        from ingest.feed.embedded.log import feed_errors, log_session, log_topics

        with feed_errors():
            conn = log_session(settings, "topics")
            try:
                found = log_topics(conn, settings.topic_prefix)
            finally:
                conn.close()
        _refuse_missing(topic for topic in topics if topic not in found)
        return
    _check_kafka_topics(settings, topics)


def topic_facts(settings: Settings) -> dict[str, TopicFacts]:
    """The topics of the system that exist, by logical name. Raises FeedUnavailable, FeedError."""
    if settings.kafka_bootstrap is None:
        return _log_facts(settings)
    from ingest.feed.kafka.topics import kafka_topic_facts

    return kafka_topic_facts(settings, tuple(planned_topics(settings)))


def _refuse_missing(missing: Iterable[str]) -> None:
    for topic in missing:
        raise FeedMismatch(
            f"topic {topic} does not exist: run `histoire migrate`, or ask the operator of the feed"
        )


def _check_kafka_topics(settings: Settings, topics: Sequence[str]) -> None:
    from kafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError

    from ingest.feed.kafka.connection import admin_client, describe, translated

    with admin_client(settings, "topics") as admin:
        found = describe(admin, settings.topic_prefix, topics)
    _refuse_missing(t for t in topics if found[t].error is UnknownTopicOrPartitionError)
    for topic in topics:
        error = found[topic].error
        if error is TopicAuthorizationFailedError:
            raise FeedUnavailable(
                f"this user has no right to topic {topic}, or there is none: ask the operator of"
                " the feed"
            )
        if error is not None:
            raise translated(error())


def _ensure_log_topics(settings: Settings) -> None:
    from ingest.feed.embedded.log import create_topics, feed_errors, log_session

    wanted = {name: plan.partitions for name, plan in planned_topics(settings).items()}
    with feed_errors():
        conn = log_session(settings, "topics")
        try:
            create_topics(conn, settings.topic_prefix, wanted)
        finally:
            conn.close()


def _log_facts(settings: Settings) -> dict[str, TopicFacts]:
    from ingest.feed.embedded.log import (
        feed_errors,
        log_bounds,
        log_cluster_id,
        log_session,
        log_topics,
    )

    facts = {}
    with feed_errors():
        conn = log_session(settings, "facts")
        try:
            cluster_id = log_cluster_id(conn)
            topics = log_topics(conn, settings.topic_prefix)
            for name in planned_topics(settings).keys() & topics.keys():
                bounds = log_bounds(conn, topics[name])
                facts[name] = TopicFacts(
                    name,
                    topics[name].topic_id,
                    cluster_id,
                    tuple(found.log_start for found in bounds),
                    tuple(found.log_end for found in bounds),
                )
        finally:
            conn.close()
    return facts
