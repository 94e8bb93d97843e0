"""Reads the whole feed: the embedded log by its tables, Kafka by plain kafka-python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

import psycopg

from tests.system.judge.evidence import Answered, Fed, Notified, Place
from tests.system.running.avro_folder import AvroFolder, submitted_sha256

FEED: Final = ("documents", "patients", "registry")
ANSWERS: Final = ("outcomes", "notifications")
Bounds = dict[tuple[str, int], tuple[int, int]]
"""By topic and partition: start and end of the log."""


class Raw(NamedTuple):
    """A record as it lies on the feed."""

    place: Place
    key: bytes
    value: bytes
    headers: bytes


class Feed(Protocol):
    """Either feed, read as a stranger would."""

    def bounds(self, topics: tuple[str, ...]) -> Bounds:
        """Start and end of every partition of these topics."""

    def records(self, topics: tuple[str, ...]) -> Iterator[Raw]:
        """Everything on these topics, in order of offset within a partition."""


@dataclass(frozen=True, slots=True)
class EmbeddedFeed:
    """The log in PostgreSQL."""

    dsn: str

    def bounds(self, topics: tuple[str, ...]) -> Bounds:
        with psycopg.connect(self.dsn) as conn:
            rows = conn.execute(
                "select t.name, p.number, p.low_watermark, p.next_offset from feed.topic t"
                " join feed.partition p on p.topic = t.number where t.name = any(%s)",
                (list(topics),),
            ).fetchall()
        return {(topic, number): (low, end) for topic, number, low, end in rows}

    def records(self, topics: tuple[str, ...]) -> Iterator[Raw]:
        with psycopg.connect(self.dsn) as conn:
            rows = conn.execute(
                'select t.name, r.partition, r."offset", r.key, r.value, r.headers'
                " from feed.record r join feed.topic t on t.number = r.topic"
                " where t.name = any(%s) order by 1, 2, 3",
                (list(topics),),
            ).fetchall()
        for topic, partition, offset, key, value, headers in rows:
            yield Raw(Place(topic, partition, offset), key, value, headers)


@dataclass(frozen=True, slots=True)
class KafkaFeed:
    """A real broker. `prefix` stands before the topics' names."""

    bootstrap: str
    prefix: str = ""

    def bounds(self, topics: tuple[str, ...]) -> Bounds:
        with closing(self._consumer()) as consumer:
            return self._bounds(consumer, topics)

    def records(self, topics: tuple[str, ...]) -> Iterator[Raw]:
        with closing(self._consumer()) as consumer:
            left = self._assign(consumer, topics)
            while left:
                for place, records in consumer.poll(500).items():
                    topic = place.topic.removeprefix(self.prefix)
                    for r in records:
                        at = Place(topic, r.partition, r.offset)
                        headers = b"\0".join(n.encode() + b"=" + (v or b"") for n, v in r.headers)
                        yield Raw(at, r.key or b"", r.value or b"", headers)
                left = {p: end for p, end in left.items() if consumer.position(p) < end}

    def _assign(self, consumer: Any, topics: tuple[str, ...]) -> dict[Any, int]:
        from kafka import TopicPartition

        bounds = self._bounds(consumer, topics)
        places = {
            TopicPartition(self.prefix + topic, number): bound
            for (topic, number), bound in bounds.items()
            if bound[0] < bound[1]
        }
        consumer.assign(list(places))
        for place, (start, _) in places.items():
            consumer.seek(place, start)
        return {place: end for place, (_, end) in places.items()}

    def _bounds(self, consumer: Any, topics: tuple[str, ...]) -> Bounds:
        from kafka import TopicPartition

        places = {
            TopicPartition(self.prefix + topic, number): (topic, number)
            for topic in topics
            for number in consumer.partitions_for_topic(self.prefix + topic) or ()
        }
        starts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        return {name: (starts[place], ends[place]) for place, name in places.items()}

    def _consumer(self) -> Any:
        from kafka import KafkaConsumer

        return KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=16 * 1024 * 1024,
        )


def read_fed(feed: Feed, avro: AvroFolder) -> list[Fed]:
    """All messages for ingestion, those that nobody can read included."""
    return [_fed(raw, avro) for raw in feed.records(FEED)]


def _fed(raw: Raw, avro: AvroFolder) -> Fed:
    digest = sha256(raw.value).hexdigest()
    read = avro.read(raw.value)
    if read is None:
        return Fed(raw.place, raw.key, digest, None, None)
    schema, datum = read
    if schema != "DepositDocument":
        return Fed(raw.place, raw.key, digest, schema, datum)
    content = datum.pop("content")
    datum["content_sha256"] = None if content is None else sha256(content).hexdigest()
    return Fed(raw.place, raw.key, digest, schema, datum, _submitted(raw.value, content))


def _submitted(value: bytes, content: bytes | None) -> str | None:
    try:
        return submitted_sha256(value, content)
    except AssertionError:  # not canonical: never to be stored
        return None


def read_answers(feed: Feed, avro: AvroFolder) -> tuple[list[Answered], list[Notified]]:
    """Outcomes and notifications as published, repetitions included."""
    outcomes: list[Answered] = []
    triggers: list[Notified] = []
    for raw in feed.records(ANSWERS):
        read = avro.read(raw.value)
        assert read is not None, f"{raw.place} is not readable with the published schemas"
        datum = read[1]
        if raw.place.topic == "outcomes":
            assert raw.key.decode() == datum["softwareId"], "outcomes are keyed by software"
            outcomes.append(_answered(datum))
        else:
            triggers.append(
                Notified(
                    *(datum["notificationId"], datum["rule"], datum["record"]),
                    *(datum["lineage"], datum["audience"]),
                )
            )
    return outcomes, triggers


def _answered(datum: dict[str, Any]) -> Answered:
    message_id = datum["messageId"]
    return Answered(
        datum["outcomeId"],
        Place(datum["topic"], datum["partition"], datum["offset"]),
        datum["attempt"],
        datum["status"],
        datum["code"],
        None if message_id is None else str(UUID(bytes=message_id)),
    )
