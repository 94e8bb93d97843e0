"""The tables of the store: `sql/*.sql` applied in order, each once, its text never changed after.

Files `keys_*.sql` go to the database of the data keys, which may be another server; the others go
to the store. Files `*_rights.sql` grant to roles that others may make later; every migration
applies them again, therefore. Two migrations at once are safe: the second waits and finds nothing
to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import psycopg

from ingest.eventstore.append_batch import StoreError
from ingest.eventstore.locks import MIGRATIONS
from ingest.runtime.postgres.database import connect, transaction

STORE: Final = "store"
KEYS: Final = "keys"

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS migration (
    part text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (part, number)
)"""

Session = psycopg.Connection[tuple[Any, ...]]


class MigrationError(StoreError):
    """The tables are not those this program needs; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL. `checksum`: SHA-256 of its text."""

    part: str
    number: int
    name: str
    text: str

    @property
    def repeated(self) -> bool:
        """Whether every migration applies it again."""
        return self.name.endswith("_rights")

    @property
    def checksum(self) -> bytes:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).digest()


def migrations(part: str) -> list[Migration]:
    """The migrations of one part (`store` or `keys`), in order."""
    found = []
    for file in files("ingest.eventstore.sql").iterdir():
        name = file.name.removesuffix(".sql")
        if name == file.name:
            continue
        bare = name.removeprefix("keys_")
        if (KEYS if bare != name else STORE) == part:
            found.append(Migration(part, int(bare[:4]), name, file.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.number)


def migrate_tables(dsn: str, keys_dsn: str) -> list[str]:
    """All tables exist on both databases; the names of the files applied now (none: all there).

    Each file is one transaction. Raises MigrationError when a file applied earlier has another text
    now, or the database is newer than this program; psycopg.Error when a server is away.
    """
    return _migrate(keys_dsn, KEYS) + _migrate(dsn, STORE)


def check_migrated(conn: Session, part: str) -> None:
    """Returns when the tables are those of this program. Raises MigrationError otherwise."""
    row = conn.execute("select to_regclass('public.migration')").fetchone()
    applied = {} if row is None or row[0] is None else _applied(conn, part)
    wanted = migrations(part)
    _verify(wanted, applied)
    if len(applied) < len(wanted):
        raise MigrationError("the database lacks tables of this version: run `histoire migrate`")


def _migrate(dsn: str, part: str) -> list[str]:
    done = []
    wanted = migrations(part)
    with connect(dsn, application_name="histoire-migrate") as conn, _locked(conn):
        conn.execute(_LEDGER)
        applied = _applied(conn, part)
        _verify(wanted, applied)
        for migration in wanted:
            if migration.number not in applied:
                _apply(conn, migration)
                done.append(migration.name)
            elif migration.repeated:
                with transaction(conn):
                    conn.execute(migration.text.encode())
    return done


def _apply(conn: Session, migration: Migration) -> None:
    with transaction(conn):
        conn.execute(migration.text.encode())
        conn.execute(
            "insert into migration (part, number, name, checksum) values (%s, %s, %s, %s)",
            (migration.part, migration.number, migration.name, migration.checksum),
        )


def _applied(conn: Session, part: str) -> dict[int, bytes]:
    rows = conn.execute("select number, checksum from migration where part = %s", (part,))
    return {number: bytes(checksum) for number, checksum in rows}


def _verify(wanted: list[Migration], applied: dict[int, bytes]) -> None:
    known = {migration.number: migration for migration in wanted}
    for number, checksum in applied.items():
        if number not in known:
            raise MigrationError(
                "the database was migrated by a newer version of this program: update the program"
            )
        if known[number].checksum != checksum:
            raise MigrationError(
                f"migration {known[number].name} was applied with another text: install the version"
                " that migrated this database"
            )


@contextmanager
def _locked(conn: Session) -> Iterator[None]:
    conn.execute("select pg_advisory_lock(%s, %s)", MIGRATIONS)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("select pg_advisory_unlock(%s, %s)", MIGRATIONS)
