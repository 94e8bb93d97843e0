"""The tables of one build of the projection `access`.

`permission`: who may read; `trace`: who read. The tables hold clear text: never exported, never
logged, and built again from the log at any time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

import orjson
import psycopg

from ingest.runtime.postgres.arrays import Int8Array
from projections.copy_rows import copy_rows, microseconds, text
from projections.persons import PersonTables

from .row import Matter, Permission, Trace

Cursor = psycopg.Cursor[Any]

PERMISSION_COLUMNS: Final = tuple(field.name for field in fields(Permission))
TRACE_COLUMNS: Final = tuple(field.name for field in fields(Trace))
_TRACE_TYPES: Final = {
    "position": "bigint primary key",
    "record": "bigint not null",
    "recorded_at": "timestamptz not null",
    "accessed_at": "timestamptz not null",
    "document_ids": "json not null",
}
_NULLABLE: Final = frozenset(
    {"motive", "actor_name", "role", "organisation_id", "organisation_name", "sector"}
)
_TRACE_FIXED: Final = struct.Struct("!hiqiqiqiq").pack


@dataclass(frozen=True, slots=True)
class AccessTables:
    """Names and statements of the tables of one build."""

    build: int

    @property
    def prefix(self) -> str:
        """What their names begin with."""
        return f"projection.access_{self.build}"

    @property
    def permission(self) -> str:
        """One row per record, matter and subject."""
        return f"{self.prefix}_permission"

    @property
    def trace(self) -> str:
        """One row per access."""
        return f"{self.prefix}_trace"

    @property
    def persons(self) -> PersonTables:
        """Links and persons."""
        return PersonTables(self.prefix)

    @property
    def names(self) -> tuple[str, ...]:
        """All tables."""
        return (self.permission, self.trace, *self.persons.names)

    def tables(self) -> list[str]:
        """Statements that make them."""
        columns = ", ".join(_trace_column(name) for name in TRACE_COLUMNS)
        return [
            f"create table {self.permission} (record bigint, matter smallint, subject text,"
            " said bigint not null, unsaid bigint not null, since timestamptz, until timestamptz,"
            " name text, primary key (record, matter, subject)) with (fillfactor = 90)",
            f"create table {self.trace} ({columns})",
            *self.persons.tables(),
        ]

    def indexes(self) -> list[str]:
        """Statements that make the index of the traces."""
        bare = self.trace.rpartition(".")[2]
        return [f"create index {bare}_by_record on {self.trace} (record, accessed_at)"]

    def join(self, cursor: Cursor, permissions: Iterable[Permission]) -> None:
        """These permissions are joined with those in the table, as `Permission.join` does."""
        rows = list(permissions)
        if not rows:
            return
        columns: list[Any] = [[getattr(row, name) for row in rows] for name in PERMISSION_COLUMNS]
        cursor.execute(
            f"insert into {self.permission} as p ({', '.join(PERMISSION_COLUMNS)})"
            " select * from unnest(%b::bigint[], %b::smallint[], %b::text[], %b::bigint[],"
            " %b::bigint[], %b::timestamptz[], %b::timestamptz[], %b::text[])"
            " on conflict (record, matter, subject) do update set"
            " since = case when excluded.said > p.said then excluded.since else p.since end,"
            " until = case when excluded.said > p.said then excluded.until else p.until end,"
            " name = case when excluded.said > p.said then excluded.name else p.name end,"
            " said = greatest(p.said, excluded.said), unsaid = greatest(p.unsaid, excluded.unsaid)",
            columns,
            prepare=True,
        )

    def add(self, cursor: Cursor, traces: Sequence[Trace]) -> None:
        """These traces are in the table, once each."""
        if not traces:
            return
        cursor.execute(
            f"delete from {self.trace} where position = any(%b::bigint[])",
            (Int8Array.of([trace.position for trace in traces]),),
            prepare=True,
        )
        copy_rows(cursor, self.trace, TRACE_COLUMNS, _encoded(traces))

    def permissions_of(self, cursor: Cursor, records: Sequence[int]) -> list[Permission]:
        """The permissions of these records."""
        rows = cursor.execute(
            f"select {', '.join(PERMISSION_COLUMNS)} from {self.permission}"
            " where record = any(%b::bigint[])",
            (Int8Array.of(records),),
            prepare=True,
        ).fetchall()
        return [Permission(record, Matter(matter), *rest) for record, matter, *rest in rows]

    def traces_of(
        self, cursor: Cursor, records: Sequence[int], limit: int, *, secret: bool
    ) -> list[Trace]:
        """The newest accesses to these records, at most `limit`, newest first.

        Accesses in secret connections are among them only when `secret` is true.
        """
        rows = cursor.execute(
            f"select {', '.join(TRACE_COLUMNS)} from {self.trace}"
            " where record = any(%b::bigint[]) and (%b or mode <> 'SECRET')"
            " order by accessed_at desc, position desc limit %b",
            (Int8Array.of(records), secret, limit),
            prepare=True,
        ).fetchall()
        return [replace(Trace(*row), document_ids=tuple(row[-1])) for row in rows]

    def motives_of(self, cursor: Cursor, records: Sequence[int], since: datetime) -> dict[str, str]:
        """The motive of the newest granted break-glass of each actor, by his identifier.

        The access must have happened and must have been recorded after `since`. An access that
        waited in a queue or among the dead letters opens nothing for longer.
        """
        rows = cursor.execute(
            f"select actor_id, motive from {self.trace} where record = any(%b::bigint[])"
            " and mode = 'BREAK_GLASS' and outcome = 'GRANTED'"
            " and least(recorded_at, accessed_at) > %b"
            " and motive is not null order by position",
            (Int8Array.of(records), since),
            prepare=True,
        ).fetchall()
        return dict(rows)

    def forget(self, cursor: Cursor, records: Sequence[int]) -> None:
        """No row of these records is left. Links stay: they name nobody."""
        for table in (self.permission, self.trace):
            cursor.execute(
                f"delete from {table} where record = any(%b::bigint[])", (Int8Array.of(records),)
            )


def _trace_column(name: str) -> str:
    return f"{name} {_TRACE_TYPES.get(name, 'text' if name in _NULLABLE else 'text not null')}"


def _encoded(traces: Iterable[Trace]) -> Iterator[bytes]:
    for row in traces:
        yield b"".join(
            (
                _TRACE_FIXED(
                    16, 8, row.position, 8, row.record, 8, microseconds(row.recorded_at),
                    8, microseconds(row.accessed_at),
                ),
                text(row.mode), text(row.action), text(row.outcome), text(row.motive),
                text(row.actor_id), text(row.actor_name), text(row.role),
                text(row.organisation_id), text(row.organisation_name), text(row.sector),
                text(row.software), text(orjson.dumps(row.document_ids).decode()),
            )
        )  # fmt: skip
