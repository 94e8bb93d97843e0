"""Reading the log: one query per page, opened in one go (decision 0010, decision 0024)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.eventstore.append_batch import PendingLink, RecordedEvent
from ingest.eventstore.keys.key_ring import KeyRing
from ingest.eventstore.keys.sealing import PREFIX, SealBroken, event_context
from ingest.eventstore.sessions import Session
from ingest.runtime.postgres.arrays import Int2Array, Int8Array, UuidArray
from schemas.events import (
    DOCUMENT_CONTENT_ADDED,
    DOCUMENT_SUBMITTED,
    RECORD_LINKED,
    RECORD_UNLINKED,
)
from schemas.heads import Head

from .event_names import EventNames

UNSEALED_RECORD: Final = 0
"""The record of events that are about no person (the registry, the eventsourcing library's own). It
has no key, and its events are not sealed.
"""
PAGE: Final = 5000

_EVENT: Final = (
    b"SELECT e.position, e.record, e.recorded_at, uuid_send(e.stream), e.version, e.name,"
    b" uuid_send(e.message_id), e.state FROM event e "
)
_AFTER: Final = _EVENT + b"WHERE e.position > %b::bigint ORDER BY e.position LIMIT %b::int"
_SELECTED: Final = (
    _EVENT
    + b"""WHERE e.position >= %b::bigint AND e.position <= %b::bigint
    AND (%b::smallint[] IS NULL OR e.name = ANY(%b)) ORDER BY e.position LIMIT %b::int"""
)
_LIBRARY_STREAM: Final = _EVENT + b"WHERE e.record = 0 AND e.stream = %b::uuid ORDER BY e.version"
_RECORDS: Final = (
    _EVENT
    + b"""WHERE (e.record, e.position) > (%b::bigint, %b::bigint) AND e.record < %b::bigint
    AND e.position <= %b::bigint ORDER BY e.record, e.position LIMIT %b::int"""
)
_RECORD: Final = _EVENT + b"WHERE e.record = %b::bigint ORDER BY e.position"
_REGISTRY: Final = (
    _EVENT
    + b"""WHERE e.record = 0 AND e.position > %b::bigint AND e.message_id IS NOT NULL
ORDER BY e.position LIMIT %b::int"""
)
_STREAM: Final = (
    _EVENT
    + b"""JOIN stream s ON s.record = e.record AND s.stream = e.stream
WHERE s.stream = %b::uuid ORDER BY e.position"""
)
_STREAMS: Final = (
    _EVENT
    + b"""JOIN stream s ON s.record = e.record AND s.stream = e.stream
JOIN unnest(%b::uuid[]) u(id) ON s.stream = u.id ORDER BY e.position"""
)
_SUBMITTED: Final = (
    _EVENT
    + b"""JOIN stream s ON s.first_position = e.position
JOIN unnest(%b::uuid[]) u(id) ON s.stream = u.id"""
)
_NAMED: Final = (
    _EVENT
    + b"""JOIN unnest(%b::bigint[]) u(record) ON e.record = u.record
WHERE e.name = ANY(%b::smallint[]) ORDER BY e.position"""
)
_HEADS: Final = b"""
SELECT uuid_send(s.stream), s.record, s.version, s.status, s.flags, s.authors,
    uuid_send(s.replaced_by)
FROM unnest(%b::uuid[]) u(id) JOIN stream s ON s.stream = u.id"""
_APPLIED: Final = b"""
SELECT uuid_send(a.message_id), a.digest
FROM unnest(%b::uuid[]) u(id) JOIN applied_message a ON a.message_id = u.id"""
_LINKS: Final = b"""
SELECT uuid_send(l.target), uuid_send(l.by)
FROM unnest(%b::uuid[]) u(id) JOIN pending_link l ON l.target = u.id"""
_REFERRING: Final = b"""
SELECT uuid_send(r.reference), uuid_send(r.stream)
FROM unnest(%b::uuid[]) u(id) JOIN document_reference r ON r.reference = u.id"""
_TIME: Final = b"""
SELECT position, recorded_at FROM event WHERE position >= %b::bigint ORDER BY position LIMIT 1"""
NO_LIMIT: Final = 2**63 - 1


class Reading:
    """The log and the heads, read. One thread at a time."""

    def __init__(self, session: Session, ring: KeyRing, names: EventNames) -> None:
        self._session: Final = session
        self._ring: Final = ring
        self._names: Final = names

    def heads(self, streams: Iterable[bytes]) -> dict[bytes, Head]:
        """Heads of those streams that exist."""
        rows = self._session.rows(_HEADS, (UuidArray.of(set(streams)),))
        return {
            stream: Head(record, version, status, flags, tuple(authors), replaced_by)
            for stream, record, version, status, flags, authors, replaced_by in rows
        }

    def submitted(self, streams: Iterable[bytes]) -> dict[bytes, RecordedEvent]:
        """The first event of those streams that exist."""
        rows = self._session.rows(_SUBMITTED, (UuidArray.of(set(streams)),))
        return {event.stream: event for event in self._open(rows)}

    def applied(self, message_ids: Iterable[bytes]) -> dict[bytes, bytes]:
        """Digests of those messages that were applied."""
        return dict(self._session.rows(_APPLIED, (UuidArray.of(set(message_ids)),)))

    def pending_links(self, targets: Iterable[bytes]) -> list[PendingLink]:
        """Replacements that wait for one of these documents."""
        rows = self._session.rows(_LINKS, (UuidArray.of(set(targets)),))
        return [PendingLink(target, by) for target, by in rows]

    def referring(self, references: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """Reference and stream of the documents of imaging that refer to one of these hashes."""
        return self._session.rows(_REFERRING, (UuidArray.of(set(references)),))

    def read_after(self, position: int, limit: int) -> list[RecordedEvent]:
        """The next events after a position, in order. Positions may have holes."""
        return self._open(self._session.rows(_AFTER, (position, limit)))

    def select(
        self, first: int, last: int, limit: int, names: Sequence[str] = ()
    ) -> list[RecordedEvent]:
        """At most `limit` events with first <= position <= last, of these names if any are given.

        Names have no index: a rare name scans the log. Filter what was read instead.
        """
        numbers = Int2Array.of(self._names.ids_named(*names)) if names else None
        return self._open(self._session.rows(_SELECTED, (first, last, numbers, numbers, limit)))

    def read_library_stream(self, stream: UUID) -> list[RecordedEvent]:
        """All events that the library wrote to a stream, in the order of their versions."""
        return self._open(self._session.rows(_LIBRARY_STREAM, (stream,)))

    def read_record(self, record: int) -> list[RecordedEvent]:
        """All events of a record, in order."""
        return self._open(self._session.rows(_RECORD, (record,)))

    def registry_events(self, position: int, limit: int) -> list[RecordedEvent]:
        """Events of the registry after a position, in order; none of the library's own."""
        return self._open(self._session.rows(_REGISTRY, (position, limit)))

    def read_stream(self, stream: bytes) -> list[RecordedEvent]:
        """All events of a stream, in order."""
        return self._open(self._session.rows(_STREAM, (UUID(bytes=stream),)))

    def read_streams(self, streams: Iterable[bytes]) -> list[RecordedEvent]:
        """All events of these streams, in order."""
        return self._open(self._session.rows(_STREAMS, (UuidArray.of(set(streams)),)))

    def read_records(
        self, low: int, high: int, *, until: int = NO_LIMIT, page: int = PAGE
    ) -> Iterator[list[RecordedEvent]]:
        """Events of the records low <= record < high with positions up to `until`, in the order of
        record, then position, by pages of about `page` events; no record is cut by a page.

        Replays use this: several processes share the records by ranges, and each holds one page in
        memory.
        """
        record, position = max(low, 1), 0
        carried: list[RecordedEvent] = []
        while True:
            given = (record, position, high, until, page)
            events = self._open(self._session.rows(_RECORDS, given))
            carried += events
            if len(events) < page:
                if carried:
                    yield carried
                return
            record, position = events[-1].record, events[-1].position
            whole = _before_last_record(carried)
            if whole:
                yield carried[:whole]
                carried = carried[whole:]

    def links(self, records: Iterable[int]) -> dict[int, frozenset[int]]:
        """For each record those it is linked to now, by the events of its own stream."""
        wanted = sorted(set(records))
        linked: dict[int, set[int]] = {record: set() for record in wanted}
        for event in self.named(wanted, (RECORD_LINKED, RECORD_UNLINKED)):
            other = event.datum["otherRecord"]
            if event.name == RECORD_LINKED:
                linked[event.record].add(other)
            else:
                linked[event.record].discard(other)
        return {record: frozenset(others) for record, others in linked.items()}

    def person(self, record: int) -> frozenset[int]:
        """The records of the same person, `record` among them: links followed to the end."""
        found = {record}
        ask = found
        while ask:
            ask = {other for others in self.links(ask).values() for other in others} - found
            found |= ask
        return frozenset(found)

    def content_references(self, records: Iterable[int]) -> Mapping[int, frozenset[bytes]]:
        """SHA-256 of all document bytes the events of these records refer to."""
        wanted = sorted(set(records))
        found: dict[int, set[bytes]] = {record: set() for record in wanted}
        for event in self.named(wanted, (DOCUMENT_SUBMITTED, DOCUMENT_CONTENT_ADDED)):
            datum = event.datum
            document = datum["document"] if event.name == DOCUMENT_SUBMITTED else datum
            found[event.record].add(document["sha256"])
        return {record: frozenset(hashes) for record, hashes in found.items()}

    def named(self, records: Iterable[int], names: Iterable[str]) -> list[RecordedEvent]:
        """The events of these names of these records, in order; erased ones are left out."""
        numbers = Int2Array.of(self._names.ids_named(*names))
        rows = self._session.rows(_NAMED, (Int8Array.of(sorted(set(records))), numbers))
        return [event for event in self._open(rows) if not event.erased]

    def max_position(self) -> int:
        """Position of the last event, 0 when there is none. Never log_head: holes may trail."""
        return int(self._session.rows(b"SELECT coalesce(max(position), 0) FROM event")[0][0])

    def max_record(self) -> int:
        """The highest record that has an event, 0 when there is none."""
        return int(self._session.rows(b"SELECT coalesce(max(record), 0) FROM event")[0][0])

    def position_at(self, moment: datetime) -> int:
        """Position of the last event recorded at or before the moment, 0 when there is none.

        Times never go back along positions: halving finds the position without an index on time.
        """
        low, high = 0, self.max_position() + 1
        while high - low > 1:
            middle = (low + high) // 2
            rows = self._session.rows(_TIME, (middle,))
            if rows and rows[0][1] <= moment:
                low = max(middle, rows[0][0])
            else:
                high = middle
        return low

    def _open(self, rows: Sequence[tuple[Any, ...]]) -> list[RecordedEvent]:
        keys = self._ring.load({row[1] for row in rows} - {UNSEALED_RECORD})
        of_id = self._names.of_id
        events = []
        cipher_of, cipher = UNSEALED_RECORD, None
        for position, record, recorded_at, stream, version, number, message_id, state in rows:
            name, schema_version = of_id(number)
            if record != UNSEALED_RECORD:
                if record != cipher_of:
                    key = keys[record]
                    cipher_of, cipher = record, None if key is None else AESGCM(key)
                state = None if cipher is None else _unseal(cipher, stream, version, name, state)
            events.append(
                RecordedEvent(
                    *(position, record, recorded_at, stream, version),
                    *(name, schema_version, message_id, state),
                )
            )
        return events


def _unseal(cipher: AESGCM, stream: bytes, version: int, name: str, sealed: bytes) -> bytes:
    if sealed[:2] != PREFIX:
        raise SealBroken("an event is sealed in an unknown format")
    try:
        return cipher.decrypt(sealed[2:14], sealed[14:], event_context(stream, version, name))
    except (InvalidTag, ValueError):
        raise SealBroken("an event does not open where it is: changed or moved") from None


def _before_last_record(events: Sequence[RecordedEvent]) -> int:
    last = events[-1].record
    at = len(events)
    while at and events[at - 1].record == last:
        at -= 1
    return at
