"""Where everything runs: one folder with a PostgreSQL and a Kafka of its own, gone afterwards."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import conninfo
from pydantic import SecretStr

from deploy.broker import BrokerError, BrokerHandle, start_broker, stop_broker
from ingest.eventstore import migrate_store
from ingest.runtime.postgres.embedded import embedded_status, start_embedded, stop_embedded
from ingest.runtime.settings import PREFIX, Settings, child_environment

from .cpu import Meter

ROOT: Final = Path(__file__).resolve().parent.parent
JARS: Final = ROOT / ".histoire" / "bench" / "lib"
"""Kafka's libraries stay between runs: fetching them needs a network."""


@dataclass(slots=True)
class Place:
    """One PostgreSQL tuned as the product tunes it, and one Kafka node if there can be one."""

    home: Path
    dsn: str
    postmaster: int
    partitions: int
    broker: BrokerHandle | None
    no_broker: str | None
    """Why there is none: one sentence."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _template: str | None = None

    def settings(self, **changes: Any) -> Settings:
        """Defaults of the product but for where things are; nothing of the environment."""
        bootstrap = self.broker.bootstrap if self.broker is not None else None
        given: dict[str, Any] = {
            "home": self.home,
            "kafka_bootstrap": bootstrap,
            "topic_partitions": self.partitions,
        }
        return Settings(**(given | changes))

    def environment(self, settings: Settings) -> dict[str, str]:
        """Environment of a command with these settings: what differs from the defaults."""
        wanted = {}
        for name in settings.model_fields_set:
            value = getattr(settings, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            if value is not None:
                wanted[name] = str(value)
        ours = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
        added = child_environment(**wanted)
        return ours | {name: added[name] for name in added if name[len(PREFIX) :].lower() in wanted}

    def empty_database(self) -> str:
        """DSN of a database without tables."""
        return self.copy_database("template1")

    def migrated_database(self) -> str:
        """DSN of a store fresh from its migrations, with secrets and nothing else."""
        if self._template is None:
            dsn = self.empty_database()
            migrate_store(self.settings(database_dsn=SecretStr(dsn)))
            _migrate_projections(dsn)
            self._template = name_of(dsn)
        return self.copy_database(self._template)

    def copy_database(self, template: str) -> str:
        """DSN of a copy, written by a checkpoint: each run begins right after one."""
        name = f"b{next(self._numbers)}"
        with self._admin() as conn:
            conn.execute(f'create database {name} template "{template}" strategy file_copy')
            conn.execute("checkpoint")
        return conninfo.make_conninfo(self.dsn, dbname=name)

    def drop_database(self, dsn: str) -> None:
        """Gone, whoever is still connected to it."""
        with self._admin() as conn:
            conn.execute(f"drop database if exists {name_of(dsn)} with (force)")

    def new_folder(self) -> Path:
        """A folder of its own below home."""
        folder = self.home / f"f{next(self._numbers)}"
        folder.mkdir(mode=0o700)
        return folder

    def server_settings(self, names: Sequence[str]) -> dict[str, str]:
        """Settings of the server in force."""
        with self._admin() as conn:
            rows = conn.execute(
                "select name, current_setting(name) from pg_settings where name = any(%s)",
                (list(names),),
            )
            return dict(sorted(rows.fetchall()))

    def groups(self, python: Sequence[int] = ()) -> Mapping[str, Sequence[int]]:
        """Root processes by group, for a `Meter`."""
        broker = tuple(self.broker.pids.values()) if self.broker is not None else ()
        return {"python": tuple(python), "postgresql": (self.postmaster,), "broker": broker}

    def meter(self, python: Sequence[int]) -> Meter:
        """Of these processes, the server and the broker."""
        return Meter(self.groups(python))

    def _admin(self) -> psycopg.Connection[Any]:
        dsn = conninfo.make_conninfo(self.dsn, dbname="postgres")
        return psycopg.connect(dsn, autocommit=True)


def name_of(dsn: str) -> str:
    """The database's name."""
    return str(conninfo.conninfo_to_dict(dsn)["dbname"])


@contextmanager
def prepared(scratch: Path | None, partitions: int, *, kafka: bool) -> Iterator[Place]:
    """A place that is gone afterwards, its servers too, however the block ends."""
    folder = scratch or scratch_folder()
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="histoire-bench-", dir=folder))
    try:
        broker, reason = _broker(home) if kafka else (None, "it was not asked for")
        dsn = start_embedded(home)
        pid = embedded_status(home).pid
        assert pid is not None, "it was just started"
        yield Place(home, dsn, pid, partitions, broker, reason)
    finally:
        stop_broker(home)
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


def scratch_folder() -> Path:
    """A folder on a disk: the usual one may lie in memory, where an fsync costs nothing."""
    var = Path("/var/tmp")  # noqa: S108 - mkdtemp makes the folder that is used
    return var if os.access(var, os.W_OK) else Path(tempfile.gettempdir())


def _broker(home: Path) -> tuple[BrokerHandle | None, str | None]:
    JARS.parent.mkdir(parents=True, exist_ok=True)
    try:
        return start_broker(home, port=0, lib=JARS), None
    except BrokerError as error:
        return None, f"{error}. {error.repair or ''}".strip()


def _migrate_projections(dsn: str) -> None:
    import projections

    migrate = getattr(projections, "migrate_projections", None)
    if migrate is not None:
        migrate(dsn)
