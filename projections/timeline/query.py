"""A person's timeline as one reader may see it: by day, newest act first (SPEC h.2, TRAP 10, 17).

Rows and counts hold nothing that the reader may not see. Archived documents stand apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson
import psycopg

from ingest.runtime.postgres.arrays import Int8Array
from projections.access.person import PersonAccess
from projections.access.query import read_access
from projections.builds import live_build
from projections.snapshot import in_snapshot
from schemas.policy.may_see import Reader, ReaderKind, RecordFacts, may_see
from schemas.valuesets import facility_label, type_label

from .row import RecordRow, TimelineRow
from .tables import TimelineTables, select_list

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
ReaderOf = Callable[[PersonAccess], Reader]
"""Makes the reader from the permissions of the person."""

_NOBODY: Final[frozenset[str]] = frozenset()
_SAID_NOTHING: Final = PersonAccess()
_BY_RIGHT: Final = frozenset({ReaderKind.PATIENT, ReaderKind.REPRESENTATIVE})
IDENTITY_ERROR: Final = "IDENTITY_ERROR"


@dataclass(frozen=True, slots=True)
class Entry:
    """A document on the timeline. `day`: day of the act as written: YYYY-MM-DD, YYYY-MM or YYYY."""

    day: str
    row: TimelineRow
    authors: tuple[Mapping[str, Any], ...]

    @property
    def type_label(self) -> str:
        """The French label of the type when the document was made; the code of an unlisted type."""
        return type_label(self.row.type_code, self.row.created) or self.row.type_code

    @property
    def sector_label(self) -> str:
        """The French label of the sector when the document was made; an unlisted one's code."""
        code = self.row.facility_type
        return facility_label(code, self.row.created) or code


@dataclass(frozen=True, slots=True)
class PersonTimeline:
    """What one reader sees of one person. `position`: checkpoint of the timeline."""

    person: int
    position: int
    current: list[Entry]
    archived: list[Entry]


def timeline_of(
    conn: Connection, record: int, reader: Reader | ReaderOf, now: datetime
) -> PersonTimeline:
    """The timeline of the person of this record for this reader at `now` (aware).

    Sorted by the act, newest first. Of two acts at the same moment, the document deposited later
    comes first. Raises NotMigrated.
    """
    return in_snapshot(conn, lambda cursor: read_timeline(cursor, record, reader, now)[0])


def read_timeline(
    cursor: Cursor, record: int, reader: Reader | ReaderOf, now: datetime
) -> tuple[PersonTimeline, Mapping[int, RecordFacts]]:
    """The same in the transaction of `cursor` (binary), and the facts of the person's records."""
    known = isinstance(reader, Reader) and reader.kind in _BY_RIGHT
    access = _SAID_NOTHING if known else read_access(cursor, record, now)
    reader = reader if isinstance(reader, Reader) else reader(access)
    build = live_build(cursor, "timeline")
    tables = TimelineTables(build.number)
    person = tables.persons.persons(cursor, [record]).get(record, record)
    records = [*tables.persons.members(cursor, [person])] or [record]
    facts = record_facts(tables.load_records(cursor, records), access)
    rows = cursor.execute(
        f"select {select_list()} from {tables.document} where record = any(%b::bigint[])"
        " order by act_key desc, position desc".encode(),
        (Int8Array.of(records),),
        prepare=True,
    ).fetchall()
    seen = _seen((TimelineRow(*row) for row in rows), facts, reader, now)
    current = [entry for entry in seen if not entry.row.archived]
    archived = [entry for entry in seen if entry.row.archived]
    return PersonTimeline(person, build.position, current, archived), facts


def record_facts(
    rows: Iterable[RecordRow], access: PersonAccess = _SAID_NOTHING
) -> dict[int, RecordFacts]:
    """The facts of each record of one person, by number of the record.

    A record closed for an error of identity hides its own documents. A record closed for any other
    reason closes all records of the person. The birth date is the declared one, else the earliest
    that documents claim: a representative's access then ends too early rather than too late.
    """
    rows = list(rows)
    person_closed = any(row.closed and row.closure != IDENTITY_ERROR for row in rows)
    birth_date = _earliest(row.birth_date for row in rows) or _earliest(
        row.claimed_birth_date for row in rows
    )
    return {
        row.record: RecordFacts(
            row.closed or person_closed,
            birth_date,
            access.break_glass_opposed,
            access.regulation_opposed,
        )
        for row in rows
    }


def _earliest(dates: Iterable[date | None]) -> date | None:
    return min((day for day in dates if day is not None), default=None)


def _seen(
    rows: Iterable[TimelineRow], facts: Mapping[int, RecordFacts], reader: Reader, now: datetime
) -> list[Entry]:
    by_identity = reader.kind not in _BY_RIGHT
    entries = []
    for row in rows:
        authors = tuple(orjson.loads(row.authors))
        ids = _identifiers(authors) if by_identity else _NOBODY
        if may_see(reader, facts.get(row.record, RecordFacts()), row.facts(ids), now):
            entries.append(Entry(day_of(row.act), row, authors))
    return entries


def _identifiers(authors: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    found = {author["id"] for author in authors}
    found |= {author["organisationId"] for author in authors}
    return frozenset(found - {None})


def day_of(literal: str) -> str:
    """The calendar day that a literal names, to its precision, never shifted (TRAP 8, 9)."""
    digits = literal[:8]
    parts = (digits[:4], digits[4:6], digits[6:8])
    return "-".join(part for part in parts if part.isdigit())


def by_day(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The entries of each day as written, newest day first; a month or year follows its days.

    The day is the one that the producer wrote. In Paris an act of another time zone may fall on
    another day (TRAP 9).
    """
    days: dict[str, list[Entry]] = {}
    for entry in entries:
        days.setdefault(entry.day, []).append(entry)
    return dict(sorted(days.items(), reverse=True))
