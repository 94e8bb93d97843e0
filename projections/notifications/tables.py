"""The tables of the notifications: candidates, keys used up, the outbox of the relay."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import psycopg

from ingest.runtime.postgres.arrays import Int8Array, UuidArray
from projections.copy_rows import copy_rows, microseconds, sized, text
from projections.persons import PersonTables

from .rule import AUDIENCE, RULES, Candidate, Trigger

Cursor = psycopg.Cursor[Any]

COLUMNS: Final = tuple(field.name for field in fields(Candidate))
_UUIDS: Final = frozenset({"stream", "content_lineage", "target"})
_CANDIDATE: Final = struct.Struct("!hi16siqiqi16si?ihi?").pack
_KEY: Final = struct.Struct("!hi16siq").pack
_TRIGGER: Final = struct.Struct("!hi16sihiqiqi16siqiq").pack
_OUTBOX_COLUMNS: Final = (
    *("notification_id", "rule_version", "record", "person", "lineage", "position"),
    *("recorded_at", "rule", "audience", "type_code"),
)


@dataclass(frozen=True, slots=True)
class NotificationTables:
    """Names and statements of the tables of the only build there is."""

    build: int

    @property
    def prefix(self) -> str:
        """What their names begin with."""
        return f"projection.notifications_{self.build}"

    @property
    def candidate(self) -> str:
        """One row per document."""
        return f"{self.prefix}_candidate"

    @property
    def key(self) -> str:
        """Keys used up: lineage, rule, audience. A lineage belongs to one record and one rule."""
        return f"{self.prefix}_key"

    @property
    def outbox(self) -> str:
        """Notifications, published or due."""
        return f"{self.prefix}_outbox"

    @property
    def closed(self) -> str:
        """Records that are closed now."""
        return f"{self.prefix}_closed"

    @property
    def rule(self) -> str:
        """The position after which each version of a rule applies."""
        return f"{self.prefix}_rule"

    @property
    def persons(self) -> PersonTables:
        """Links and persons."""
        return PersonTables(self.prefix)

    @property
    def names(self) -> tuple[str, ...]:
        """All tables."""
        own = (self.candidate, self.key, self.outbox, self.closed, self.rule)
        return (*own, *self.persons.names)

    def tables(self) -> list[str]:
        """Statements that make them. Rules apply from the first event on."""
        return [
            f"create table {self.candidate} (stream uuid primary key, record bigint not null,"
            " changed bigint not null, content_lineage uuid not null, visibility_only boolean"
            " not null, status smallint not null, hidden boolean not null,"
            " type_code text not null, target uuid) with (fillfactor = 90)",
            f"create index on {self.candidate} (record)",
            f"create index on {self.candidate} (target) where target is not null",
            f"create index on {self.candidate} (content_lineage) where content_lineage <> stream",
            f"create table {self.key} (lineage uuid, rule text, audience text,"
            " record bigint not null, primary key (lineage, rule, audience))",
            f"create index on {self.key} (record)",
            f"create table {self.outbox} (notification_id uuid primary key, rule text not null,"
            " rule_version smallint not null, record bigint not null, person bigint not null,"
            " lineage uuid not null, audience text not null, type_code text not null,"
            " position bigint not null, recorded_at timestamptz not null,"
            " published_at timestamptz, unique (lineage, rule, audience))",
            f"create index on {self.outbox} (position) where published_at is null",
            f"create index on {self.outbox} (record)",
            f"create table {self.closed} (record bigint primary key)",
            f"create table {self.rule} (rule text, version integer, applies_after bigint not null,"
            " primary key (rule, version))",
            *(
                f"insert into {self.rule} values ('{rule}', {version}, 0)"
                for rule, version in RULES
            ),
            *self.persons.tables(),
        ]

    def load(
        self, cursor: Cursor, streams: Iterable[bytes], targets: Iterable[bytes]
    ) -> list[Candidate]:
        """Candidates of `streams`, those that replace `targets`, and their content lineages."""
        columns = ", ".join(f"uuid_send({c})" if c in _UUIDS else c for c in COLUMNS)
        known, wanted = UuidArray.of(streams), UuidArray.of(targets)
        query = (
            f"select {columns} from {self.candidate} where stream = any(%b::uuid[])"
            f" union select {columns} from {self.candidate} where stream in"
            f" (select stream from {self.candidate} where target = any(%b::uuid[])"
            f" union all select c.stream from {self.candidate} w join {self.candidate} c"
            " on c.content_lineage = w.stream and c.content_lineage <> c.stream"
            " where w.target = any(%b::uuid[]))"
        )
        rows = cursor.execute(query, (known, wanted, wanted), prepare=True).fetchall()
        return [Candidate(*row) for row in rows]

    def announced(self, cursor: Cursor, lineages: Iterable[bytes]) -> set[bytes]:
        """The lineages and accesses among these that were announced before."""
        query = (
            f"select uuid_send(lineage) from {self.key} where lineage = any(%b::uuid[])"
            f" and audience = '{AUDIENCE}'"
        )
        rows = cursor.execute(query, (UuidArray.of(lineages),), prepare=True).fetchall()
        return {lineage for (lineage,) in rows}

    def closed_records(self, cursor: Cursor, records: Iterable[int]) -> set[int]:
        """The records among these that are closed."""
        query = f"select record from {self.closed} where record = any(%b::bigint[])"
        rows = cursor.execute(query, (Int8Array.of(list(records)),), prepare=True).fetchall()
        return {record for (record,) in rows}

    def set_closed(self, cursor: Cursor, records: Sequence[int], closed: Sequence[int]) -> None:
        """Of `records`, exactly `closed` are closed."""
        cursor.execute(
            f"delete from {self.closed} where record = any(%b::bigint[])",
            (Int8Array.of(records),),
        )
        cursor.execute(
            f"insert into {self.closed} select unnest(%b::bigint[])", (Int8Array.of(closed),)
        )

    def write(self, cursor: Cursor, candidates: Sequence[Candidate]) -> None:
        """These candidates are in the table; a row of the same stream is replaced."""
        cursor.execute(
            f"delete from {self.candidate} where stream = any(%b::uuid[])",
            (UuidArray.of(candidate.stream for candidate in candidates),),
            prepare=True,
        )
        copy_rows(cursor, self.candidate, COLUMNS, map(_encoded, candidates))

    def write_keys(self, cursor: Cursor, keys: Iterable[tuple[int, bytes, str]]) -> None:
        """These keys (record, lineage, rule) are used up."""
        rows = (
            _KEY(4, 16, lineage, 8, record) + text(rule) + text(AUDIENCE)
            for record, lineage, rule in keys
        )
        copy_rows(cursor, self.key, ("lineage", "record", "rule", "audience"), rows)

    def write_due(self, cursor: Cursor, triggers: Iterable[Trigger]) -> None:
        """These notifications are due."""
        copy_rows(cursor, self.outbox, _OUTBOX_COLUMNS, map(_encoded_trigger, triggers))

    def applies_after(self, cursor: Cursor, before: int) -> dict[str, int]:
        """The position after which each rule announces, in its present version.

        A version that the table lacks is activated now and announces nothing up to position
        `before`.
        """
        cursor.executemany(
            f"insert into {self.rule} values (%s, %s, %s) on conflict do nothing",
            [(rule, version, before) for rule, version in RULES],
        )
        known = {
            (rule, version): after
            for rule, version, after in cursor.execute(
                f"select rule, version, applies_after from {self.rule}"
            ).fetchall()
        }
        return {rule: known[rule, version] for rule, version in RULES}

    def forget(self, cursor: Cursor, records: Sequence[int]) -> None:
        """No row of these records is left. Links stay: they name nobody."""
        for table in (self.candidate, self.key, self.outbox, self.closed):
            cursor.execute(
                f"delete from {table} where record = any(%b::bigint[])", (Int8Array.of(records),)
            )


def _encoded(row: Candidate) -> bytes:
    return (
        _CANDIDATE(
            9, 16, row.stream, 8, row.record, 8, row.changed, 16, row.content_lineage,
            1, row.visibility_only, 2, row.status, 1, row.hidden,
        )
        + text(row.type_code)
        + sized(row.target)
    )  # fmt: skip


def _encoded_trigger(row: Trigger) -> bytes:
    return (
        _TRIGGER(
            10, 16, row.notification_id.bytes, 2, row.rule_version, 8, row.record, 8, row.person,
            16, row.lineage, 8, row.position, 8, microseconds(row.recorded_at),
        )
        + text(row.rule)
        + text(AUDIENCE)
        + text(row.type_code)
    )  # fmt: skip
