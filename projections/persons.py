"""Persons: sets of linked records (decision 0028). A person's number is that of his lowest record.

A link is an edge between two records; `record_linked` and `record_unlinked` stand in the streams of
both, so either of the two events makes or undoes it. Tables hold linked records only: a record that
is not there is a person of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from ingest.runtime.postgres.arrays import Int8Array
from schemas.events import RECORD_LINKED, RECORD_UNLINKED

from .opened import OpenedEvent

Edge = tuple[int, int]
Cursor = psycopg.Cursor[Any]

LINK_EVENTS: Final = frozenset({RECORD_LINKED, RECORD_UNLINKED})


def edge_of(event: OpenedEvent) -> Edge | None:
    """The two records of a link event, lower first; None when it is erased or links nothing."""
    if event.erased:
        return None
    one, other = event.record, int(event.said["otherRecord"])
    return None if one == other else (min(one, other), max(one, other))


def apply_link_events(edges: set[Edge], events: Iterable[OpenedEvent]) -> None:
    """`edges` are those that hold after these events (in order of position)."""
    for event in events:
        edge = edge_of(event)
        if edge is None:
            continue
        if event.name == RECORD_LINKED:
            edges.add(edge)
        else:
            edges.discard(edge)


def persons_of(edges: Iterable[Edge]) -> dict[int, int]:
    """Record to person, for every record with a link."""
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
    """The links as one build of a projection knows them: `<prefix>_link`, `<prefix>_person`."""

    prefix: str

    @property
    def names(self) -> tuple[str, str]:
        """Both tables."""
        return f"{self.prefix}_link", f"{self.prefix}_person"

    def tables(self) -> list[str]:
        """Statements that make them."""
        link, person = self.names
        bare = person.rpartition(".")[2]
        return [
            f"create table {link} (low bigint, high bigint, primary key (low, high))",
            f"create index on {link} (high)",
            f"create table {person} (record bigint primary key, person bigint not null)",
            f"create index {bare}_members on {person} (person, record)",
        ]

    def persons(self, cursor: Cursor, records: Iterable[int]) -> dict[int, int]:
        """Record to person, for those of `records` that are linked."""
        wanted = sorted(set(records))
        query = f"select record, person from {self.names[1]} where record = any(%b::bigint[])"
        return dict(cursor.execute(query, (Int8Array.of(wanted),), prepare=True).fetchall())

    def members(self, cursor: Cursor, persons: Iterable[int]) -> dict[int, int]:
        """Record to person, for all linked records of these persons."""
        wanted = sorted(set(persons))
        query = f"select record, person from {self.names[1]} where person = any(%b::bigint[])"
        return dict(cursor.execute(query, (Int8Array.of(wanted),), prepare=True).fetchall())

    def apply(self, cursor: Cursor, events: Sequence[OpenedEvent]) -> dict[int, int]:
        """Write what these link events say; record to person for every record whose person they
        may have changed (also for those alone again).
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
        """The tables, empty so far, hold these links."""
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
