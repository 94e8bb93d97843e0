"""A database with the tables of the projections, migrated once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from ingest.runtime.database import connect
from projections import migrate_projections


@pytest.fixture(scope="session")
def projection_template(new_database: Callable[[str], str]) -> str:
    """Name of a database that has the projections' tables and nothing else."""
    dsn = new_database("template1")
    migrate_projections(dsn)
    return str(conninfo.conninfo_to_dict(dsn)["dbname"])


@pytest.fixture(scope="module")
def shared_dsn(new_database: Callable[[str], str], projection_template: str) -> str:
    """One database for a module whose tests make builds of their own."""
    return new_database(projection_template)


@pytest.fixture
def connection(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on it."""
    with connect(shared_dsn, application_name="test") as conn:
        yield conn
