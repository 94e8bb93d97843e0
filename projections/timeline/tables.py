"""The tables of one build of the timeline: columns, and rows written and read.

`document` and `record` mirror `TimelineRow` and `RecordRow` field by field; `link` and `person`
are those of `projections.persons`. The tables hold clear text: never exported, never logged, and
built again from the log at any time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import psycopg

from ingest.runtime.postgres.arrays import Int8Array, UuidArray
from projections.copy_rows import copy_rows, day, microseconds, sized, text
from projections.persons import PersonTables

from .row import RecordRow, TimelineRow

Cursor = psycopg.Cursor[Any]

_TYPES: Final = {
    "stream": "uuid not null",
    "record": "bigint not null",
    "position": "bigint not null",
    "changed": "bigint not null",
    "lineage": "uuid not null",
    "content_lineage": "uuid not null",
    "visibility_only": "boolean not null",
    "status": "smallint not null",
    "archived": "boolean not null",
    "flags": "smallint not null",
    "act_key": "bigint not null",
    "submitted_at": "timestamptz not null",
    "size": "bigint not null",
    "sha256": "bytea not null",
    "target": "uuid",
    "replaced_by": "uuid",
    "visible_since": "timestamptz",
    "authors": "json not null",
}
COLUMNS: Final = tuple(field.name for field in fields(TimelineRow))
RECORD_COLUMNS: Final = tuple(field.name for field in fields(RecordRow))
_UUIDS: Final = frozenset({"stream", "lineage", "content_lineage", "target", "replaced_by"})
_FIXED: Final = struct.Struct(
    "!h i16s iq iq iq i16s i16s i? ih i? ih iq iq iq i32s".replace(" ", "")
)
_MOMENT_FIELD: Final = struct.Struct("!iq").pack
_RECORD_FIXED: Final = struct.Struct("!hiqihiq").pack


def select_list(alias: str = "") -> str:
    """The columns in the order of `TimelineRow`: uuids as 16 bytes, authors as text."""
    dot = f"{alias}." if alias else ""

    def column(name: str) -> str:
        if name in _UUIDS:
            return f"uuid_send({dot}{name})"
        return f"{dot}{name}::text" if name == "authors" else dot + name

    return ", ".join(map(column, COLUMNS))


@dataclass(frozen=True, slots=True)
class TimelineTables:
    """Names and statements of the tables of one build."""

    build: int

    @property
    def prefix(self) -> str:
        """What their names begin with."""
        return f"projection.timeline_{self.build}"

    @property
    def document(self) -> str:
        """One row per document."""
        return f"{self.prefix}_document"

    @property
    def record(self) -> str:
        """One row per record."""
        return f"{self.prefix}_record"

    @property
    def persons(self) -> PersonTables:
        """Links and persons."""
        return PersonTables(self.prefix)

    @property
    def names(self) -> tuple[str, ...]:
        """All tables."""
        return (self.document, self.record, *self.persons.names)

    def tables(self) -> list[str]:
        """Statements that make the tables, without the indexes of the big ones."""
        columns = ", ".join(f"{name} {_TYPES.get(name, 'text not null')}" for name in COLUMNS)
        return [
            f"create table {self.document} ({columns}) with (fillfactor = 90)",
            f"create table {self.record} (record bigint not null, state smallint not null,"
            " changed bigint not null, closure text, birth_date date, claimed_birth_date date)"
            " with (fillfactor = 90)",
            *self.persons.tables(),
        ]

    def indexes(self) -> list[str]:
        """Statements that make the indexes of documents and records."""
        bare = self.document.rpartition(".")[2]
        return [
            f"alter table {self.document} add primary key (stream)",
            f"create index {bare}_by_act on {self.document} (record, act_key)",
            f"create index {bare}_waiting on {self.document} (target) where target is not null",
            f"create index {bare}_lineage on {self.document} (lineage) where lineage <> stream",
            f"alter table {self.record} add primary key (record)",
        ]

    def load(
        self, cursor: Cursor, streams: Iterable[bytes], targets: Iterable[bytes]
    ) -> list[TimelineRow]:
        """The rows of `streams`, those that replace one of `targets`, and their lineages."""
        known, wanted = UuidArray.of(streams), UuidArray.of(targets)
        query = (
            f"select {select_list()} from {self.document} where stream = any(%b::uuid[])"
            f" union select {select_list()} from {self.document} where stream in"
            f" (select stream from {self.document} where target = any(%b::uuid[])"
            f" union all select d.stream from {self.document} w join {self.document} d"
            f" on d.lineage = w.stream and d.lineage <> d.stream"
            f" where w.target = any(%b::uuid[]))"
        )
        rows = cursor.execute(query, (known, wanted, wanted), prepare=True).fetchall()
        return [TimelineRow(*row) for row in rows]

    def load_records(self, cursor: Cursor, records: Iterable[int]) -> list[RecordRow]:
        """The rows of these records. A record without row is left out."""
        query = (
            f"select {', '.join(RECORD_COLUMNS)} from {self.record}"
            " where record = any(%b::bigint[])"
        )
        rows = cursor.execute(query, (Int8Array.of(list(records)),), prepare=True).fetchall()
        return [RecordRow(*row) for row in rows]

    def write(self, cursor: Cursor, rows: Iterable[TimelineRow]) -> None:
        """These rows are in the table. None of their streams may have a row before."""
        copy_rows(cursor, self.document, COLUMNS, encoded(rows))

    def write_records(self, cursor: Cursor, rows: Iterable[RecordRow]) -> None:
        """These rows are in the table. None of their records may have a row before."""
        copy_rows(cursor, self.record, RECORD_COLUMNS, map(encoded_record, rows))

    def copy_encoded(self, cursor: Cursor, rows: Sequence[bytes], records: Sequence[bytes]) -> None:
        """Rows made by `encoded` and `encoded_record` are in the tables."""
        copy_rows(cursor, self.document, COLUMNS, rows)
        copy_rows(cursor, self.record, RECORD_COLUMNS, records)

    def delete(self, cursor: Cursor, streams: Iterable[bytes]) -> None:
        """No row of these documents is left."""
        query = f"delete from {self.document} where stream = any(%b::uuid[])"
        cursor.execute(query, (UuidArray.of(streams),), prepare=True)

    def delete_records(self, cursor: Cursor, records: Sequence[int]) -> None:
        """No row of these records is left; the rows of their documents stay."""
        query = f"delete from {self.record} where record = any(%b::bigint[])"
        cursor.execute(query, (Int8Array.of(records),), prepare=True)

    def delete_documents_of(self, cursor: Cursor, records: Sequence[int]) -> None:
        """No row of these records is left, nor of any document of theirs."""
        query = f"delete from {self.document} where record = any(%b::bigint[])"
        cursor.execute(query, (Int8Array.of(records),), prepare=True)
        self.delete_records(cursor, records)


def encoded(rows: Iterable[TimelineRow]) -> Iterator[bytes]:
    """Each row in the binary format of COPY, fields in the order of `COLUMNS`."""
    pack = _FIXED.pack
    for row in rows:
        since = row.visible_since
        yield b"".join(
            (
                pack(
                    28, 16, row.stream, 8, row.record, 8, row.position, 8, row.changed,
                    16, row.lineage, 16, row.content_lineage, 1, row.visibility_only,
                    2, row.status, 1, row.archived, 2, row.flags, 8, row.act_key,
                    8, microseconds(row.submitted_at), 8, row.size, 32, row.sha256,
                ),
                sized(row.target),
                sized(row.replaced_by),
                sized(None) if since is None else _MOMENT_FIELD(8, microseconds(since)),
                text(row.unique_id), text(row.type_code), text(row.class_code),
                text(row.title), text(row.authors), text(row.act), text(row.created),
                text(row.mime_type), text(row.facility_type), text(row.practice_setting),
                text(row.confidentiality),
            )
        )  # fmt: skip


def encoded_record(row: RecordRow) -> bytes:
    """The row of a record in the binary format of COPY."""
    fixed = _RECORD_FIXED(6, 8, row.record, 2, row.state, 8, row.changed)
    return fixed + text(row.closure) + day(row.birth_date) + day(row.claimed_birth_date)
