"""A configured feed, and small ways to fill and read it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ingest.feed import (
    Acknowledgement,
    Assignment,
    FeedRecord,
    OutgoingRecord,
    Partition,
    PolledPartition,
    Poller,
    Publisher,
    PublishFailure,
    Resume,
    ensure_topics,
    open_poller,
    open_publisher,
    trim,
)
from ingest.runtime.settings import Settings

Answer = Acknowledgement | PublishFailure
PARTITIONS = 4


@dataclass
class Answers:
    """Collects what `done` was told, in the order it was told."""

    all: list[Answer] = field(default_factory=list)

    def __call__(self, answer: Answer) -> None:
        self.all.append(answer)

    def acknowledged(self) -> list[Acknowledgement]:
        return [a for a in self.all if isinstance(a, Acknowledgement)]

    def codes(self) -> list[str]:
        return [a.code for a in self.all if isinstance(a, PublishFailure)]


class Positions:
    """A `Resume` that begins where the test says (default 0) and remembers what it was asked."""

    def __init__(self, at: Mapping[Partition, int] | None = None) -> None:
        self.at = dict(at or {})
        self.asked: list[Assignment] = []

    def __call__(self, assignments: Sequence[Assignment]) -> dict[Partition, int]:
        self.asked.extend(assignments)
        return {a.partition: self.at.get(a.partition, 0) for a in assignments}


@dataclass
class Feed:
    """A configured feed with fresh topics."""

    settings: Settings
    opened: list[Publisher | Poller] = field(default_factory=list)

    @property
    def embedded(self) -> bool:
        return self.settings.kafka_bootstrap is None

    def publisher(self) -> Publisher:
        publisher = open_publisher(self.settings, client_id="test-publisher")
        self.opened.append(publisher)
        return publisher

    def poller(
        self,
        resume: Resume,
        *,
        topics: Sequence[str] = ("documents",),
        group: str | None = "readers",
    ) -> Poller:
        poller = open_poller(
            self.settings, topics, group=group, resume=resume, client_id="test-poller"
        )
        self.opened.append(poller)
        return poller

    def publish(self, records: Sequence[OutgoingRecord]) -> list[Acknowledgement]:
        """Publishes all and gives their acknowledgements in the order of `records`."""
        publisher = self.publisher()
        slots: list[Answer | None] = [None] * len(records)

        def into(at: int) -> Callable[[Answer], None]:
            return lambda answer: slots.__setitem__(at, answer)

        for at, record in enumerate(records):
            publisher.publish(record, into(at))
        assert publisher.flush(30)
        publisher.close()
        found = [answer for answer in slots if isinstance(answer, Acknowledgement)]
        assert len(found) == len(records), [a for a in slots if isinstance(a, PublishFailure)]
        return found

    def recreate(self, topic: str) -> None:
        """The topic is dropped with all it holds, and created again."""
        name = self.settings.topic_prefix + topic
        if self.embedded:
            with self.sql() as conn:
                conn.execute("delete from feed.topic where name = %s", (name,))
        else:
            from ingest.feed.kafka.connection import admin_client

            with admin_client(self.settings, "test") as admin:
                admin.delete_topics([name])
                wait_for(lambda: name not in admin.list_topics())
        ensure_topics(self.settings)

    def cut_below(self, partition: Partition, offset: int) -> None:
        """Retention removes everything below the offset."""
        if self.embedded:
            assert trim(self.settings, -1, {partition: offset}) == offset
        else:
            from kafka import TopicPartition

            from ingest.feed.kafka.connection import admin_client

            place = TopicPartition(self.settings.topic_prefix + partition.topic, partition.number)
            with admin_client(self.settings, "test") as admin:
                admin.delete_records({place: offset})

    def sql(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A session of the embedded log's database."""
        dsn = self.settings.database_dsn
        assert dsn is not None
        return psycopg.connect(dsn.get_secret_value(), autocommit=True)

    def close(self) -> None:
        for one in self.opened:
            one.close()


def record(key: str, value: bytes = b"value", topic: str = "documents") -> OutgoingRecord:
    return OutgoingRecord(topic, key.encode(), value)


def poll_until(
    poller: Poller,
    count: int,
    *,
    max_records: int = 1000,
    max_bytes: int = 32 * 1024 * 1024,
    seconds: float = 60.0,
) -> dict[Partition, list[FeedRecord]]:
    """What was polled, by partition, once `count` records are there."""
    found: dict[Partition, list[FeedRecord]] = {}
    end = time.monotonic() + seconds
    while sum(map(len, found.values())) < count:
        assert time.monotonic() < end, f"only {sum(map(len, found.values()))} of {count} records"
        for polled in poller.poll(0.2, max_records, max_bytes):
            check_polled(polled)
            found.setdefault(polled.partition, []).extend(polled.records)
    return found


def check_polled(polled: PolledPartition[FeedRecord]) -> None:
    """On our feeds offsets have no holes."""
    offsets = [r.offset for r in polled.records]
    assert offsets == list(range(polled.from_offset, polled.next_offset))


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Returns once `condition()` holds; fails when it does not in that time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def kafka_settings(bootstrap: str) -> Settings:
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    return Settings(
        kafka_bootstrap=bootstrap,
        topic_partitions=PARTITIONS,
        topic_prefix=prefix,
        session_timeout_seconds=6,
        consumer_group=prefix + "group",
    )
