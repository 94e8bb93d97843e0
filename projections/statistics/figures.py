"""The national figures of the live build, and their filters."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from projections.builds import live_build
from schemas.valuesets import FACILITIES, TYPES

from .tables import RecordFigure, StatisticsTables

Connection = psycopg.Connection[Any]

_MONTH: Final = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?")


class NoSuchFigure(ValueError):
    """A sector, type or month that no list and no figure has. `repair`: what to give instead."""

    def __init__(self, sentence: str, repair: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.repair = repair


@dataclass(frozen=True, slots=True)
class Figure:
    """Numbers of documents of one sector, type and month of the act."""

    sector: str
    type_code: str
    month: str
    fed: int
    replaced: int
    deleted: int
    current: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures at one position of the log. `records`: number of records per figure."""

    position: int
    records: dict[str, int]
    documents: list[Figure]


def national_figures(conn: Connection) -> Figures:
    """The figures of the live build. Raises NotMigrated."""
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


def chosen(
    figures: Figures, sectors: Collection[str], types: Collection[str], month: str | None
) -> Figures:
    """The figures of these sectors and types (empty: all) and of this month or year (YYYY[-MM]).

    Figures of records are not filtered. Raises NoSuchFigure for a sector or type that no list and
    no figure has, and for a malformed month.
    """
    for code in sectors:
        if code not in FACILITIES and all(code != figure.sector for figure in figures.documents):
            raise NoSuchFigure(f"there is no sector {code}", "Give a code of J61, e.g. SA25.")
    for code in types:
        if code not in TYPES and all(code != figure.type_code for figure in figures.documents):
            raise NoSuchFigure(f"there is no type {code}", "Give a code of J66, e.g. 11502-2.")
    if month is not None and _MONTH.fullmatch(month) is None:
        raise NoSuchFigure("--month is no month and no year", "Give YYYY-MM or YYYY.")
    kept = [
        figure
        for figure in figures.documents
        if (not sectors or figure.sector in sectors)
        and (not types or figure.type_code in types)
        and (month is None or figure.month.startswith(month))
    ]
    return replace(figures, documents=kept)


def totals(figures: Figures) -> dict[str, int]:
    """The sums of the figures of documents."""
    return {
        "fed": sum(figure.fed for figure in figures.documents),
        "replaced": sum(figure.replaced for figure in figures.documents),
        "deleted": sum(figure.deleted for figure in figures.documents),
        "current": sum(figure.current for figure in figures.documents),
    }
