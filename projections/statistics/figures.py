"""The national figures as they stand, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from projections.builds import live_build

from .tables import RecordFigure, StatisticsTables

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """Documents of one sector, type and month of the act."""

    sector: str
    type_code: str
    month: str
    fed: int
    replaced: int
    deleted: int
    current: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures, as of one position of the log."""

    position: int
    records: dict[str, int]
    documents: list[Figure]


def national_figures(conn: Connection) -> Figures:
    """What the live build says. Raises NotMigrated."""
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        build = live_build(cursor, "statistics")
        tables = StatisticsTables(build.number)
        totals = dict(cursor.execute(f"select figure, records from {tables.total}".encode()))
        rows = cursor.execute(
            f"select sector, type_code, month, fed, replaced, deleted, current from {tables.cell}"
            " where fed <> 0 order by sector, type_code, month".encode()
        ).fetchall()
    records = {(figure.name or "").lower(): totals.get(int(figure), 0) for figure in RecordFigure}
    return Figures(build.position, records, [Figure(*row) for row in rows])
