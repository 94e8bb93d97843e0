"""The timeline kept up to date batch by batch, with the rows that a batch needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from projections.events import events_of_records
from projections.persons import LINK_EVENTS
from projections.projection import Comparison, EventLog
from schemas import events as names
from schemas.forms.stream_ids import document_stream

from .compare import compare_builds
from .fold import TAKES, PersonFold, fold_person
from .tables import TimelineTables

Cursor = psycopg.Cursor[Any]


class Timeline:
    """The projection `timeline`.

    Links and erasures are rare: they fold whole persons again, read from the log. All other events
    change single rows.
    """

    name: Final = "timeline"
    version: Final = 1
    takes: Final = TAKES
    rebuildable: Final = True

    def tables(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return TimelineTables(build).tables()

    def indexes(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return TimelineTables(build).indexes()

    def table_names(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return TimelineTables(build).names

    def compare(self, cursor: Cursor, old: int, new: int) -> Comparison:
        """Per person, by a hash of all his rows."""
        return compare_builds(cursor, old, new)

    def forget(
        self, cursor: Cursor, build: int, log: EventLog, records: Iterable[int], upto: int
    ) -> None:
        """No row of these records is left. Records linked to them are folded again."""
        _fold_again(cursor, TimelineTables(build), log, set(records), upto)

    def apply(
        self, cursor: Cursor, build: int, log: EventLog, events: Sequence[RecordedEvent]
    ) -> None:
        """See `Projection`."""
        if not events:
            return
        tables = TimelineTables(build)
        again = {event.record for event in events if event.erased}
        links = [event for event in events if event.name in LINK_EVENTS and not event.erased]
        if links:
            again |= tables.persons.apply(cursor, links).keys()
        if again:
            again = _fold_again(cursor, tables, log, again, events[-1].position)
        rest = [e for e in events if e.record not in again and e.name not in LINK_EVENTS]
        if rest:
            _apply_incrementally(cursor, tables, rest)


def _fold_again(
    cursor: Cursor, tables: TimelineTables, log: EventLog, records: set[int], upto: int
) -> set[int]:
    """The rows of these records, and of all linked to them, are those of the log up to `upto`.

    Returns all records concerned.
    """
    linked = tables.persons.persons(cursor, records)
    members = tables.persons.members(cursor, linked.values())
    concerned = sorted(records | members.keys())
    by_person: dict[int, list[int]] = defaultdict(list)
    for record in concerned:
        by_person[members.get(record, record)].append(record)
    tables.delete_documents_of(cursor, concerned)
    for person_records in by_person.values():
        person = fold_person(events_of(log, person_records, upto))
        tables.write(cursor, person.rows.values())
        tables.write_records(cursor, person.records.values())
    return set(concerned)


def events_of(log: EventLog, records: Sequence[int], upto: int) -> list[RecordedEvent]:
    """The events of a person up to a position, in order of position, read from the log."""
    found = [
        event
        for record in records
        for event in events_of_records(log.read_record(record))
        if event.position <= upto
    ]
    return sorted(found, key=lambda event: event.position)


def _apply_incrementally(
    cursor: Cursor, tables: TimelineTables, events: Sequence[RecordedEvent]
) -> None:
    records = {event.record for event in events}
    person_of = tables.persons.persons(cursor, records)
    members = tables.persons.members(cursor, person_of.values()) if person_of else {}
    persons: dict[int, PersonFold] = {
        person_of.get(record, record): PersonFold() for record in records
    }
    known = _load(cursor, tables, events, persons, members)
    for event in events:
        persons[person_of.get(event.record, event.record)].apply(event)
    _store(cursor, tables, persons.values(), known)


def _load(
    cursor: Cursor,
    tables: TimelineTables,
    events: Sequence[RecordedEvent],
    persons: Mapping[int, PersonFold],
    members: Mapping[int, int],
) -> set[bytes]:
    """Each person holds the rows that these events may touch. Returns the streams of those rows."""
    streams, targets = streams_touched(events)
    known = set()
    for row in tables.load(cursor, streams, targets):
        person = persons.get(members.get(row.record, row.record))
        if person is not None:  # else the target belongs to another person
            person.hold(row)
            known.add(row.stream)
    for facts in tables.load_records(cursor, {event.record for event in events}):
        persons[members.get(facts.record, facts.record)].records[facts.record] = facts
    return known


def streams_touched(events: Sequence[RecordedEvent]) -> tuple[set[bytes], set[bytes]]:
    """Streams whose rows these events may read or change, then those of new documents among them.

    Successors may wait for a new document.
    """
    streams, new = set(), set()
    for event in events:
        if event.name == names.DOCUMENT_SUBMITTED:
            streams.add(event.stream)
            new.add(event.stream)
            replaces = event.datum["document"]["replaces"]
            if replaces is not None:
                streams.add(document_stream(replaces))
        elif event.name == names.DOCUMENT_REPLACED:
            streams.add(event.stream)
            streams.add(document_stream(event.datum["replacedBy"]))
        elif event.name.startswith("document_"):
            streams.add(event.stream)
    return streams, new


def _store(
    cursor: Cursor, tables: TimelineTables, persons: Iterable[PersonFold], known: set[bytes]
) -> None:
    rows = [person.rows[stream] for person in persons for stream in person.changed_rows]
    tables.delete(cursor, (row.stream for row in rows if row.stream in known))
    tables.write(cursor, rows)
    records = [person.records[record] for person in persons for record in person.changed_records]
    tables.delete_records(cursor, [facts.record for facts in records])
    tables.write_records(cursor, records)
