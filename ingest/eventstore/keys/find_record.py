"""From a person to the number of his record, for those who may read nothing else of the store."""

from __future__ import annotations

from uuid import UUID

from ingest.eventstore.append_batch import KeyMissing
from ingest.eventstore.tables.migrations import KEYS, STORE, check_migrated
from ingest.runtime.postgres.database import connect, keys_dsn, store_dsn
from ingest.runtime.settings import Settings

from .master_key import read_master_key
from .store_secrets import read_secrets


def find_record(settings: Settings, ins: str) -> int | None:
    """The record of `oid|matricule`; None when there is none, or it was erased.

    Needs the rights of `histoire_read` only, since no key and no event is opened. Raises
    MigrationError, MasterKeyError, KeyMissing for a record without a row in `record_key`,
    psycopg.Error.
    """
    with connect(store_dsn(settings), application_name=f"{settings.instance}-find") as conn:
        check_migrated(conn, STORE)
        secrets = read_secrets(conn, read_master_key(settings.master_key_path))
        found = conn.execute(
            "select record from identity where ins = %s", (UUID(bytes=secrets.ins_hash(ins)),)
        ).fetchone()
    if found is None:
        return None
    with connect(keys_dsn(settings), application_name=f"{settings.instance}-find") as conn:
        check_migrated(conn, KEYS)
        key = conn.execute(
            "select erased_at is not null from record_key where record = %s", found
        ).fetchone()
    if key is None:
        raise KeyMissing("a record has no row in record_key: restore the database of the keys")
    return None if key[0] else int(found[0])
