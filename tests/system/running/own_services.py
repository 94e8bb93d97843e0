"""Servers of a test's own, to be killed, frozen and started again: a plugin with their fixtures."""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from deploy.broker import BrokerHandle, start_broker, stop_broker
from ingest.runtime.postgres.embedded import start_embedded, stop_embedded
from tests.homes import new_home
from tests.missing import need_java
from tests.shared_kafka import kafka_libraries
from tests.system.faults.fault_trial import Trial
from tests.system.running.feed_reading import EmbeddedFeed, KafkaFeed
from tests.system.running.processes import installed, wait_until
from tests.system.running.system_under_load import SMALL, System, migrated


@dataclass(slots=True)
class OwnPostgres:
    """An embedded server of its own; its database is always made of the same DSN."""

    home: Path
    dsn: str

    @property
    def pid(self) -> int:
        """Of the server, not of one of its sessions."""
        return int((self.home / "postgres/data/postmaster.pid").read_text().split("\n", 1)[0])

    def end(self, number: signal.Signals) -> None:
        """SIGKILL: as a crash of the machine; SIGQUIT: `pg_ctl stop -m immediate`."""
        pid = self.pid
        os.kill(pid, number)
        wait_until(lambda: not Path(f"/proc/{pid}/stat").exists() or _is_dead(pid), 10, "it ended")

    def start(self) -> None:
        """It answers again, its log replayed."""
        start_embedded(self.home)


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@dataclass(slots=True)
class OwnBroker:
    """Brokers of their own on ports that stay."""

    home: Path
    lib: Path
    nodes: int
    handle: BrokerHandle

    def signal(self, node: int, number: signal.Signals) -> None:
        """To one node (from 1). After SIGKILL its process is gone."""
        pid = self.handle.pids[node]
        os.kill(pid, number)
        if number is signal.SIGKILL:
            wait_until(lambda: not Path(f"/proc/{pid}").exists() or _is_dead(pid), 10, "it ended")

    def stop(self) -> None:
        """All nodes end cleanly."""
        stop_broker(self.home)

    def start(self) -> None:
        """All nodes run and answer."""
        self.handle = start_broker(self.home, port=0, nodes=self.nodes, lib=self.lib)


@contextmanager
def own_broker(lib: Path, nodes: int) -> Iterator[OwnBroker]:
    """It answers; nothing of it is left afterwards."""
    home = new_home("system")
    try:
        handle = start_broker(home, port=0, nodes=nodes, lib=lib)
        broker = OwnBroker(home, lib, nodes, handle)
        yield broker
        for pid in broker.handle.pids.values():
            _thaw(pid)
    finally:
        stop_broker(home)
        shutil.rmtree(home, ignore_errors=True)


def _thaw(pid: int) -> None:
    if Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def postgres_to_kill() -> Iterator[OwnPostgres]:
    """A PostgreSQL that this test may kill."""
    home = new_home("system")
    try:
        dsn = conninfo.make_conninfo(start_embedded(home), dbname="fault")
        with psycopg.connect(dsn, dbname="postgres", autocommit=True) as conn:
            conn.execute("create database fault")
        yield OwnPostgres(home, dsn)
    finally:
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def brokers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnBroker]:
    """Kafka that this test may kill; one node, or as many as the parameter says."""
    need_java()
    # Captured log records would keep the errors of lost connections, and their sockets, alive.
    monkeypatch.setattr(logging.getLogger("kafka"), "propagate", False)
    lib = kafka_libraries(request.config)
    with own_broker(lib, getattr(request, "param", 1)) as broker:
        yield broker


@pytest.fixture
def trial_of(home: Path, seed: int, record_property: Any) -> Iterator[Any]:
    """Makes a trial of a migrated system with these services and settings."""
    with ExitStack() as stack:

        def make(dsn: str, broker: str | None = None, **settings: str) -> Trial:
            kafka = {}
            prefix = f"{home.parent.name}-"
            if broker is not None:
                kafka = {"kafka_bootstrap": broker, "topic_prefix": prefix}
                kafka["consumer_group"] = prefix
            feed = EmbeddedFeed(dsn) if broker is None else KafkaFeed(broker, prefix)
            given = {"database_dsn": dsn, **SMALL, **kafka, **settings}
            installation = stack.enter_context(installed(home, **given))
            return Trial(migrated(System(installation, dsn, feed)), seed, record_property)

        yield make
