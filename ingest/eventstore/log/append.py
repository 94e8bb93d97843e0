"""One batch, one transaction: the write path of the store (decision 0014, decision 0010).

The statements come in the order that the guarantee needs: lock, fence, re-checks, positions,
streams, events. Each statement works on the whole batch; none is made per message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, Final

import psycopg

from ingest.eventstore.append_batch import AppendBatch, Appended, Fenced, LostRace, SourceAdvance
from ingest.eventstore.locks import CHANNEL, WRITERS
from ingest.runtime.crash_points import crash_point
from ingest.runtime.postgres.arrays import ByteaArray, Int4Array, Int8Array, UuidArray

from .encoded_batch import HeadColumns

_LOCK: Final = b"SELECT pg_advisory_xact_lock(%d, %d)" % WRITERS
_STUCK: Final = b"""
SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %b::int AND l.objid = %b::int AND l.granted
    AND l.database = a.datid AND a.datname = current_database() AND a.wait_event = 'ClientRead'
    AND a.xact_start < clock_timestamp() - %b::float8 * interval '1 second'"""
_FENCE: Final = b"""
UPDATE source_position p SET
    next_offset = CASE WHEN u.next = u.base THEN p.next_offset ELSE u.next END,
    last_offset = coalesce(nullif(u.last, -1), p.last_offset),
    last_leader_epoch = CASE WHEN u.last = -1 THEN p.last_leader_epoch ELSE nullif(u.epoch, -1) END,
    last_timestamp_ms = CASE WHEN u.last = -1 THEN p.last_timestamp_ms ELSE nullif(u.ms, -1) END,
    accepted = p.accepted + u.accepted, duplicate = p.duplicate + u.duplicate,
    unchanged = p.unchanged + u.unchanged, rejected = p.rejected + u.rejected,
    events = p.events + u.events, holes = p.holes + u.holes
FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::bigint[], %b::int[], %b::bigint[],
    %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
    u(source, base, next, last, epoch, ms, accepted, duplicate, unchanged, rejected, events, holes)
WHERE p.source = u.source AND (p.next_offset = u.base OR u.next = u.base) RETURNING p.source"""
_CHANGED_RECORDS: Final = b"""
SELECT 1 FROM unnest(%b::uuid[], %b::int[]) u(id, version) LEFT JOIN stream s ON s.stream = u.id
WHERE coalesce(s.version, 0) <> u.version LIMIT 1"""
_PRESENT: Final = b"""
SELECT 1 FROM unnest(%b::uuid[]) u(id) JOIN stream s ON s.stream = u.id LIMIT 1"""
_WAITING: Final = b"""
SELECT uuid_send(l.target), uuid_send(l.by), NULL::bigint, NULL::bigint
FROM unnest(%b::uuid[]) u(id) JOIN pending_link l ON l.target = u.id
UNION ALL
SELECT NULL, NULL, d.id, d.record
FROM unnest(%b::uuid[]) u(id) JOIN dead_letter d ON d.waits_for = u.id
WHERE d.status = 'waiting' AND d.raw IS NOT NULL"""
_HEAD: Final = b"""
UPDATE log_head SET position = position + %b::bigint,
    recorded_at = greatest(recorded_at, clock_timestamp())
RETURNING position, (extract(epoch FROM recorded_at) * 1000000)::bigint - 946684800000000"""
_WAKE: Final = b"SELECT pg_notify('%b', '')" % CHANNEL.encode()
_NEW_STREAMS: Final = b"""
INSERT INTO stream (stream, record, first_position, version, status, flags, authors, replaced_by)
SELECT u.id, u.record, %b::bigint + u.first, u.version, u.status, u.flags,
    (%b::bigint[])[u.low : u.high],
    nullif(u.replaced_by, '00000000-0000-0000-0000-000000000000'::uuid)
FROM unnest(%b::uuid[], %b::bigint[], %b::bigint[], %b::int[], %b::smallint[], %b::smallint[],
    %b::int[], %b::int[], %b::uuid[])
    u(id, record, first, version, status, flags, low, high, replaced_by)
ON CONFLICT (stream) DO NOTHING"""
_MOVED_STREAMS: Final = b"""
UPDATE stream s SET version = u.version, status = u.status, flags = u.flags,
    authors = (%b::bigint[])[u.low : u.high],
    replaced_by = nullif(u.replaced_by, '00000000-0000-0000-0000-000000000000'::uuid)
FROM unnest(%b::uuid[], %b::bigint[], %b::int[], %b::int[], %b::smallint[], %b::smallint[],
    %b::int[], %b::int[], %b::uuid[])
    u(id, record, base, version, status, flags, low, high, replaced_by)
