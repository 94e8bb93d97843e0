"""The tables of the national figures.

`cell`: the counts of one sector, type and month of the act. `document`: the contribution of each
document, kept to be subtracted at an erasure. `record`, `total`: the same for records.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Final

import psycopg

from ingest.runtime.postgres.arrays import Int2Array, Int4Array, Int8Array, UuidArray
from projections.copy_rows import copy_rows

Cursor = psycopg.Cursor[Any]
CellKey = tuple[str, str, str]

_DOCUMENT: Final = struct.Struct("!hi16siqiiih").pack
_RECORD: Final = struct.Struct("!hiqih").pack


class Fate(IntFlag):
    """What became of a document. Each bit is set once and stays."""

    REPLACED = 1
    DELETED = 2


class RecordFigure(IntFlag):
    """The figures that a record counts in: the first three for ever, the others while they hold."""

    OPENED = 1
    ACTIVATED = 2
    FED = 4
    CLOSED = 8
    OPPOSED = 16


@dataclass(slots=True)
class Contribution:
    """The contribution of a document. `cell`: number of its cell; `fate`: bits of `Fate`."""

    record: int
    cell: int
    fate: int = 0


@dataclass(frozen=True, slots=True)
class StatisticsTables:
    """Names and statements of the tables of one build."""

    build: int

    @property
    def prefix(self) -> str:
        """What their names begin with."""
        return f"projection.statistics_{self.build}"

    @property
    def document(self) -> str:
        """One row per document counted."""
        return f"{self.prefix}_document"

    @property
    def cell(self) -> str:
        """One row per sector, type and month."""
        return f"{self.prefix}_cell"

    @property
    def record(self) -> str:
        """One row per record counted."""
        return f"{self.prefix}_record"

    @property
    def total(self) -> str:
        """One row per `RecordFigure`."""
        return f"{self.prefix}_total"

    @property
    def names(self) -> tuple[str, ...]:
        """All tables."""
        return (self.document, self.cell, self.record, self.total)

    def tables(self) -> list[str]:
        """Statements that make them."""
        return [
            f"create table {self.document} (stream uuid not null, record bigint not null,"
            " cell integer not null, fate smallint not null) with (fillfactor = 90)",
            f"create table {self.cell} (number integer generated always as identity primary key,"
            " sector text not null, type_code text not null, month text not null,"
            " fed bigint not null default 0, replaced bigint not null default 0,"
            " deleted bigint not null default 0, current bigint not null default 0,"
            " unique (sector, type_code, month)) with (fillfactor = 50)",
            f"create table {self.record} (record bigint not null, figures smallint not null)"
            " with (fillfactor = 90)",
            f"create table {self.total} (figure smallint primary key, records bigint not null"
            " default 0) with (fillfactor = 50)",
        ]

    def indexes(self) -> list[str]:
        """Statements that make the indexes of documents and records."""
        return [
            f"alter table {self.document} add primary key (stream)",
            f"create index on {self.document} (record)",
            f"alter table {self.record} add primary key (record)",
        ]

    def contributions(self, cursor: Cursor, streams: Iterable[bytes]) -> dict[bytes, Contribution]:
        """The contributions of these documents, by stream. Uncounted documents are left out."""
        rows = cursor.execute(
            f"select uuid_send(stream), record, cell, fate from {self.document}"
            " where stream = any(%b::uuid[])",
            (UuidArray.of(streams),),
            prepare=True,
        ).fetchall()
        return {row[0]: Contribution(*row[1:]) for row in rows}

    def figures(self, cursor: Cursor, records: Iterable[int]) -> dict[int, int]:
        """The bits of `RecordFigure` of these records. Uncounted records are left out."""
        rows = cursor.execute(
            f"select record, figures from {self.record} where record = any(%b::bigint[])",
            (Int8Array.of(list(records)),),
            prepare=True,
        ).fetchall()
        return dict(rows)

    def cells(self, cursor: Cursor, keys: Iterable[CellKey]) -> dict[CellKey, int]:
        """The numbers of these cells. Missing cells are made."""
        wanted = sorted(set(keys))
        columns = [[key[n] for key in wanted] for n in range(3)]
        cursor.execute(
            f"insert into {self.cell} (sector, type_code, month)"
            " select * from unnest(%b::text[], %b::text[], %b::text[]) on conflict do nothing",
            columns,
            prepare=True,
        )
        rows = cursor.execute(
            f"select c.sector, c.type_code, c.month, c.number from {self.cell} c"
            " join unnest(%b::text[], %b::text[], %b::text[]) as u(sector, type_code, month)"
            " using (sector, type_code, month)",
            columns,
            prepare=True,
        ).fetchall()
        return {(sector, type_code, month): number for sector, type_code, month, number in rows}

    def write_documents(
        self, cursor: Cursor, new: Mapping[bytes, Contribution], old: Mapping[bytes, Contribution]
    ) -> None:
        """`new` contributions are in the table; `old` ones have the fate given here."""
        rows = (
            _DOCUMENT(4, 16, stream, 8, given.record, 4, given.cell, 2, given.fate)
            for stream, given in new.items()
        )
        copy_rows(cursor, self.document, ("stream", "record", "cell", "fate"), rows)
        cursor.execute(
            f"update {self.document} d set fate = u.fate"
            " from unnest(%b::uuid[], %b::smallint[]) as u(stream, fate)"
            " where d.stream = u.stream",
            (UuidArray.of(old), Int2Array.of([given.fate for given in old.values()])),
            prepare=True,
        )

    def write_records(
        self, cursor: Cursor, figures: Mapping[int, int], known: Mapping[int, int]
    ) -> None:
        """The table has `figures`. `known`: what the table had before."""
        changed = [record for record, now in figures.items() if known.get(record) != now]
        cursor.execute(
            f"delete from {self.record} where record = any(%b::bigint[])",
            (Int8Array.of(changed),),
            prepare=True,
        )
        rows = (_RECORD(2, 8, record, 2, figures[record]) for record in changed)
        copy_rows(cursor, self.record, ("record", "figures"), rows)

    def add_to_cells(self, cursor: Cursor, deltas: Mapping[int, Sequence[int]]) -> None:
        """Each cell has grown by its delta: fed, replaced, deleted, current."""
        columns = [Int8Array.of([delta[n] for delta in deltas.values()]) for n in range(4)]
        cursor.execute(
            f"update {self.cell} c set fed = c.fed + u.fed, replaced = c.replaced + u.replaced,"
            " deleted = c.deleted + u.deleted, current = c.current + u.current"
            " from unnest(%b::integer[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])"
            " as u(number, fed, replaced, deleted, current) where c.number = u.number",
            (Int4Array.of(list(deltas)), *columns),
            prepare=True,
        )

    def add_to_totals(self, cursor: Cursor, deltas: Mapping[int, int]) -> None:
        """The number of records of each figure has grown by its delta."""
        cursor.execute(
            f"insert into {self.total} as t (figure, records)"
            " select * from unnest(%b::smallint[], %b::bigint[])"
            " on conflict (figure) do update set records = t.records + excluded.records",
            (Int2Array.of(list(deltas)), Int8Array.of(list(deltas.values()))),
            prepare=True,
        )

    def forget(self, cursor: Cursor, records: Sequence[int]) -> None:
        """The contributions of these records are subtracted, and their rows are gone."""
        given = (Int8Array.of(records),)
        cursor.execute(
            f"with gone as (delete from {self.document} where record = any(%b::bigint[])"
            " returning cell, fate), counted as (select cell, count(*) as fed,"
            " count(*) filter (where fate & 1 <> 0) as replaced,"
            " count(*) filter (where fate & 2 <> 0) as deleted,"
            " count(*) filter (where fate = 0) as current from gone group by cell)"
            f" update {self.cell} c set fed = c.fed - n.fed, replaced = c.replaced - n.replaced,"
            " deleted = c.deleted - n.deleted, current = c.current - n.current"
            " from counted n where c.number = n.cell",
            given,
        )
        cursor.execute(
            f"with gone as (delete from {self.record} where record = any(%b::bigint[])"
            f" returning figures) update {self.total} t set records = t.records - n.records"
            f" from (select figure, count(*) as records from gone, {self.total} f"
            " where gone.figures & f.figure <> 0 group by figure) n where t.figure = n.figure",
            given,
        )
