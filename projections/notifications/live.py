"""The projection `notifications`: each trigger is written once, in the transaction of its batch.

The projection is never rebuilt from the log: that somebody was told is a fact of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from projections.persons import LINK_EVENTS
from projections.projection import Comparison, EventLog
from schemas import events as names
from schemas.forms.stream_ids import document_stream

from .rule import TAKES, PersonRule, Trigger, access_lineage
from .tables import NotificationTables

Cursor = psycopg.Cursor[Any]

NEVER_REBUILT: Final = (
    "notifications are never rebuilt: what was announced stays announced once, and nobody is told"
    " twice"
)


class Notifications:
    """The projection `notifications`. Module `rule`: when somebody is told; `relay`: how."""

    name: Final = "notifications"
    version: Final = 1
    takes: Final = TAKES
    rebuildable: Final = False

    def tables(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return NotificationTables(build).tables()

    def indexes(self, build: int) -> Sequence[str]:
        """No statement: the tables are never loaded in bulk."""
        return ()

    def table_names(self, build: int) -> Sequence[str]:
        """See `Projection`."""
        return NotificationTables(build).names

    def compare(self, cursor: Cursor, old: int, new: int) -> Comparison:
        """Raises NotImplementedError: there is only ever one build."""
        raise NotImplementedError(NEVER_REBUILT)

    def forget(
        self, cursor: Cursor, build: int, log: EventLog, records: Iterable[int], upto: int
    ) -> None:
        """See `Projection`. What was announced of these records is forgotten too."""
        NotificationTables(build).forget(cursor, sorted(records))

    def apply(
        self, cursor: Cursor, build: int, log: EventLog, events: Sequence[RecordedEvent]
    ) -> None:
        """See `Projection`."""
        tables = NotificationTables(build)
        erased = sorted({event.record for event in events if event.erased})
        if erased:
            tables.forget(cursor, erased)
        legible = [event for event in events if not event.erased]
        # A link changes persons from its own position on: the cut into batches must not matter.
        for links, run in groupby(legible, key=lambda event: event.name in LINK_EVENTS):
            if links:
                tables.persons.apply(cursor, list(run))
            else:
                _apply(cursor, tables, list(run))


def _apply(cursor: Cursor, tables: NotificationTables, events: Sequence[RecordedEvent]) -> None:
    records = {event.record for event in events}
    person_of = tables.persons.persons(cursor, records)
    members = tables.persons.members(cursor, person_of.values()) if person_of else {}
    persons = {
        person: PersonRule(person)
        for person in {person_of.get(record, record) for record in records}
    }
    _load(cursor, tables, events, persons, members)
    for record in tables.closed_records(cursor, records):
        persons[person_of.get(record, record)].closed.add(record)
    for event in events:
        persons[person_of.get(event.record, event.record)].apply(event)
    _store(cursor, tables, list(persons.values()), events)


def _load(
    cursor: Cursor,
    tables: NotificationTables,
    events: Sequence[RecordedEvent],
    persons: dict[int, PersonRule],
    members: dict[int, int],
) -> None:
    streams, new = set(), set()
    for event in events:
        if event.name.startswith("document_"):
            streams.add(event.stream)
        if event.name == names.DOCUMENT_SUBMITTED:
            new.add(event.stream)
            replaces = event.datum["document"]["replaces"]
            if replaces is not None:
                streams.add(document_stream(replaces))
    candidates = tables.load(cursor, streams, new)
    lineages = streams | {candidate.content_lineage for candidate in candidates}
    lineages |= {access_lineage(e) for e in events if e.name == names.RECORD_ACCESSED}
    announced = tables.announced(cursor, lineages)
    for candidate in candidates:
        person = persons.get(members.get(candidate.record, candidate.record))
        if person is not None:
            person.hold(candidate)
    for person in persons.values():
        person.announced = announced  # one set: a lineage may lie in two persons


def _store(
    cursor: Cursor,
    tables: NotificationTables,
    persons: Sequence[PersonRule],
    events: Sequence[RecordedEvent],
) -> None:
    tables.write(cursor, [s.candidates[stream] for s in persons for stream in s.changed])
    tables.write_keys(cursor, (key for person in persons for key in person.new_keys))
    triggers = [trigger for person in persons for trigger in person.triggers]
    if triggers:
        after = tables.applies_after(cursor, events[0].position - 1)
        tables.write_due(cursor, _active(triggers, after))
    moved = {e.record for e in events if e.name in (names.RECORD_OPENED, names.RECORD_CLOSED)}
    if moved:
        closed = {record for person in persons for record in person.closed}
        tables.set_closed(cursor, sorted(moved), sorted(closed & moved))


def _active(triggers: Iterable[Trigger], after: Mapping[str, int]) -> Iterator[Trigger]:
    """The triggers after the activation of their rule. Earlier ones use up keys and tell nobody."""
    return (trigger for trigger in triggers if trigger.position > after[trigger.rule])
