"""Who may read a person's documents and who did, as the patient or a representative may know it.

A trace names a document only when the reader may see the document. `READ` becomes `LIST` when he
may see none of them: to tell that a hidden document was opened would tell that it exists (SPEC h.2,
TRAP 17). Every access is shown (SPEC h.4); those of secret connections to the patient alone (SPEC
h.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import psycopg

from projections.access.person import PersonAccess
from projections.access.query import read_access, records_of_person
from projections.access.row import Permission, Trace
from projections.access.tables import AccessTables
from projections.builds import live_build
from projections.snapshot import in_snapshot
from projections.timeline.query import Entry, read_timeline
from schemas.policy.may_see import Reader, ReaderKind, RecordFacts, is_minor

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]

LIST: Final = "LIST"


@dataclass(frozen=True, slots=True)
class SeenTrace:
    """An access as one reader may know it. `documents`: those that he may see."""

    trace: Trace
    documents: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenAccess:
    """What one reader may know. `position`: checkpoint of the projection. `authorised`: those whose
    authorisation has not ended. `traces`: newest first.
    """

    position: int
    attending: Permission | None = None
    authorised: list[Permission] = field(default_factory=list)
    blocked: list[Permission] = field(default_factory=list)
    break_glass_opposed: bool = False
    regulation_opposed: bool = False
    traces: list[SeenTrace] = field(default_factory=list)


def accesses_of(
    conn: Connection, record: int, reader: Reader, now: datetime, limit: int
) -> SeenAccess:
    """Who may read the documents of the person of this record, and the `limit` newest accesses.

    Empty when `may_know` says no. Raises NotMigrated.
    """
    return in_snapshot(conn, lambda cursor: _read(cursor, record, reader, now, limit))


def may_know(reader: Reader, facts: Iterable[RecordFacts], now: datetime) -> bool:
    """True for readers who are told of accesses at all (SPEC h.3, d.5).

    They are the patient, and a representative while the person is a minor and has an open record.
    """
    if reader.kind is ReaderKind.PATIENT:
        return True
    return reader.kind is ReaderKind.REPRESENTATIVE and any(
        is_minor(each.birth_date, now) and not each.closed for each in facts
    )


def _read(cursor: Cursor, record: int, reader: Reader, now: datetime, limit: int) -> SeenAccess:
    build = live_build(cursor, "access")
    timeline, facts = read_timeline(cursor, record, reader, now)
    if not may_know(reader, facts.values(), now):
        return SeenAccess(build.position)
    tables = AccessTables(build.number)
    access = read_access(cursor, record, now)
    is_patient = reader.kind is ReaderKind.PATIENT
    closed = {number for number, each in facts.items() if each.closed}
    records = records_of_person(cursor, tables, record)
    told = [number for number in records if is_patient or number not in closed]
    traces = tables.traces_of(cursor, told, limit, secret=is_patient)
    visible = {entry.row.unique_id: entry for entry in (*timeline.current, *timeline.archived)}
    return SeenAccess(
        position=build.position,
        attending=access.attending,
        authorised=still_authorised(access, now),
        blocked=sorted(access.blocked.values(), key=lambda permission: permission.subject),
        break_glass_opposed=access.break_glass_opposed,
        regulation_opposed=access.regulation_opposed,
        traces=[_as_known(trace, visible) for trace in traces],
    )


def _as_known(trace: Trace, visible: Mapping[str, Entry]) -> SeenTrace:
    documents = tuple(visible[name] for name in trace.document_ids if name in visible)
    names = tuple(entry.row.unique_id for entry in documents)
    action = trace.action if documents else LIST
    return SeenTrace(replace(trace, document_ids=names, action=action), documents)


def still_authorised(access: PersonAccess, now: datetime) -> list[Permission]:
    """The authorisations that have not ended at `now`; the one that ends last comes first."""
    permissions = [
        permission
        for permission in access.authorised.values()
        if permission.until and permission.until > now
    ]
    return sorted(
        permissions,
        key=lambda permission: (permission.until or now, permission.subject),
        reverse=True,
    )
