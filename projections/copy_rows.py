"""Rows in PostgreSQL's binary COPY format: the cheapest way in (decision 0039)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import psycopg

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"
_LENGTH: Final = struct.Struct("!i").pack
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(2000, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)


def copy_rows(
    cursor: psycopg.Cursor[Any], table: str, columns: Iterable[str], rows: Iterable[bytes]
) -> None:
    """`rows` are in `table`. Each begins with its number of fields, two bytes."""
    statement = f"copy {table} ({', '.join(columns)}) from stdin (format binary)"
    with cursor.copy(statement.encode()) as copy:
        copy.write(SIGNATURE + b"".join(rows) + TRAILER)


def sized(value: bytes | None) -> bytes:
    """The field `value` with its length before it; NULL for None."""
    return NULL if value is None else _LENGTH(len(value)) + value


def text(value: str | None) -> bytes:
    """A field of type text or json; NULL for None. The text holds no NUL character."""
    if value is None:
        return NULL
    data = value.encode()
    return _LENGTH(len(data)) + data


@lru_cache(maxsize=4096)
def microseconds(moment: datetime) -> int:
    """A timestamptz: microseconds since 2000-01-01 UTC. Remembered: a batch shares one moment."""
    return (moment - _EPOCH) // _MICROSECOND


def day(value: date | None) -> bytes:
    """A field of type date; NULL for None."""
    return NULL if value is None else struct.pack("!ii", 4, (value - _FIRST_DAY).days)
