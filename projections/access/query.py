"""The permissions of a person, read from the live build at the moment of reading."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from projections.builds import live_build

from .person import PersonAccess, person_access
from .tables import AccessTables

Cursor = psycopg.Cursor[Any]

BREAK_GLASS_LASTS: Final = timedelta(hours=24)
"""How long a recorded break-glass opens the record to its actor; no source says (SPEC h.3)."""


def read_access(cursor: Cursor, record: int, now: datetime) -> PersonAccess:
    """The permissions of the person of this record, in the transaction of `cursor` (binary).

    Raises NotMigrated.
    """
    tables = AccessTables(live_build(cursor, "access").number)
    records = records_of_person(cursor, tables, record)
    motives = tables.motives_of(cursor, records, now - BREAK_GLASS_LASTS)
    return person_access(tables.permissions_of(cursor, records), motives)


def records_of_person(cursor: Cursor, tables: AccessTables, record: int) -> list[int]:
    """All records of the person of this record."""
    person = tables.persons.persons(cursor, [record]).get(record, record)
    return [*tables.persons.members(cursor, [person])] or [record]
