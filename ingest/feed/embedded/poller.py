"""Reading the embedded log from positions that the event store keeps."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from ingest.feed.halts import after_the_log, before_the_log
from ingest.feed.types import (
    Assignment,
    FeedError,
    FeedMismatch,
    FeedRecord,
    FeedRecordIdentity,
    FeedUnavailable,
    Partition,
    PartitionsHalted,
    PolledPartition,
    Resume,
)
from ingest.runtime.lifecycle import Clock, SystemClock
from ingest.runtime.postgres.arrays import Int4Array, Int8Array
from ingest.runtime.settings import Settings

from .headers import unpack_headers
from .log import (
    LogBounds,
    LogTopic,
    Session,
    channel_of,
    feed_errors,
    log_cluster_id,
    log_session,
    log_topics,
)
from .membership import Membership, Place

SHARE_SECONDS = 1.0
"""How often the group's shares are looked at; five times as often while they are unequal."""
_PLANS = (
    # Reads go along the primary key. Without statistics (a log just created) the planner might
    # read the whole table instead.
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;"
    " set jit = off; set work_mem = '32MB'; set idle_in_transaction_session_timeout = 0"
)
_READ = (
    'select at, "offset", timestamp_ms, key, value, headers from (select w.at, r.*,'
    ' sum(r.size) over (order by w.at, r."offset" rows unbounded preceding) as total'
    " from unnest(%b::int[], %b::int[], %b::bigint[], %b::bigint[]) with ordinality"
    " as w(topic, number, first, last, at) join feed.record r on r.topic = w.topic"
    ' and r.partition = w.number and r."offset" >= w.first and r."offset" < w.last) s'
    ' where total <= %s or total = size order by at, "offset"'
)
_BOUNDS_OF = (
    "select p.topic, p.number, p.low_watermark, p.next_offset from feed.partition p"
    " where (p.topic, p.number) in (select * from unnest(%b::int[], %b::int[]))"
)
_IDENTITY = (
    'select timestamp_ms from feed.record where topic = %s and partition = %s and "offset" = %s'
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A range of offsets to read: [first, last)."""

    place: Place
    first: int
    last: int


class EmbeddedPoller:
    """Poller of the embedded log. One thread polls; `end_offsets` may be called from another."""

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[str],
        *,
        group: str | None,
        resume: Resume,
        client_id: str,
        clock: Clock | None = None,
    ) -> None:
        """Open; owns nothing yet. Raises FeedUnavailable, FeedMismatch when a topic is missing."""
        self._settings = settings
        self._names = tuple(topics)
        self._group = group
        self._resume = resume
        self._client_id = client_id
        self._clock = clock or SystemClock()
        self._session: Session | None = None
        self._lag_session: Session | None = None
        self._lag_lock = threading.Lock()
        self._topics: dict[int, LogTopic] = {}
        self._topic_names: dict[int, str] = {}
        self._next: dict[Place, int] = {}
        self._fresh: set[Place] = set()
        self._aside: set[Place] = set()
        self._turn = 0
        self._share_due = 0.0
        self._membership: Membership | None = None
        try:
            with feed_errors():
                conn = self._connected()
                self._cluster_id = log_cluster_id(conn)
                self._look_up_topics(conn, missing_halts=True)
        except FeedError:
            self._drop_session()
            raise

    @property
    def cluster_id(self) -> str:
        """Identity of this log."""
        return self._cluster_id

    def poll(
        self, timeout_seconds: float, max_records: int, max_bytes: int
    ) -> list[PolledPartition[FeedRecord]]:
        """As Poller says. Raises FeedUnavailable at once when the database is away; the caller
        waits then.
        """
        end = self._clock.monotonic() + timeout_seconds
        try:
            with feed_errors():
                while True:
                    conn = self._connected()
                    self._share_when_due(conn)
                    self._settle(conn)
                    polled = self._read(conn, max_records, max_bytes)
                    left = end - self._clock.monotonic()
                    if polled or left <= 0:
                        return polled
                    self._wait(conn, left)
        except FeedUnavailable:
            self._drop_session()
            raise

    def owned(self) -> frozenset[Partition]:
        """As Poller says."""
        held = self._next.keys() | self._fresh | self._aside
        return frozenset(self._partition(place) for place in held)

    def seek_again(self, partitions: Sequence[Partition]) -> None:
        """As Poller says."""
        for place in self._next.keys() | self._aside:
            if self._partition(place) in partitions:
                self._next.pop(place, None)
                self._aside.discard(place)
                self._fresh.add(place)

    def set_aside(self, partitions: Sequence[Partition]) -> None:
        """As Poller says."""
        for place in self._next.keys() | self._fresh:
            if self._partition(place) in partitions:
                self._next.pop(place, None)
                self._fresh.discard(place)
                self._aside.add(place)

    def end_offsets(self) -> Mapping[Partition, int]:
        """As Poller says. Empty when the database does not answer."""
        places = [*self._next, *self._aside]
        names = {place: self._partition(place) for place in places}
        try:
            with self._lag_lock, feed_errors():
                if self._lag_session is None or self._lag_session.closed:
                    self._lag_session = log_session(self._settings, f"{self._client_id}-lag")
                bounds = _bounds(self._lag_session, places)
        except FeedError:
            return {}
        return {names[place]: found.log_end for place, found in bounds.items()}

    def commit_courtesy(self, next_offsets: Mapping[Partition, int]) -> None:
        """Nothing: the embedded log has no lag tools of its own."""

    def close(self) -> None:
        """As Poller says."""
        self._drop_session()
        with self._lag_lock:
            if self._lag_session is not None:
                self._lag_session.close()

    def _connected(self) -> Session:
        if self._session is None or self._session.closed:
            conn = log_session(self._settings, self._client_id)
            conn.execute(_PLANS)
            self._session = conn
            self._membership = None if self._group is None else Membership(conn, self._group)
            self._share_due = 0.0
            self._topics = {}
        return self._session

    def _drop_session(self) -> None:
        # The server frees the locks: what was owned may be somebody else's by now.
        self._next.clear()
        self._fresh.clear()
        self._aside.clear()
        if self._session is not None:
            self._session.close()
            self._session = None

    def _look_up_topics(self, conn: Session, *, missing_halts: bool = False) -> None:
        found = log_topics(conn, self._settings.topic_prefix)
        missing = [name for name in self._names if name not in found]
        if missing and missing_halts:
            raise FeedMismatch(
                f"the embedded feed has no topic {missing[0]}; create the topics first "
                "(`histoire migrate`)"
            )
        topics = {topic.number: topic for name, topic in found.items() if name in self._names}
        for number in topics.keys() - self._topics.keys():
            conn.execute(f"listen {channel_of(topics[number])}")
        self._topics = topics
        self._topic_names.update((number, topic.name) for number, topic in topics.items())

    def _share_when_due(self, conn: Session) -> None:
        now = self._clock.monotonic()
        if now < self._share_due:
            return
        self._look_up_topics(conn)
        topics = list(self._topics.values())
        settled = True
        if self._membership is None:
            mine = {(topic.number, n) for topic in topics for n in range(topic.partitions)}
        else:
            mine, settled = self._membership.share(topics)
        self._aside &= mine
        self._fresh = mine - self._next.keys() - self._aside
        for place in self._next.keys() - mine:
            del self._next[place]
        self._share_due = now + (SHARE_SECONDS if settled else SHARE_SECONDS / 5)

    def _settle(self, conn: Session) -> None:
        """Ask `Resume` where to begin in the partitions that are new."""
        if not self._fresh:
            return
        bounds = _bounds(conn, sorted(self._fresh))
        assignments = [self._assignment(conn, place, found) for place, found in bounds.items()]
        try:
            answers = self._resume(assignments)
        except PartitionsHalted as halted:
            self.set_aside(list(halted.halts))
            raise
        for place in bounds:
            self._next[place] = answers[self._partition(place)]
        self._fresh.clear()

    def _assignment(self, conn: Session, place: Place, bounds: LogBounds) -> Assignment:
        def identity_at(offset: int) -> FeedRecordIdentity | None:
            with feed_errors():
                row = conn.execute(_IDENTITY, (*place, offset), prepare=True).fetchone()
            return None if row is None else FeedRecordIdentity(offset, -1, row[0])

        return Assignment(
            self._partition(place),
            self._cluster_id,
            self._topics[place[0]].topic_id,
            bounds.log_start,
            bounds.log_end,
            identity_at,
        )

    def _read(
        self, conn: Session, max_records: int, max_bytes: int
    ) -> list[PolledPartition[FeedRecord]]:
        bounds = _bounds(conn, list(self._next))
        self._check_positions(bounds)
        wanted = self._wanted(bounds, max_records)
        if not wanted:
            return []
        rows = _rows(conn, wanted, max_bytes)
        records: dict[int, list[FeedRecord]] = {}
        for at, offset, stamp, key, value, headers in rows:
            record = FeedRecord(offset, -1, stamp, key, value, unpack_headers(headers))
            records.setdefault(at, []).append(record)
        return [self._advance(wanted[at - 1], found) for at, found in records.items()]

    def _wanted(self, bounds: dict[Place, LogBounds], max_records: int) -> list[_Wanted]:
        """Ranges of `max_records` records in all; each poll begins with another partition."""
        behind = [place for place in sorted(bounds) if bounds[place].log_end > self._next[place]]
        if not behind:
            return []
        self._turn = (self._turn + 1) % len(behind)
        left, ranges = max_records, []
        behind = behind[self._turn :] + behind[: self._turn]
        for waiting, place in zip(range(len(behind), 0, -1), behind, strict=True):
            first = self._next[place]
            count = min(bounds[place].log_end - first, max(1, left // waiting))
            if left <= 0:
                break
            ranges.append(_Wanted(place, first, first + count))
            left -= count
        return ranges

    def _advance(self, wanted: _Wanted, records: list[FeedRecord]) -> PolledPartition[FeedRecord]:
        next_offset = records[-1].offset + 1
        self._next[wanted.place] = next_offset
        return PolledPartition(self._partition(wanted.place), wanted.first, next_offset, records)

    def _check_positions(self, bounds: dict[Place, LogBounds]) -> None:
        halts: dict[Partition, str] = {}
        for place, found in bounds.items():
            at, partition = self._next[place], self._partition(place)
            if at < found.log_start:
                halts[partition] = before_the_log(partition, at, found.log_start)
            elif at > found.log_end:
                halts[partition] = after_the_log(partition, at, found.log_end)
        if halts:
            self.set_aside(list(halts))
            raise PartitionsHalted(halts)

    def _wait(self, conn: Session, seconds: float) -> None:
        """Until a publisher has written, shares are to be looked at, or the time is over."""
        until_share = self._share_due - self._clock.monotonic()
        limit = max(0.0, min(seconds, until_share))
        try:
            for _ in conn.notifies(timeout=limit, stop_after=1):
                pass
        except psycopg.OperationalError as error:
            raise FeedUnavailable("the database of the embedded feed went away") from error

    def _partition(self, place: Place) -> Partition:
        return Partition(self._topic_names[place[0]], place[1])


def _bounds(conn: Session, places: Sequence[Place]) -> dict[Place, LogBounds]:
    if not places:
        return {}
    topics = Int4Array.of([topic for topic, _ in places])
    numbers = Int4Array.of([number for _, number in places])
    rows = conn.execute(_BOUNDS_OF, (topics, numbers), prepare=True).fetchall()
    return {(topic, number): LogBounds(start, end) for topic, number, start, end in rows}


def _rows(
    conn: Session, wanted: list[_Wanted], max_bytes: int
) -> list[tuple[int, int, int, bytes, bytes, bytes]]:
    with conn.cursor(binary=True) as cursor:
        cursor.execute(
            _READ,
            (
                Int4Array.of([w.place[0] for w in wanted]),
                Int4Array.of([w.place[1] for w in wanted]),
                Int8Array.of([w.first for w in wanted]),
                Int8Array.of([w.last for w in wanted]),
                max_bytes,
            ),
            prepare=True,
        )
        return cursor.fetchall()
