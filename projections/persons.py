"""Persons: sets of linked records (decision 0028). A person has the number of his lowest record.

A link joins two records. Both streams carry its `record_linked` and its `record_unlinked`; one of
the two events is enough to make or undo the link. Tables hold linked records only: a record that is
absent is a person of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from ingest.runtime.postgres.arrays import Int8Array
from schemas.events import RECORD_LINKED, RECORD_UNLINKED

Edge = tuple[int, int]
Cursor = psycopg.Cursor[Any]

LINK_EVENTS: Final = frozenset({RECORD_LINKED, RECORD_UNLINKED})


def edge_of(event: RecordedEvent) -> Edge | None:
    """The two records of a link event, the lower first.

    None for an erased event, and for a record linked to itself.
    """
    if event.erased:
        return None
    one, other = event.record, int(event.datum["otherRecord"])
    return None if one == other else (min(one, other), max(one, other))


def apply_link_events(edges: set[Edge], events: Iterable[RecordedEvent]) -> None:
    """`edges` are the links that hold after these events, given in order of position."""
    for event in events:
        edge = edge_of(event)
        if edge is None:
            continue
        if event.name == RECORD_LINKED:
            edges.add(edge)
        else:
            edges.discard(edge)


def persons_of(edges: Iterable[Edge]) -> dict[int, int]:
    """The person of every record that has a link: record number to number of the person."""
    root: dict[int, int] = {}

    def find(record: int) -> int:
        while root[record] != record:
            root[record] = root[root[record]]
            record = root[record]
        return record

    for one, other in edges:
        root.setdefault(one, one)
        root.setdefault(other, other)
        low, high = sorted((find(one), find(other)))
        root[high] = low
    return {record: find(record) for record in root}


@dataclass(frozen=True, slots=True)
class PersonTables:
    """The links in one build of a projection: tables `<prefix>_link` and `<prefix>_person`."""

    prefix: str

    @property
    def names(self) -> tuple[str, str]:
        """The table of links, then that of persons."""
        return f"{self.prefix}_link", f"{self.prefix}_person"

    def tables(self) -> list[str]:
        """Statements that make both tables."""
        link, person = self.names
        bare = person.rpartition(".")[2]
        return [
            f"create table {link} (low bigint, high bigint, primary key (low, high))",
            f"create index on {link} (high)",
            f"create table {person} (record bigint primary key, person bigint not null)",
            f"create index {bare}_members on {person} (person, record)",
        ]

    def persons(self, cursor: Cursor, records: Iterable[int]) -> dict[int, int]:
        """The person of each of `records` that is linked: record to person."""
        wanted = sorted(set(records))
        query = f"select record, person from {self.names[1]} where record = any(%b::bigint[])"
        return dict(cursor.execute(query, (Int8Array.of(wanted),), prepare=True).fetchall())

    def members(self, cursor: Cursor, persons: Iterable[int]) -> dict[int, int]:
        """All linked records of these persons: record to person."""
        wanted = sorted(set(persons))
        query = f"select record, person from {self.names[1]} where person = any(%b::bigint[])"
        return dict(cursor.execute(query, (Int8Array.of(wanted),), prepare=True).fetchall())

    def apply(self, cursor: Cursor, events: Sequence[RecordedEvent]) -> dict[int, int]:
        """The tables hold the links after these events.

        Returns record to person for every record whose person may have changed. A record that lost
        its last link is its own person.
        """
        touched = {record for event in events for record in edge_of(event) or ()}
        before = self.members(cursor, self.persons(cursor, touched).values())
        affected = sorted(touched | before.keys())
        old = self._edges(cursor, affected)
        new = set(old)
        apply_link_events(new, events)
        persons = persons_of(new)
        self._write(cursor, old, new, affected, persons)
        return {record: persons.get(record, record) for record in affected}

    def replace_all(self, cursor: Cursor, edges: Iterable[Edge]) -> None:
        """The tables, empty before, hold these links."""
        edges = set(edges)
        self._write(cursor, set(), edges, (), persons_of(edges))

    def _edges(self, cursor: Cursor, records: Sequence[int]) -> set[Edge]:
        query = f"select low, high from {self.names[0]} where low = any(%b::bigint[])"
        rows = cursor.execute(query, (Int8Array.of(records),), prepare=True).fetchall()
        return {(low, high) for low, high in rows}

    def _write(
        self,
        cursor: Cursor,
        old: set[Edge],
        new: set[Edge],
        affected: Sequence[int],
        persons: Mapping[int, int],
    ) -> None:
        link, person = self.names
        gone, come = sorted(old - new), sorted(new - old)
        pairs = "(select * from unnest(%b::bigint[], %b::bigint[]))"
        cursor.execute(f"delete from {link} where (low, high) in {pairs}", _columns(gone))
        cursor.execute(f"insert into {link} {pairs}", _columns(come))
        cursor.execute(
            f"delete from {person} where record = any(%b::bigint[])",
            (Int8Array.of(affected),),
        )
        cursor.execute(f"insert into {person} {pairs}", _columns(sorted(persons.items())))


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[Int8Array, Int8Array]:
    return Int8Array.of([one for one, _ in pairs]), Int8Array.of([other for _, other in pairs])
