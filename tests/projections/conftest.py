"""Databases with the tables of store and projections, migrated once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from ingest.eventstore import EventStore, migrate_store
from ingest.runtime.postgres.database import connect
from ingest.runtime.settings import Settings
from projections import migrate_projections
from tests.projections.stores import settings_of


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the master key that all databases of the run were migrated with."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def template(new_database: Callable[[str], str], home: Path) -> str:
    """Name of a migrated database without events."""
    dsn = new_database("template1")
    migrate_store(settings_of(dsn, home))
    assert migrate_projections(dsn), "nothing was made"
    assert migrate_projections(dsn) == [], "migrated again"
    return str(conninfo.conninfo_to_dict(dsn)["dbname"])


@pytest.fixture(scope="module")
def shared_dsn(new_database: Callable[[str], str], template: str) -> str:
    """One database for a module whose tests make builds of their own."""
    return new_database(template)


@pytest.fixture
def connection(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on it."""
    with connect(shared_dsn, application_name="test") as conn:
        yield conn


@pytest.fixture
def settings(
    new_database: Callable[[str], str], template: str, home: Path, postgres: str
) -> Iterator[Settings]:
    """Settings of a migrated database of the test's own, dropped after it."""
    dsn = new_database(template)
    yield settings_of(dsn, home)
    name = conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def store(settings: Settings) -> Iterator[EventStore]:
    """The store of these settings."""
    with EventStore.open(settings) as opened:
        yield opened
