"""Reading Kafka from positions that the event store keeps (decision 0016)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import (
    AuthorizationError,
    CorruptRecordError,
    IllegalStateError,
    KafkaError,
    RetriableError,
)

from ingest.feed.halts import UNREADABLE_SOMEWHERE
from ingest.feed.types import (
    Assignment,
    FeedError,
    FeedMismatch,
    FeedRecord,
    FeedUnavailable,
    Partition,
    PartitionsHalted,
    PolledPartition,
    Resume,
)
from ingest.runtime.settings import Settings

from .connection import BrokerTopic, admin_client, describe, start_client, translated
from .halts import halts_of, outside, place_of_batch
from .probe import KafkaProbe
from .records import feed_record, log_commit

log = structlog.get_logger(__name__)

HEARTBEATS_PER_SESSION = 4
FAIR_BYTES = 256 * 1024
"""How much of one partition is read before the next partition: 1 MiB is some 20,000 records."""
_ALL_POSITIONS_SECONDS = 1.0
"""How often the positions of partitions without records are asked for: only holes move these
positions.
"""


class KafkaPoller:
    """Poller on Kafka. One thread polls; `end_offsets` may be called from another."""

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[str],
        *,
        group: str | None,
        resume: Resume,
        client_id: str,
    ) -> None:
        """Connect; owns nothing yet. Raises FeedUnavailable, FeedMismatch for a missing topic."""
        self._settings = settings
        self._topics = tuple(topics)
        self._group = group
        self._resume = resume
        self._client_id = client_id
        self._probe = KafkaProbe(settings, f"{client_id}-probe")
        self._fresh: set[TopicPartition] = set()
        self._aside: set[TopicPartition] = set()
        self._stuck: set[TopicPartition] = set()  # set aside, but not paused before the next fetch
        self._late: FeedError | None = None
        self._next: dict[TopicPartition, int] = {}
        self._rest: dict[TopicPartition, list[Any]] = {}
        self._names: dict[TopicPartition, Partition] = {}
        self._all_positions_due = 0.0
        self._consumer: KafkaConsumer | None = None
        self._cluster_id, found = self._described()
        for topic, facts in found.items():
            if facts.error is not None:
                raise FeedMismatch(
                    f"Kafka has no topic {topic} that we may read; create the topics first "
                    "(`histoire migrate`) or have the right granted"
                )
        self._consumer = self._subscribed()

    @property
    def cluster_id(self) -> str:
        """Identity of the Kafka cluster."""
        return self._cluster_id

    def poll(
        self, timeout_seconds: float, max_records: int, max_bytes: int
    ) -> list[PolledPartition[FeedRecord]]:
        """As Poller says. While the brokers are away it returns nothing, after the timeout.

        PartitionsHalted: a position is outside the log, the log was cut, or a batch is unreadable.
        FeedUnavailable: a right is missing (raised after the timeout, so that no loop spins).
        """
        end = time.monotonic() + timeout_seconds
        consumer = self._consumer
        if consumer is None:
            consumer = self._consumer = self._subscribed()
        try:
            if self._late is not None:  # found while a batch was put together, not to be lost by it
                late, self._late = self._late, None
                raise late
            if self._fresh:
                self._settle(consumer)
            # What was fetched stays here whatever `Resume` says: the client has moved past it.
            self._rest = self._rest or self._fetch(consumer, end, max_records)
            if self._fresh:
                self._settle(consumer)
            polled, self._rest = self._rest, {}
            return self._bounded(consumer, polled, max_records, max_bytes)
        except FeedUnavailable:
            _sleep_until(end)
            raise

    def owned(self) -> frozenset[Partition]:
        """As Poller says."""
        held = {*list(self._next), *list(self._fresh), *list(self._aside)}
        return frozenset(self._partition(tp) for tp in held)

    def seek_again(self, partitions: Sequence[Partition]) -> None:
        """As Poller says."""
        wanted = set(partitions)
        held = [*list(self._next), *list(self._aside)]
        if self._consumer is not None:
            self._hold(self._consumer, [tp for tp in held if self._partition(tp) in wanted])

    def set_aside(self, partitions: Sequence[Partition]) -> None:
        """As Poller says."""
        wanted = set(partitions)
        held = [*list(self._next), *list(self._fresh)]
        aside = [tp for tp in held if self._partition(tp) in wanted]
        stuck = self._stuck.intersection(aside)
        if self._consumer is not None:
            self._consumer.pause(*(tp for tp in aside if tp not in stuck))
        self._forget(aside)
        self._aside.update(aside)
        self._stuck |= stuck

    def end_offsets(self) -> Mapping[Partition, int]:
        """As Poller says; asked for at most a second."""
        ends = self._probe.ends([*list(self._next), *list(self._aside)])
        return {self._partition(tp): end for tp, end in ends.items()}

    def commit_courtesy(self, next_offsets: Mapping[Partition, int]) -> None:
        """As Poller says. From the polling thread; nothing without a group."""
        if self._group is None or self._consumer is None or not next_offsets:
            return
        offsets = {
            self._topic_partition(partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in next_offsets.items()
        }
        try:
            self._consumer.commit_async(offsets, callback=log_commit)
        except KafkaError as error:
            log.warning("feed_courtesy_commit_failed", error=type(error).__name__)

    def close(self) -> None:
        """As Poller says."""
        self._drop_consumer()
        self._probe.close()

    def _subscribed(self) -> KafkaConsumer:
        settings = self._settings
        session_ms = int(settings.session_timeout_seconds * 1000)
        group: dict[str, Any] = {}
        if self._group is not None:
            group = {
                "session_timeout_ms": session_ms,
                "heartbeat_interval_ms": session_ms // HEARTBEATS_PER_SESSION,
            }
        consumer = start_client(
            KafkaConsumer,
            settings,
            self._client_id,
            **group,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FAIR_BYTES,
            fetch_max_bytes=int(settings.batch_max_bytes),
            allow_auto_create_topics=False,
        )
        names = [settings.topic_prefix + topic for topic in self._topics]
        # Metadata first: else the first assignment is empty and a second rebalance follows.
        known = {name: consumer.partitions_for_topic(name) or set() for name in names}
        if self._group is not None:
            consumer.subscribe(names, listener=_Listener(self, consumer))
            return consumer
        every = [TopicPartition(name, n) for name in names for n in sorted(known[name])]
        consumer.assign(every)
        self._hold(consumer, every)
        return consumer

    def _hold(self, consumer: KafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """These partitions wait for `Resume`. Also called in the client's IO thread."""
        for tp in partitions:
            self._next.pop(tp, None)
            self._rest.pop(tp, None)
            if tp not in self._stuck:
                consumer.seek(tp, 0)  # a placeholder: without a position poll raises
                consumer.pause(tp)
        self._aside.difference_update(partitions)
        self._fresh.update(partitions)

    def _forget(self, partitions: Sequence[TopicPartition]) -> None:
        for tp in partitions:
            self._next.pop(tp, None)
            self._rest.pop(tp, None)
        self._fresh.difference_update(partitions)
        self._aside.difference_update(partitions)
        self._stuck.difference_update(partitions)

    def _settle(self, consumer: KafkaConsumer) -> None:
        """Ask `Resume` where to begin in the partitions that are new. Not in the callback: it
        runs in the thread that sends heartbeats, and must not wait for a database."""
        fresh = sorted(self._fresh - self._stuck)
        if not fresh:
            return
        try:
            ends = self._probe.log_ends(fresh)
            self._cluster_id, topics = self._described()
        except FeedUnavailable as error:
            log.warning("feed_assignment_waits", error=type(error.__cause__ or error).__name__)
            return
        assignments = [
            Assignment(
                self._partition(tp),
                self._cluster_id,
                topics[self._partition(tp).topic].topic_id,
                ends[tp].log_start,
                ends[tp].log_end,
                partial(self._probe.identity_at, tp),
            )
            for tp in fresh
        ]
        try:
            answers = self._resume(assignments)
        except PartitionsHalted as halted:
            self.set_aside(list(halted.halts))
            raise
        self._halt_those(outside(assignments, answers))
        for assignment, tp in zip(assignments, fresh, strict=True):
            offset = answers[assignment.partition]
            consumer.seek(tp, offset)
            self._next[tp] = offset
        consumer.resume(*fresh)
        self._fresh.difference_update(fresh)

    def _fetch(
        self, consumer: KafkaConsumer, end: float, max_records: int
    ) -> dict[TopicPartition, list[Any]]:
        timeout_ms = max(0, int((end - time.monotonic()) * 1000))
        try:
            polled: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms, max_records)
        except RetriableError as error:
            log.warning("feed_poll_waits", error=type(error).__name__)
            _sleep_until(end)
            return {}
        except AuthorizationError as error:
            raise translated(error) from error
        except KafkaError as error:
            raise self._halt(error) from error
        consumer.pause(*self._stuck)
        self._stuck.clear()
        return polled

    def _halt_those(self, halts: Mapping[Partition, str]) -> None:
        if halts:
            self.set_aside(list(halts))
            raise PartitionsHalted(halts)

    def _halt(self, error: KafkaError) -> FeedError:
        """What to raise. Partitions the error is about are set aside; the client goes on."""
        place = place_of_batch(error) if isinstance(error, CorruptRecordError) else None
        if place is not None and self._consumer is not None:
            # The client would give out the broken batch's nothing for ever. It drops it at its next
            # fetch when the position is another one and the partition is not paused.
            end = self._consumer.highwater(place[0]) or 0
            self._consumer.seek(place[0], max(place[1], end))
            self._stuck.add(place[0])
        halts = halts_of(error, self._partition)
        if halts:
            self.set_aside(list(halts))
            return PartitionsHalted(halts)
        # After these the same consumer would spin at 100 % for ever: the next poll makes another.
        self._drop_consumer()
        if isinstance(error, CorruptRecordError):
            return FeedMismatch(UNREADABLE_SOMEWHERE)
        return translated(error)

    def _bounded(
        self,
        consumer: KafkaConsumer,
        polled: dict[TopicPartition, list[Any]],
        max_records: int,
        max_bytes: int,
    ) -> list[PolledPartition[FeedRecord]]:
        """What fits in the bounds; the rest waits here for the next poll."""
        batch: list[PolledPartition[FeedRecord]] = []
        left, room = max_records, max_bytes
        for tp, received in polled.items():
            if tp not in self._next:
                continue  # no longer ours
            records: list[FeedRecord] = []
            for at, record in enumerate(received):
                size = len(record.value or b"") + len(record.key or b"")
                if left <= 0 or (size > room and left < max_records):
                    self._rest[tp] = received[at:]
                    left = 0
                    break
                left -= 1
                room -= size
                records.append(feed_record(record))
            batch += self._advanced(consumer, tp, records)
        if not self._rest and time.monotonic() >= self._all_positions_due:
            self._all_positions_due = time.monotonic() + _ALL_POSITIONS_SECONDS
            for tp in self._next.keys() - polled.keys():
                batch += self._advanced(consumer, tp, [])
        return batch

    def _advanced(
        self, consumer: KafkaConsumer, tp: TopicPartition, records: list[FeedRecord]
    ) -> list[PolledPartition[FeedRecord]]:
        """The partition's part of the batch; none when its position did not move."""
        rest = self._rest.get(tp)
        # Not last + 1: markers and aborted records leave holes, also at the end.
        after = rest[0].offset if rest else self._position(consumer, tp)
        if after is None and records:
            after = records[-1].offset + 1
        before = self._next.get(tp)
        if after is None or before is None or after == before:
            return []
        self._next[tp] = after
        return [PolledPartition(self._partition(tp), before, after, records)]

    def _position(self, consumer: KafkaConsumer, tp: TopicPartition) -> int | None:
        try:
            offset: int | None = consumer.position(tp, timeout_ms=0)
        except IllegalStateError:
            self._forget([tp])  # it was revoked meanwhile, in the client's thread
            return None
        except RetriableError:
            return None
        except KafkaError as error:
            self._late = self._halt(error)
            return None
        return offset

    def _described(self) -> tuple[str, Mapping[str, BrokerTopic]]:
        with admin_client(self._settings, f"{self._client_id}-admin") as admin:
            found = describe(admin, self._settings.topic_prefix, self._topics)
            return str(admin.describe_cluster()["cluster_id"]), found

    def _drop_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None
        self._forget([*self._next, *self._fresh, *self._aside])

    def _partition(self, tp: TopicPartition) -> Partition:
        found = self._names.get(tp)
        if found is None:
            name = tp.topic[len(self._settings.topic_prefix) :]
            found = self._names[tp] = Partition(name, tp.partition)
        return found

    def _topic_partition(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._settings.topic_prefix + partition.topic, partition.number)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # the library has no types
    """Runs in the client's IO thread while the polling thread waits inside `poll`: no lock."""

    def __init__(self, poller: KafkaPoller, consumer: KafkaConsumer) -> None:
        self._poller = poller
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        self._poller._forget(revoked)

    def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        self._poller._forget(lost)

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._poller._hold(self._consumer, list(assigned))


def _sleep_until(end: float) -> None:
    time.sleep(max(0.0, end - time.monotonic()))
