"""Reading several tables of projections as of one moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]
T = TypeVar("T")


def in_snapshot(conn: Connection, read: Callable[[Cursor], T]) -> T:
    """Returns what `read` finds with a binary cursor in one read-only snapshot.

    `read` is called again when a replay dropped the build that `read` had just looked up.
    """
    try:
        return _read(conn, read)
    except psycopg.errors.UndefinedTable:
        return _read(conn, read)


def _read(conn: Connection, read: Callable[[Cursor], T]) -> T:
    with conn.transaction(), conn.cursor(binary=True) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        return read(cursor)
