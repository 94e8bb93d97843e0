"""What `histoire audit` asks of the store: whether it agrees with itself, and how much it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ingest.eventstore.append_batch import SourceOffsets
from ingest.eventstore.sessions import Connection, Session
from ingest.runtime.postgres.database import transaction

from .sources import ALL_SOURCES

_LETTERS: Final = b"SELECT status, count(*) FROM dead_letter GROUP BY 1"
_VERIFY: Final = b"""
WITH told AS (
    SELECT stream, count(*) AS events, min(position) AS first_position, max(version) AS version,
        min(record) AS record, max(record) AS last_record
    FROM event GROUP BY stream)
SELECT uuid_send(coalesce(s.stream, t.stream)), s.version, t.events, s.first_position,
    t.first_position
FROM stream s FULL JOIN told t ON t.stream = s.stream
WHERE t.version IS DISTINCT FROM s.version OR t.first_position IS DISTINCT FROM s.first_position
    OR t.record IS DISTINCT FROM s.record OR t.last_record IS DISTINCT FROM t.record
    OR (NOT (s.record = 0 AND s.status = 0) AND t.events <> s.version)
LIMIT %b::int"""
_COUNTS: Final = b"""
SELECT (SELECT count(*) FROM event WHERE record <> 0 OR message_id IS NOT NULL),
    (SELECT count(*) FROM event WHERE record = 0 AND message_id IS NULL),
    (SELECT count(*) FROM stream WHERE record <> 0), (SELECT count(*) FROM applied_message),
    (SELECT count(*) FROM pending_link),
    (SELECT count(*) FROM outcome_batch WHERE published_at IS NULL)"""


@dataclass(frozen=True, slots=True)
class StreamMismatch:
    """A stream whose head and events disagree; None where one of them lacks."""

    stream: bytes
    version: int | None
    events: int | None
    first_position: int | None
    first_event: int | None


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Numbers of rows, all of one moment. Events of the library are counted apart."""

    events: int
    library_events: int
    streams: int
    applied_messages: int
    pending_links: int
    unpublished_outcome_batches: int
    dead_letters: dict[str, int]
    """By status: waiting, accepted, duplicate, unchanged, discarded, erased."""


@dataclass(frozen=True, slots=True)
class StoreMoment:
    """What the store holds, all of one moment, whoever writes meanwhile."""

    sources: dict[str, SourceOffsets]
    """Every source ever assigned, by its key."""
    counts: StoreCounts
    mismatches: list[StreamMismatch]
    """At most as many as were asked for."""


class Auditing:
    """Checks over the whole store; they read every event row once."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session

    def verify_streams(self, limit: int = 20) -> list[StreamMismatch]:
        """Streams (at most `limit`) whose head is not exactly what their events say; none: sound.

        Erasure of a person changes neither.
        """
        return [StreamMismatch(*row) for row in self._session.rows(_VERIFY, (limit,))]

    def counts(self) -> StoreCounts:
        """How much there is, in one snapshot."""
        with self._snapshot() as conn:
            return _counts(conn)

    def at_one_moment(self, limit: int = 20) -> StoreMoment:
        """Positions, counts and `verify_streams`, in one snapshot."""
        with self._snapshot() as conn:
            sources = {row[0]: SourceOffsets(*row) for row in _rows(conn, ALL_SOURCES)}
            mismatches = [StreamMismatch(*row) for row in _rows(conn, _VERIFY, (limit,))]
            return StoreMoment(sources, _counts(conn), mismatches)

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self._session.lock:
            conn = self._session.connection
            with transaction(conn):
                conn.execute("set transaction isolation level repeatable read, read only")
                yield conn


def _counts(conn: Connection) -> StoreCounts:
    (numbers,) = _rows(conn, _COUNTS)
    return StoreCounts(*(*numbers, dict(_rows(conn, _LETTERS))))


def _rows(
    conn: Connection, query: bytes, parameters: tuple[Any, ...] = ()
) -> list[tuple[Any, ...]]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(query, parameters).fetchall()
