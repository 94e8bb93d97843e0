"""Who may read a person's documents and who did, as the patient or a representative may know it.

A trace names a document only when the reader may see it, and `READ` becomes `LIST` when he may see
none of them: that a hidden document was opened would tell that it is there (SPEC h.2, TRAPS 17).
The access itself is always told (SPEC h.4), but secret ones to the patient alone (SPEC h.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from projections.builds import live_build
from schemas.may_see import Reader, ReaderKind, RecordFacts, is_minor

from .person import PersonAccess, person_access
from .row import Permission, Trace
from .tables import AccessTables

Cursor = psycopg.Cursor[Any]

SECRET: Final = "SECRET"
LIST: Final = "LIST"
BREAK_GLASS_LASTS: Final = timedelta(hours=24)
"""How long a recorded break-glass opens the record to who made it; no source says (SPEC h.3)."""


def read_access(cursor: Cursor, record: int, now: datetime) -> PersonAccess:
    """What holds for the person of this record, in the transaction of `cursor` (binary). Raises
    NotMigrated.
    """
    tables = AccessTables(live_build(cursor, "access").number)
    _, records = persons_records(cursor, tables, record)
    motives = tables.motives_of(cursor, records, now - BREAK_GLASS_LASTS)
    return person_access(tables.permissions_of(cursor, records), motives)


def persons_records(cursor: Cursor, tables: AccessTables, record: int) -> tuple[int, list[int]]:
    """The person of this record, and all records of the person."""
    person = tables.persons.persons(cursor, [record]).get(record, record)
    return person, [*tables.persons.members(cursor, [person])] or [record]


def may_know(reader: Reader, facts: Iterable[RecordFacts], now: datetime) -> bool:
    """Whether this reader is told of accesses at all: the patient; a representative while the
    person is a minor and no record is closed to him (SPEC h.3, d.5). Nobody else.
    """
    if reader.kind is ReaderKind.PATIENT:
        return True
    known = list(facts)
    return (
        reader.kind is ReaderKind.REPRESENTATIVE
        and any(is_minor(each.birth_date, now) for each in known)
        and not any(each.closed for each in known)
    )


def shown_traces(
    traces: Iterable[Trace], reader: Reader, visible: Mapping[str, Any]
) -> list[Trace]:
    """The traces as this reader may know them; `visible`: documents he sees, by uniqueId."""
    return [
        _as_known(trace, visible)
        for trace in traces
        if trace.mode != SECRET or reader.kind is ReaderKind.PATIENT
    ]


def _as_known(trace: Trace, visible: Mapping[str, Any]) -> Trace:
    documents = tuple(name for name in trace.document_ids if name in visible)
    action = trace.action if documents else LIST
    return replace(trace, document_ids=documents, action=action)


def still_authorised(access: PersonAccess, now: datetime) -> list[Permission]:
    """The authorisations that have not ended, the one that ends last first."""
    words: Sequence[Permission] = [
        w for w in access.authorised.values() if w.until and w.until > now
    ]
    return sorted(words, key=lambda word: (word.until or now, word.subject), reverse=True)
