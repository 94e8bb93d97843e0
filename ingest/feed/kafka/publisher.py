"""Publishing to Kafka without losing a record while the process lives (decision 0009).

kafka-python's idempotent producer can stop for ever, silently or after one refused batch. Hence
there is no delivery time-out, every record is checked before it is sent, and a watchdog gives up a
stuck or dead producer and sends all that is pending again, in order, with a new one.

Private names of the library (`_sender`, `_accumulator`, `_transaction_manager`, `_add_cb_eb`,
`_unregister_cleanup`; they hold for 3.0.12) are used in this module only.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from kafka import KafkaProducer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    UnknownTopicOrPartitionError,
)

from ingest.feed.admission import Admission, refusal
from ingest.feed.backpressure import Outstanding
from ingest.feed.partitioning import partition_of
from ingest.feed.types import (
    Acknowledgement,
    Done,
    FeedError,
    FeedUnavailable,
    OutgoingRecord,
    Partition,
    PublishFailure,
)
from ingest.runtime.lifecycle import Clock, SystemClock
from ingest.runtime.settings import Settings

from .connection import admin_client, describe, reachable, start_client
from .refusals import PASSING, refusal_of
from .topics import BATCH_OVERHEAD_BYTES

log = structlog.get_logger(__name__)

STALL_SECONDS = 30.0
"""Longer than a leader that hangs is waited for (15 s with our request time-out, decision 0009)."""
_STALL_MAX_SECONDS = 480.0
_WATCH_SECONDS = 0.5
_LOOK_UP_SECONDS = 5.0
"""How long an answer about a topic that cannot be used is believed: asking costs 0.1 s."""
_STRIKES = 3


class _Entry:
    __slots__ = ("done", "record", "size", "strikes")

    def __init__(self, record: OutgoingRecord, done: Done, size: int) -> None:
        self.record = record
        self.done = done
        self.size = size
        self.strikes = 0


class KafkaPublisher:
    """Publisher on Kafka: acks=all, idempotent, lz4. `done` runs in a network thread: never block
    or publish in it."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        *,
        clock: Clock | None = None,
        outstanding: Outstanding | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """Connect. Raises FeedUnavailable, with the reason where the client logged one."""
        self._settings = settings
        self._client_id = client_id
        self._clock = clock or SystemClock()
        self._outstanding = outstanding or Outstanding()
        self._stall_seconds = self._patience = stall_seconds
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._pending: dict[int, _Entry] = {}
        self._counts: dict[str, int] = {}
        self._looked_up: dict[str, tuple[PublishFailure | None, float]] = {}
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._targets: dict[tuple[str, int], TopicPartition] = {}
        self._generation = 0
        self._dead = False
        self._blamed: _Entry | None = None
        self._progress = self._clock.monotonic()
        self._closing = threading.Event()
        self._admission = Admission(
            self._outstanding, self._closing.is_set, _Entry, self._take_over
        )
        self._wake = threading.Event()
        self._producer = self._new_producer()
        self._watchdog = threading.Thread(
            target=self._watch, name=f"feed-{client_id}-watchdog", daemon=True
        )
        self._watchdog.start()

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        """As Publisher says. `done` may be called before this returns."""
        self.publish_many((record,), done)

    def publish_many(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        """As Publisher says."""
        limit, now_ms = self._settings.max_message_bytes, int(self._clock.now() * 1000)

        def refused(record: OutgoingRecord, size: int) -> PublishFailure | None:
            return refusal(record, size, limit, now_ms) or self._unknown_topic(record.topic)

        self._admission.admit(records, done, refused)

    def flush(self, timeout_seconds: float) -> bool:
        """As Publisher says. (The library's own flush raises after a split batch, decision
        0009.)
        """
        return self._outstanding.wait_until_none(timeout_seconds)

    def unacknowledged(self) -> int:
        """As Publisher says."""
        return self._outstanding.records()

    def close(self, timeout_seconds: float = 10.0) -> None:
        """As Publisher says. A record that failed as `closed` may still have reached the feed."""
        self.flush(timeout_seconds)
        self._closing.set()
        self._wake.set()
        self._watchdog.join()
        with self._lock:
            self._generation += 1
            _give_up(self._producer)
            for number in list(self._pending):
                self._finish(number, PublishFailure("closed", "the publisher was closed"))

    def _take_over(self, entries: list[_Entry]) -> bool:
        with self._lock:
            if self._closing.is_set():
                return False
            if not self._pending:
                self._progress = self._clock.monotonic()
            for entry in entries:
                number = next(self._numbers)
                self._pending[number] = entry
                self._send(number, entry)
        return True

    def _send(self, number: int, entry: _Entry) -> None:
        """Under the lock. A dead producer sends nothing: the next one sends all, in order."""
        record = entry.record
        count = self._counts.get(record.topic)
        if self._dead or count is None:
            self._died()
            return
        place = record.topic, partition_of(record.key, count)
        target = self._targets.get(place)
        try:
            if target is None:
                target = self._target(*place)
            # Not `KafkaProducer.send`: its checks are done already and take half of its time.
            future, full, begun, _ = self._producer._accumulator.append(
                target, record.timestamp_ms, record.key, record.value, record.headers
            )
        except (KafkaTimeoutError, UnknownTopicOrPartitionError):
            # The brokers went away, or the topic did, or it came back smaller: the renewal asks.
            self._counts.pop(record.topic, None)
            self._died()
            return
        future._add_cb_eb(
            partial(self._acknowledged, number), partial(self._failed, self._generation, number)
        )
        if full or begun:
            self._producer._sender.wakeup()

    def _target(self, topic: str, number: int) -> TopicPartition:
        """The partition under its full name, once this producer knows it."""
        name = self._settings.topic_prefix + topic
        if number not in self._producer.partitions_for(name):
            raise UnknownTopicOrPartitionError
        target = self._targets[topic, number] = TopicPartition(name, number)
        return target

    def _acknowledged(self, number: int, metadata: Any) -> None:
        # Also from a producer given up: the record is on the feed, whoever put it there.
        entry = self._pending.pop(number, None)
        if entry is None:
            return
        self._progress = self._clock.monotonic()
        self._patience = self._stall_seconds
        place = entry.record.topic, metadata.partition
        partition = self._partitions.get(place)
        if partition is None:
            partition = self._partitions[place] = Partition(*place)
        try:
            entry.done(Acknowledgement(partition, metadata.offset, metadata.timestamp))
        finally:
            self._outstanding.give_back(1, entry.size)

    def _failed(self, generation: int, number: int, error: KafkaError) -> None:
        if generation != self._generation:
            return  # of a producer given up: the record was sent again
        with self._lock:
            entry = self._pending.get(number)
            if generation != self._generation or entry is None:
                return
            fatal = self._producer._transaction_manager.has_fatal_error()
            failure = refusal_of(error)
            if self._dead:
                self._blame_better(number, failure)
            elif failure is not None and not fatal:
                self._finish(number, failure)
            else:
                self._blame(number, entry, error, failure)

    def _blame(
        self, number: int, entry: _Entry, error: KafkaError, failure: PublishFailure | None
    ) -> None:
        """The producer is of no use any more; the first error belongs to this record."""
        log.warning("feed_producer_died", error=type(error).__name__)
        self._died()
        if failure is None:
            # Perhaps a victim of a batch mate, perhaps a passing fault: it gets three chances.
            entry.strikes += not isinstance(error, PASSING)
            self._blamed = entry
            if entry.strikes >= _STRIKES:
                self._finish(number, PublishFailure("refused", f"Kafka: {type(error).__name__}"))
        elif failure.code == "not_authorised":
            # Not only this record: each of its topic would kill the next producer too.
            everywhere = "ClusterAuthorizationFailed" in str(error)
            for other, pending in list(self._pending.items()):
                if everywhere or pending.record.topic == entry.record.topic:
                    self._finish(other, failure)
        else:
            self._finish(number, failure)

    def _blame_better(self, number: int, failure: PublishFailure | None) -> None:
        """A batch mate says what is wrong with it: the one blamed before it was its victim."""
        if self._blamed is not None and failure is not None:
            self._blamed.strikes = 0
            self._blamed = None
            self._finish(number, failure)

    def _finish(self, number: int, failure: PublishFailure) -> None:
        entry = self._pending.pop(number, None)
        if entry is not None:
            try:
                entry.done(failure)
            finally:
                self._outstanding.give_back(1, entry.size)

    def _died(self) -> None:
        self._dead = True
        self._wake.set()

    def _watch(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(_WATCH_SECONDS)
            self._wake.clear()
            if not self._needs_renewal() or self._closing.is_set():
                continue
            try:
                self._renew()
            except FeedError as error:
                log.warning("feed_producer_not_renewed", error=type(error).__name__)
            self._closing.wait(_WATCH_SECONDS)

    def _needs_renewal(self) -> bool:
        idle = self._clock.monotonic() - self._progress
        return bool(self._pending) and (self._dead or idle > self._patience)

    def _renew(self) -> None:
        """A new producer sends what is pending, in the order of sending.

        Nothing changes while no broker can be reached: the library waits for it by itself.
        """
        if not reachable(self._settings):
            return
        with self._lock:
            self._generation += 1
            self._dead, self._blamed = True, None
            _give_up(self._producer)
            self._targets.clear()
            self._producer = self._new_producer()
            self._look_up_pending_topics()
            self._dead = False
            self._progress = self._clock.monotonic()
            self._patience = min(self._patience * 2, _STALL_MAX_SECONDS)
            log.warning("feed_producer_renewed", records=len(self._pending))
            for number, entry in list(self._pending.items()):
                self._send(number, entry)

    def _look_up_pending_topics(self) -> None:
        for topic in {entry.record.topic for entry in list(self._pending.values())}:
            failure = None if topic in self._counts else self._look_up(topic)
            if failure is not None:
                for number, entry in list(self._pending.items()):
                    if entry.record.topic == topic:
                        self._finish(number, failure)

    def _unknown_topic(self, topic: str) -> PublishFailure | None:
        """Looks a topic up once; None also while nobody can be asked: then it is asked later."""
        if topic in self._counts:
            return None
        failure, until = self._looked_up.get(topic, (None, 0.0))
        if self._clock.monotonic() >= until:
            failure = self._look_up(topic)
            self._looked_up[topic] = failure, self._clock.monotonic() + _LOOK_UP_SECONDS
        return failure

    def _look_up(self, topic: str) -> PublishFailure | None:
        try:
            with admin_client(self._settings, f"{self._client_id}-topics") as admin:
                found = describe(admin, self._settings.topic_prefix, [topic])[topic]
        except FeedUnavailable:
            return None
        if found.error is None:
            self._counts[topic] = found.partitions
            return None
        if issubclass(found.error, AuthorizationError):
            return PublishFailure("not_authorised", "this user may not write to the topic")
        return PublishFailure("no_such_topic", "the feed has no such topic")

    def _new_producer(self) -> KafkaProducer:
        return start_client(
            KafkaProducer,
            self._settings,
            self._client_id,
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=float("inf"),
            compression_type="lz4",
            linger_ms=5,
            batch_size=128 * 1024,
            max_block_ms=5_000,
            max_request_size=self._settings.max_message_bytes + BATCH_OVERHEAD_BYTES,
            allow_auto_create_topics=False,
        )


def _give_up(producer: KafkaProducer) -> None:
    """Ends a producer whatever it waits for; `close` alone would wait for ever, or not close."""
    producer._sender.force_close()
    producer._sender.join(5)
    producer._unregister_cleanup()
    with suppress(KafkaError):
        producer.close(timeout=0)
