"""Migrations: once each, in order, racing without harm, never over a lost master key."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from ingest.eventstore import EventStore, migrate, migrate_store
from ingest.eventstore.keys.master_key import MasterKeyError, create_master_key, read_master_key
from ingest.eventstore.tables.migrations import MigrationError, migrations
from ingest.runtime.settings import Settings
from schemas.events import RecordFlags


def test_migrate_is_idempotent_and_says_what_it_did(database: str, tmp_path: Path) -> None:
    key = tmp_path / "home" / "master.key"
    first = migrate(database, database, key)
    assert first.master_key_created
    assert len(first.applied) == len(migrations("store")) + len(migrations("keys"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32
    assert list(key.parent.iterdir()) == [key]
    again = migrate(database, database, key)
    assert (again.applied, again.master_key_created) == ([], False)


def test_migrations_that_race_apply_each_file_once(database: str, tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(database, database, key), range(4)))
    applied = [name for one in done for name in one.applied]
    assert sorted(applied) == sorted(m.name for part in ("store", "keys") for m in migrations(part))
    assert sum(one.master_key_created for one in done) == 1
    with EventStore(database, database, read_master_key(key), str(tmp_path / "c")) as store:
        assert store.reading.max_position() == 0


def test_keys_may_live_on_another_database(
    database: str, new_database: object, tmp_path: Path
) -> None:
    assert callable(new_database)
    keys = new_database("template1")
    key = tmp_path / "master.key"
    migrate(database, keys, key)
    with psycopg.connect(database) as conn:
        assert conn.execute("select to_regclass('record_key')").fetchone() == (None,)
    with psycopg.connect(keys) as conn:
        assert conn.execute("select to_regclass('event')").fetchone() == (None,)
    with EventStore(database, keys, read_master_key(key), str(tmp_path / "c")) as store:
        (ref,) = store.identities.resolve([bytes(16)]).values()
        assert store.erase(ref.record)
    with psycopg.connect(keys) as conn:
        assert conn.execute("select wrapped from record_key").fetchall() == [(None,)]


def test_a_changed_migration_and_a_newer_database_are_refused(
    database: str, tmp_path: Path
) -> None:
    key = tmp_path / "master.key"
    migrate(database, database, key)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("insert into migration values ('store', 9999, 'x', '')")
        with pytest.raises(MigrationError, match="newer"):
            migrate(database, database, key)
        conn.execute("delete from migration where number = 9999")
        conn.execute("update migration set checksum = 'x' where part = 'store' and number = 1")
        with pytest.raises(MigrationError, match="another text"):
            EventStore(database, database, read_master_key(key), str(tmp_path / "c"))


def test_heads_of_older_stores_learn_that_an_identity_was_declared(
    database: str, tmp_path: Path
) -> None:
    """Two records of a store as it was before the flag; one has a declaration among its events."""
    key = tmp_path / "master.key"
    migrate(database, database, key)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("delete from migration where number >= 10 and part = 'store'")
        conn.execute(
            "insert into event_name (name, schema_version) values"
            " ('record_opened', 1), ('identity_declared', 1)"
        )
        for record, names in ((1, ["record_opened", "identity_declared"]), (2, ["record_opened"])):
            stream = UUID(int=record)
            conn.execute(
                "insert into stream values (%s, %s, %s, %s, 0, 1, '{}', null)",
                (stream, record, record * 10, len(names)),
            )
            for version, name in enumerate(names, 1):
                conn.execute(
                    "insert into event select %s, %s, now(), %s, %s, id, null, '' from event_name"
                    " where name = %s",
                    (record * 10 + version, record, stream, version, name),
                )
        migrate(database, database, key)
        flags = conn.execute("select record, flags from stream order by record").fetchall()
    assert flags == [(1, RecordFlags.OPENED | RecordFlags.DECLARED), (2, RecordFlags.OPENED)]


def test_an_unmigrated_database_says_what_to_run(database: str, tmp_path: Path) -> None:
    create_master_key(tmp_path / "master.key")
    with pytest.raises(MigrationError, match="histoire migrate"):
        EventStore(
            database, database, read_master_key(tmp_path / "master.key"), str(tmp_path / "c")
        )


def test_opening_by_settings_asks_for_the_migration_before_the_key(
    database: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home", database_dsn=SecretStr(database))
    with pytest.raises(MigrationError, match="histoire migrate"):
        EventStore.open(settings)
    done = migrate_store(settings)
    assert done.master_key_created
    assert settings.master_key_path.exists()
    with EventStore.open(settings) as store:
        assert store.reading.max_position() == 0


def test_a_lost_master_key_is_never_replaced(database: str, tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    migrate(database, database, key)
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(MasterKeyError, match="missing"):
        migrate(database, database, key)
    with pytest.raises(MasterKeyError, match="missing"):
        read_master_key(key)
    assert not key.exists()
    create_master_key(key)
    with pytest.raises(MasterKeyError, match="does not open"):
        migrate(database, database, key)
    with pytest.raises(MasterKeyError, match="does not open"):
        EventStore(database, database, read_master_key(key), str(tmp_path / "c"))
    key.write_bytes(kept)
    assert migrate(database, database, key).applied == []


def test_keys_alone_are_enough_to_refuse_a_new_master_key(
    database: str, new_database: object, tmp_path: Path
) -> None:
    assert callable(new_database)
    key = tmp_path / "master.key"
    migrate(database, database, key)
    with EventStore(database, database, read_master_key(key), str(tmp_path / "c")) as store:
        store.identities.resolve([bytes(16)])
    key.unlink()
    with pytest.raises(MasterKeyError, match="missing"):
        migrate(new_database("template1"), database, key)


def test_a_master_key_open_to_others_or_torn_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    assert create_master_key(key)
    assert not create_master_key(key)
    key.chmod(0o640)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        read_master_key(key)
    key.chmod(0o600)
    key.write_bytes(bytes(31))
    with pytest.raises(MasterKeyError, match="31 bytes"):
        read_master_key(key)
