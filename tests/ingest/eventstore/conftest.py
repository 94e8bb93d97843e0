"""A migrated store per test: a copy of one template database, a content folder of its own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from ingest.eventstore import EventStore, migrate
from tests.ingest.eventstore.store_batches import Place

# The cases that the eventsourcing library publishes import its AES cipher over pycryptodome, which
# is not installed; the same class over the cryptography package stands in. No case here encrypts.
sys.modules.setdefault(
    "eventsourcing.cipher", importlib.import_module("eventsourcing.cryptography")
)


@pytest.fixture(scope="session")
def migrated(
    new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Name of a migrated database nobody is connected to, and the file of its master key."""
    dsn = new_database("template1")
    key = tmp_path_factory.mktemp("master") / "master.key"
    migrate(dsn, dsn, key)
    return str(conninfo.conninfo_to_dict(dsn)["dbname"]), key


@pytest.fixture
def place(
    migrated: tuple[str, Path],
    new_database: Callable[[str], str],
    postgres: str,
    tmp_path: Path,
) -> Iterator[Place]:
    """Everything needed to open a store, several times if wanted."""
    dsn = new_database(migrated[0])
    yield Place(dsn, migrated[1], tmp_path / "content")
    name = conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
def store(place: Place) -> Iterator[EventStore]:
    with place.open() as opened:
        yield opened