WHERE s.stream = u.id AND s.version = u.base AND s.record = u.record"""
_APPLIED: Final = b"""
INSERT INTO applied_message (message_id, digest, position)
SELECT u.id, u.digest, nullif(u.at, 0) FROM unnest(%b::uuid[], %b::bytea[], %b::bigint[])
    u(id, digest, at)
ON CONFLICT (message_id) DO NOTHING"""
_LINK: Final = b"""
INSERT INTO pending_link (target, by) SELECT * FROM unnest(%b::uuid[], %b::uuid[])
ON CONFLICT DO NOTHING"""
_UNLINK: Final = b"""
DELETE FROM pending_link l USING unnest(%b::uuid[], %b::uuid[]) u(target, by)
WHERE l.target = u.target AND l.by = u.by"""
_REFER: Final = b"""
INSERT INTO document_reference (reference, stream) SELECT * FROM unnest(%b::uuid[], %b::uuid[])
ON CONFLICT DO NOTHING"""
_COPY: Final = (
    "COPY event (position, recorded_at, record, stream, version, name, message_id, state)"
    " FROM STDIN (FORMAT BINARY)"
)
COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"
COPY_END: Final = b"\xff\xff"
_BEGIN: Final = Struct("!hiqiq").pack
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

Cursor = psycopg.Cursor[tuple[Any, ...]]
Erased = Callable[[Iterable[int]], frozenset[int]]
"""Those of these records whose key was destroyed."""


def lock_writers(cursor: Cursor) -> None:
    """Until the end of the transaction no other writer gives positions."""
    cursor.execute(_LOCK, prepare=True)


def end_stuck_writer(conn: psycopg.Connection[Any], seconds: float) -> int:
    """Ends the sessions that held the writers' lock and waited for their client, in a transaction
    of more than so many seconds; they are rolled back. Returns how many.

    A writer frozen with half of its COPY sent would block everybody for ever: neither
    `transaction_timeout` nor `statement_timeout` ends a session that waits for the rest of a COPY
    (seen on PostgreSQL 18). When such a writer wakes up, its statement fails like that of any
    writer that lost its connection. Sessions of a role that we may not end are left alone.
    """
    with suppress(psycopg.errors.InsufficientPrivilege):
        return conn.execute(_STUCK, (*WRITERS, seconds)).rowcount
    return 0


def move_sources(cursor: Cursor, advances: Sequence[SourceAdvance]) -> None:
    """All sources of the batch moved from where it began. Raises Fenced naming those that did not.

    This is a compare-and-set: an owner that was replaced while it slept writes nothing. An advance
    of length zero only counts (the events of a retry) and moves nothing, wherever the source
    stands.
    """
    if not advances:
        return
    columns = list(zip(*(_fence_row(advance) for advance in advances), strict=True))
    arrays: list[Any] = [list(columns[0])]
    for at, column in enumerate(columns[1:], start=1):
        arrays.append(Int4Array.of(column) if at == 4 else Int8Array.of(column))
    moved = {source for (source,) in cursor.execute(_FENCE, arrays, prepare=True)}
    if len(moved) < len(advances):
        raise Fenced(frozenset(advance.source for advance in advances) - moved)


def check_still_true(cursor: Cursor, batch: AppendBatch, erased: Erased) -> None:
    """What the decisions rest on still holds. Raises LostRace."""
    if batch.record_versions:
        streams = UuidArray.of(batch.record_versions)
        versions = Int4Array.of(list(batch.record_versions.values()))
        if cursor.execute(_CHANGED_RECORDS, (streams, versions), prepare=True).fetchone():
            raise LostRace("a record or an entry of the registry changed since it was read")
    if batch.absent:
        absent = (UuidArray.of(batch.absent),)
        if cursor.execute(_PRESENT, absent, prepare=True).fetchone():
            raise LostRace("a document taken as unknown has come")
    if batch.watched or batch.seen_dead_letters:
        _check_waiting(cursor, batch, erased)


def _check_waiting(cursor: Cursor, batch: AppendBatch, erased: Erased) -> None:
    watched = UuidArray.of(batch.watched)
    rows = cursor.execute(_WAITING, (watched, watched), prepare=True).fetchall()
    links = {(target, by) for target, by, letter, _ in rows if letter is None}
    if links != {(link.target, link.by) for link in batch.seen_links}:
        raise LostRace("a replacement that waits for a document of the batch has come")
    waiting = {letter: record for _, _, letter, record in rows if letter is not None}
    unseen = {record for letter, record in waiting.items() if letter not in batch.seen_dead_letters}
    # A letter under a destroyed key can't be opened, so nobody sees it: it must not count, or the
    # document it names could never be appended.
    gone = erased(record for record in unseen if record is not None) if unseen else frozenset()
    if {
        letter for letter, record in waiting.items() if record not in gone
    } != batch.seen_dead_letters:
        raise LostRace("a letter that waits for a document of the batch has come")


def take_positions(cursor: Cursor, count: int) -> tuple[int, int]:
    """The position before the first of `count`, and the batch's time in microseconds since 2000."""
    if count:
        cursor.execute(_WAKE, prepare=True)
    ((last, microseconds),) = cursor.execute(_HEAD, (count,), prepare=True).fetchall()
    return last - count, microseconds


