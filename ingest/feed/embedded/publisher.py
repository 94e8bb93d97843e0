"""Publishing to the embedded log: all that was handed over meanwhile is one transaction."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import structlog

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
from ingest.runtime.lifecycle import Clock, SystemClock, delays
from ingest.runtime.postgres.database import UnknownCommit, transaction
from ingest.runtime.settings import Settings

from .append import TopicsChanged, copy_records, notify, spread, take_offsets
from .log import LogTopic, Session, channel_of, feed_errors, log_session, log_topics

log = structlog.get_logger(__name__)

_GROUP_RECORDS = 5_000
_GROUP_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    record: OutgoingRecord
    done: Done
    size: int


class EmbeddedPublisher:
    """Publisher of the embedded log. Each record is durable when acknowledged: the commit comes
    first.
    """

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        *,
        clock: Clock | None = None,
        outstanding: Outstanding | None = None,
    ) -> None:
        """Open; raises FeedUnavailable, or FeedMismatch when the log was never created."""
        self._settings = settings
        self._client_id = client_id
        self._clock = clock or SystemClock()
        self._outstanding = outstanding or Outstanding()
        self._waiting: deque[_Entry] = deque()
        self._handed_over = threading.Condition()
        self._closing = threading.Event()
        self._admission = Admission(
            self._outstanding, self._closing.is_set, _Entry, self._take_over
        )
        self._session: Session | None = None
        self._topics: dict[str, LogTopic] = {}
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._connected()
        self._writer = threading.Thread(target=self._run, name=f"feed-{client_id}", daemon=True)
        self._writer.start()

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        """As Publisher says. Code `empty_key`, `too_large`, `bad_timestamp`: refused at once."""
        self.publish_many((record,), done)

    def publish_many(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        """As Publisher says."""
        limit, now_ms = self._settings.max_message_bytes, self._now_ms()
        self._admission.admit(records, done, lambda r, size: refusal(r, size, limit, now_ms))

    def flush(self, timeout_seconds: float) -> bool:
        """As Publisher says."""
        return self._outstanding.wait_until_none(timeout_seconds)

    def unacknowledged(self) -> int:
        """As Publisher says."""
        return self._outstanding.records()

    def close(self, timeout_seconds: float = 10.0) -> None:
        """As Publisher says; a transaction under way ends first, so that nothing is in doubt."""
        self.flush(timeout_seconds)
        self._closing.set()
        with self._handed_over:
            self._handed_over.notify_all()
        self._writer.join()

    def _take_over(self, entries: list[_Entry]) -> bool:
        with self._handed_over:
            if self._closing.is_set():
                return False
            self._waiting.extend(entries)
            self._handed_over.notify_all()
        return True

    def _run(self) -> None:
        try:
            while group := self._next_group():
                self._write_until_answered(group)
        finally:
            self._closing.set()
            self._fail_waiting()
            if self._session is not None:
                self._session.close()

    def _next_group(self) -> list[_Entry]:
        group: list[_Entry] = []
        total = 0
        with self._handed_over:
            while not self._waiting and not self._closing.is_set():
                self._handed_over.wait()
            while self._waiting and not self._closing.is_set() and len(group) < _GROUP_RECORDS:
                total += self._waiting[0].size
                if group and total > _GROUP_BYTES:
                    break
                group.append(self._waiting.popleft())
        return group

    def _fail_waiting(self) -> None:
        with self._handed_over:
            entries = list(self._waiting)
            self._waiting.clear()
        self._finish(entries, PublishFailure("closed", "the publisher was closed"))

    def _write_until_answered(self, group: list[_Entry]) -> None:
        for delay in delays(first=0.05):
            try:
                self._write(self._with_known_topics(group))
            except TopicsChanged:
                self._topics = {}
                self._closing.wait(delay)
                continue
            except (FeedUnavailable, UnknownCommit) as error:
                # After an unknown COMMIT the group goes again: at least once, in the same order.
                self._drop_session()
                log.warning("feed_write_waits", error=type(error).__name__)
                if self._closing.wait(delay):
                    self._finish(group, PublishFailure("closed", "the publisher was closed"))
                    return
                continue
            except FeedError as error:
                self._drop_session()
                self._finish(group, PublishFailure(_code(error), str(error)))
            return

    def _with_known_topics(self, group: list[_Entry]) -> list[_Entry]:
        if any(entry.record.topic not in self._topics for entry in group):
            with feed_errors():
                self._topics = log_topics(self._connected(), self._settings.topic_prefix)
        unknown = [entry for entry in group if entry.record.topic not in self._topics]
        if not unknown:
            return group
        self._finish(unknown, PublishFailure("no_such_topic", "the feed has no such topic"))
        known = [entry for entry in group if entry.record.topic in self._topics]
        group[:] = known
        return known

    def _write(self, group: list[_Entry]) -> None:
        if not group:
            return
        topics = self._topics
        keys = [
            (topic.number, partition_of(entry.record.key, topic.partitions))
            for entry in group
            for topic in (topics[entry.record.topic],)
        ]
        counts = Counter(keys)
        conn = self._connected()
        try:
            with transaction(conn):
                places = take_offsets(conn, counts)
                offsets = spread(keys, places)
                stamps = self._stamps(group)
                copy_records(conn, [entry.record for entry in group], keys, offsets, stamps)
                notify(conn, {channel_of(topics[entry.record.topic]) for entry in group})
        except psycopg.Error:
            with feed_errors():
                raise
        self._acknowledge(group, keys, offsets, stamps)

    def _stamps(self, group: list[_Entry]) -> list[int]:
        now_ms = self._now_ms()
        stamps = (entry.record.timestamp_ms for entry in group)
        return [now_ms if stamp is None else stamp for stamp in stamps]

    def _acknowledge(
        self,
        group: list[_Entry],
        keys: list[tuple[int, int]],
        offsets: list[int],
        stamps: list[int],
    ) -> None:
        try:
            for entry, key, offset, stamp in zip(group, keys, offsets, stamps, strict=True):
                partition = self._partition(entry.record.topic, key[1])
                entry.done(Acknowledgement(partition, offset, stamp))
        finally:
            self._outstanding.give_back(len(group), sum(entry.size for entry in group))

    def _finish(self, entries: list[_Entry], answer: PublishFailure) -> None:
        _answer(entries, answer)
        self._outstanding.give_back(len(entries), sum(entry.size for entry in entries))

    def _partition(self, topic: str, number: int) -> Partition:
        found = self._partitions.get((topic, number))
        if found is None:
            found = self._partitions[topic, number] = Partition(topic, number)
        return found

    def _connected(self) -> Session:
        if self._session is None or self._session.closed:
            session = log_session(self._settings, self._client_id)
            try:
                with feed_errors():
                    self._topics = log_topics(session, self._settings.topic_prefix)
            except FeedError:
                session.close()
                raise
            self._session = session
        return self._session

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


def _answer(entries: Sequence[_Entry], answer: PublishFailure) -> None:
    for entry in entries:
        entry.done(answer)


def _code(error: FeedError) -> str:
    cause = error.__cause__
    denied = isinstance(cause, psycopg.errors.InsufficientPrivilege)
    return "not_authorised" if denied else "refused"
