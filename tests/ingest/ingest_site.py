"""One installation for a test: a migrated store, an embedded feed, and what runs on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ingest.batch.write import BatchWriter, Written
from ingest.consume.consumer import Consumer, Limits
from ingest.consume.rejection_limit import RejectionLimit
from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import RecordedEvent
from ingest.feed import (
    Acknowledgement,
    FeedRecord,
    OutgoingRecord,
    Partition,
    PolledPartition,
    Poller,
    PublishFailure,
    open_poller,
    open_publisher,
)
from ingest.read.arrivals import Arrival, read_partition, source_of
from ingest.read.offsets import StoredOffsets
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings
from schemas.codec.messages import decode_event
from schemas.events import SCHEMA_OF
from schemas.feed.messages import FEED_TOPICS
from tests.ingest.feed_messages import CONTEXT, PARTITIONS, feed_record, key_of, partition_for

CLUSTER = "test"
Message = tuple[str, dict[str, Any]]


@dataclass
class Site:
    settings: Settings
    store: EventStore
    offsets: dict[Partition, int] = field(default_factory=lambda: defaultdict(int))

    # Straight into the batch, without a feed

    def writer(self, store: EventStore | None = None) -> BatchWriter:
        return BatchWriter(store or self.store, CONTEXT, SystemClock(), without_waiting)

    def parts(self, *messages: Message) -> list[PolledPartition[Arrival]]:
        """What a poll of these messages would bring, at the next offsets of their partitions."""
        by_partition: dict[Partition, list[FeedRecord]] = {}
        for message in messages:
            partition = partition_for(message)
            at = self.offsets[partition]
            self.offsets[partition] += 1
            by_partition.setdefault(partition, []).append(feed_record(message, at))
        parts = []
        for partition, records in by_partition.items():
            self.store.sources.insert(source_of(CLUSTER, partition), "topic", 0)
            polled = PolledPartition(partition, records[0].offset, records[-1].offset + 1, records)
            parts.append(read_partition(polled, CLUSTER, CONTEXT))
        return parts

    def write(self, *messages: Message) -> list[str]:
        """One batch; status or code of each answer, in the order of the partitions."""
        return answers(self.writer().write(self.parts(*messages)))

    # Over the embedded feed

    def publish(self, *messages: Message) -> list[Acknowledgement]:
        return self.publish_records(
            *(
                OutgoingRecord(
                    partition_for(message).topic,
                    key_of(message[1]),
                    feed_record(message).value or b"",
                    feed_record(message).headers,
                )
                for message in messages
            )
        )

    def publish_records(self, *records: OutgoingRecord) -> list[Acknowledgement]:
        done: list[Acknowledgement | PublishFailure] = []
        publisher = open_publisher(self.settings, client_id="test")
        try:
            publisher.publish_many(records, done.append)
            assert publisher.flush(20)
        finally:
            publisher.close()
        acknowledged = [answer for answer in done if isinstance(answer, Acknowledgement)]
        assert len(acknowledged) == len(records)
        return acknowledged

    def poller(self, store: EventStore | None = None, group: str = "ingest") -> Poller:
        resume = StoredOffsets(store or self.store, without_waiting)
        return open_poller(self.settings, FEED_TOPICS, group=group, resume=resume, client_id="test")

    def consumer(self, poller: Poller, **changes: Any) -> Consumer:
        limits = Limits(changes.pop("records", 500), 32 * 1024 * 1024, 0.05)
        rejections = changes.pop("rejections", RejectionLimit(2000, 0.5))
        report = changes.pop("report", None)
        writer = changes.pop("writer", None) or self.writer()
        clock = changes.pop("clock", None) or SystemClock()
        return Consumer(poller, writer, CONTEXT, limits, rejections, clock, report)

    def ingest(self, **changes: Any) -> None:
        """Everything on the feed is ingested."""
        poller = self.poller()
        try:
            self.consumer(poller, **changes).run(StopSignal(), until_idle=True)
        finally:
            poller.close()

    # Looking

    def events(self) -> list[RecordedEvent]:
        return self.store.reading.read_after(0, 100_000)

    def names(self) -> list[str]:
        return [event.name for event in self.events()]

    def said(self, event: RecordedEvent) -> dict[str, Any]:
        assert event.encoded is not None
        return decode_event(SCHEMA_OF[event.name], event.encoded)

    def balance(self) -> dict[str, int]:
        """All partitions together."""
        total: dict[str, int] = defaultdict(int)
        for position in self.store.sources.all().values():
            for kind in ("accepted", "duplicate", "unchanged", "rejected", "events", "holes"):
                total[kind] += getattr(position, kind)
            total["fetched"] += position.next_offset - position.first_offset
        return dict(total)


def answers(written: Written) -> list[str]:
    return [outcome_of(arrival) for part in written.parts for arrival in part.records]


def outcome_of(arrival: Arrival) -> str:
    """The code of its rejection, or its status."""
    return arrival.code or arrival.status


def of_source(part: PolledPartition[Arrival], name: str) -> PolledPartition[Arrival]:
    """The same messages from a source of that cluster, as another process reads them."""
    for arrival in part.records:
        arrival.source = source_of(name, part.partition)
    return part


__all__ = ["CLUSTER", "PARTITIONS", "Message", "Site", "answers", "of_source", "outcome_of"]
