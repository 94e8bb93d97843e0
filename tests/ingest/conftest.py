"""An installation per test: a copy of one migrated database that holds store and embedded feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo
from pydantic import SecretStr

from ingest.eventstore import EventStore, migrate_store
from ingest.feed import ensure_topics
from ingest.runtime.settings import Settings
from tests.ingest.feed_messages import PARTITIONS
from tests.ingest.ingest_site import Site


@pytest.fixture(scope="session")
def installed(
    new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Name of a database with everything in it that nobody is connected to; its master key."""
    key = tmp_path_factory.mktemp("installed") / "master.key"
    dsn = new_database("template1")
    settings = Settings(
        database_dsn=SecretStr(dsn), master_key_file=key, topic_partitions=PARTITIONS
    )
    migrate_store(settings)
    ensure_topics(settings)
    return str(conninfo.conninfo_to_dict(dsn)["dbname"]), key


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    """A fresh installation, dropped after the test."""
    return new_site()


@pytest.fixture
def new_site(
    installed: tuple[str, Path],
    new_database: Callable[[str], str],
    postgres: str,
    tmp_path: Path,
) -> Iterator[Callable[[], Site]]:
    """Makes fresh installations, all dropped after the test."""
    made = list[tuple[str, EventStore]]()

    def make() -> Site:
        dsn = new_database(installed[0])
        settings = Settings(
            home=tmp_path,
            database_dsn=SecretStr(dsn),
            master_key_file=installed[1],
            topic_partitions=PARTITIONS,
        )
        store = EventStore.open(settings)
        made.append((str(conninfo.conninfo_to_dict(dsn)["dbname"]), store))
        return Site(settings, store)

    yield make
    for name, store in made:
        store.close()
        with psycopg.connect(postgres, autocommit=True) as conn:
            conn.execute(f"drop database if exists {name} with (force)")
