"""Random keys of one store, wrapped by the master key: made once by `migrate`, read at opening."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Any, Final

import psycopg
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ingest.eventstore.locks import MIGRATIONS
from ingest.eventstore.tables.migrations import MigrationError, migrate_tables
from ingest.eventstore.tables.rights import OF_PROJECTIONS, may_give_projections, missing_roles
from ingest.runtime.postgres.database import connect

from .master_key import (
    KEY_BYTES,
    Entropy,
    FileMasterKey,
    MasterKey,
    MasterKeyError,
    Wrapping,
    create_master_key,
    read_master_key,
)

TOKEN: Final = "token"
LETTER: Final = "letter"
NAMES: Final = (LETTER, TOKEN)

_INT8: Final = Struct("!q").unpack
_Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did: names of the SQL files applied, and whether a master key was made.

    `missing_roles`: those that this user could neither find, nor make, nor give tables to: rights
    were not all granted.
    """

    applied: list[str]
    master_key_created: bool
    missing_roles: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, repr=False)
class StoreSecrets:
    """The keys of keyed hashes, and the key of letters without a record. 32 bytes each."""

    identity: bytes
    author: bytes
    letter: bytes

    def ins_hash(self, ins: str) -> bytes:
        """16 bytes for `oid|matricule`: without the key nothing leads back, not even trying all."""
        return blake2b(ins.encode(), digest_size=16, key=self.identity).digest()

    def subject(self, key: bytes) -> bytes:
        """16 bytes for the key of a feed record, equal to `ins_hash` where the key is a clear INS:
        erasing a person finds his dead letters by them.
        """
        return blake2b(key, digest_size=16, key=self.identity).digest()

    def reference(self, identifier: str) -> bytes:
        """16 bytes for the identifier of an imaging study or an accession."""
        return blake2b(
            identifier.encode(), digest_size=16, key=self.author, person=b"reference"
        ).digest()

    def author_hash(self, identifier: str) -> int:
        """A signed 64-bit number for the identifier of an author or organisation."""
        digest = blake2b(identifier.encode(), digest_size=8, key=self.author).digest()
        return int(_INT8(digest)[0])


def migrate(
    dsn: str, keys_dsn: str, master_key_path: Path, *, entropy: Entropy = os.urandom
) -> Migrated:
    """Tables, master key and secrets exist. Safe to repeat and to run twice at once.

    A master key is made only while nothing was ever wrapped; then tell the operator to back it up.
    Raises MigrationError, MasterKeyError (missing or wrong while wrapped keys exist), psycopg.Error
    when a server is away.
    """
    applied = migrate_tables(dsn, keys_dsn)
    with connect(dsn, application_name="histoire-migrate") as conn:
        conn.execute("select pg_advisory_lock(%s, %s)", MIGRATIONS)
        created = False
        if not master_key_path.exists():
            if _anything_wrapped(conn, keys_dsn):
                raise MasterKeyError(
                    f"the master key file {master_key_path} is missing while keys of this store "
                    "were wrapped with it: restore it from its backup"
                )
            created = create_master_key(master_key_path, entropy=entropy)
        ensure_secrets(conn, read_master_key(master_key_path), entropy=entropy)
        missing = missing_roles(conn)
        if not missing and not may_give_projections(conn):
            missing = [OF_PROJECTIONS]
    if not missing:
        with connect(keys_dsn, application_name="histoire-migrate") as keys:
            missing = missing_roles(keys)
    return Migrated(applied, created, missing)


def ensure_secrets(
    conn: _Connection, master: MasterKey, *, entropy: Entropy = os.urandom
) -> StoreSecrets:
    """The secrets exist, those there before are kept. Raises MasterKeyError if they don't open."""
    keys = [Wrapping(_context(name), entropy(KEY_BYTES)) for name in NAMES]
    for name, wrapped in zip(NAMES, master.wrap(keys), strict=True):
        conn.execute(
            "insert into store_secret (name, wrapped) values (%s, %s) on conflict do nothing",
            (name, wrapped),
        )
    return read_secrets(conn, master)


def read_secrets(conn: _Connection, master: MasterKey) -> StoreSecrets:
    """The secrets of this store. Raises MasterKeyError, or MigrationError when there are none."""
    rows: dict[str, bytes] = dict(conn.execute("select name, wrapped from store_secret").fetchall())
    if any(name not in rows for name in NAMES):
        raise MigrationError("the store has no secrets yet: run `histoire migrate`")
    letter, token = master.unwrap([Wrapping(_context(name), rows[name]) for name in NAMES])
    return StoreSecrets(
        identity=_derived(token, b"identity"), author=_derived(token, b"author"), letter=letter
    )


def _anything_wrapped(conn: _Connection, keys_dsn: str) -> bool:
    if conn.execute("select 1 from store_secret limit 1").fetchone():
        return True
    with connect(keys_dsn, application_name="histoire-migrate") as keys:
        return keys.execute("select 1 from record_key limit 1").fetchone() is not None


def _context(name: str) -> bytes:
    return b"store-secret " + name.encode()


def _derived(root: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"histoire " + purpose).derive(root)


__all__ = [
    "FileMasterKey",
    "Migrated",
    "StoreSecrets",
    "ensure_secrets",
    "migrate",
    "read_secrets",
]