def write_heads(cursor: Cursor, before: int, new: HeadColumns, moved: HeadColumns) -> None:
    """The heads of new and of changed streams. Raises LostRace when one is not as it was read."""
    if new.count:
        inserted = (
            *(before + 1, new.authors, new.streams, new.records, new.first_events, new.versions),
            *(new.statuses, new.flags, new.low, new.high, new.replaced_by),
        )
        if cursor.execute(_NEW_STREAMS, inserted, prepare=True).rowcount < new.count:
            raise LostRace("a new stream exists already")
    if moved.count:
        updated = (
            *(moved.authors, moved.streams, moved.records, moved.bases, moved.versions),
            *(moved.statuses, moved.flags, moved.low, moved.high, moved.replaced_by),
        )
        # UPDATE .. FROM silently takes one of two rows for a stream: the batch was checked for it.
        if cursor.execute(_MOVED_STREAMS, updated, prepare=True).rowcount < moved.count:
            raise LostRace("a stream changed since it was read")


def write_applied(cursor: Cursor, batch: AppendBatch, before: int) -> None:
    """The messages are marked as applied. Raises LostRace when one was already."""
    applied = batch.applied
    if not applied:
        return
    columns = (
        UuidArray.of(message.message_id for message in applied),
        ByteaArray(message.digest for message in applied),
        Int8Array.of([0 if m.event is None else before + 1 + m.event for m in applied]),
    )
    if cursor.execute(_APPLIED, columns, prepare=True).rowcount < len(applied):
        raise LostRace("a message of the batch was applied meanwhile")


def write_links(cursor: Cursor, batch: AppendBatch) -> None:
    """Pending links made and resolved. Raises LostRace when they are not as they were read."""
    for statement, links in ((_LINK, batch.pending_links), (_UNLINK, batch.resolved_links)):
        if links:
            columns = (
                UuidArray.of(link.target for link in links),
                UuidArray.of(link.by for link in links),
            )
            if cursor.execute(statement, columns, prepare=True).rowcount < len(links):
                raise LostRace("a pending link changed since it was read")


def write_references(cursor: Cursor, batch: AppendBatch, reference: Callable[[str], bytes]) -> None:
    """What documents of imaging refer to can be looked up, by keyed hashes only."""
    if batch.references:
        columns = (
            UuidArray.of(reference(new.reference) for new in batch.references),
            UuidArray.of(new.stream for new in batch.references),
        )
        cursor.execute(_REFER, columns, prepare=True)


def copy_events(cursor: Cursor, ends: Sequence[bytes], before: int, microseconds: int) -> None:
    """The events at the positions after `before`, in the order of the batch (`seal_events`)."""
    if not ends:
        return
    parts = [COPY_HEAD]
    for position, end in enumerate(ends, start=before + 1):
        parts.append(_BEGIN(8, 8, position, 8, microseconds))
        parts.append(end)
    parts.append(COPY_END)
    with cursor.copy(_COPY) as copy:
        copy.write(b"".join(parts))
        crash_point("events_copied")


def appended(before: int, count: int, microseconds: int) -> Appended:
    """What is told of a committed batch of `count` events."""
    at = _EPOCH + timedelta(microseconds=microseconds)
    return Appended(before + 1 if count else 0, before + count if count else 0, at)


def _fence_row(a: SourceAdvance) -> tuple[Any, ...]:
    def known(number: int | None) -> int:
        return -1 if number is None else number

    last = (known(a.last_offset), known(a.last_leader_epoch), known(a.last_timestamp_ms))
    counts = (a.accepted, a.duplicate, a.unchanged, a.rejected, a.events, a.holes)
    return (a.source, a.from_offset, a.next_offset, *last, *counts)
