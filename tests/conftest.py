"""What tests of every package share: a real PostgreSQL and a real Kafka, found or started."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from deploy.broker import start_broker
from ingest.runtime.postgres.embedded import start_embedded, stop_embedded
from tests.homes import new_home
from tests.missing import JAVA, missing
from tests.shared_kafka import broker_home, kafka_libraries

pytest_plugins = (
    "pytester",
    "tests.plugins.seeds",
    "tests.plugins.needs",
    "tests.plugins.reruns",
    "tests.plugins.side_by_side",
    "tests.plugins.leftovers",
)

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here, since options of a folder below are not known when everything is run."""
    parser.addoption(
        "--schematron",
        type=Path,
        help="National schematron of the minimal structure, to hold the simulator against.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """kafka-python reads its schemas by a deprecated function when it is imported."""
    config.addinivalue_line(
        "filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning"
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """DSN of database `postgres` on one embedded server of this test run, stopped at its end."""
    home = new_home()
    try:
        dsn = conninfo.make_conninfo(start_embedded(home), dbname="postgres")
        with psycopg.connect(dsn, autocommit=True) as conn:
            # What tests kill are processes, never the machine: nothing needs to reach the disk.
            conn.execute("alter system set fsync = off")
            conn.execute("select pg_reload_conf()")
        yield dsn
    finally:
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[str], str]:
    """Makes a database of its own as a copy of a template (nobody may be connected to that).

    `template1` gives an empty one. A suite that needs tables migrates one database once, gives its
    name here for each test, and so pays some 20 ms per test.
    """

    def create(template: str = "template1") -> str:
        name = f"t{next(_numbers)}"
        with psycopg.connect(postgres, autocommit=True) as conn:
            conn.execute(f'create database {name} template "{template}" strategy wal_log')
        return conninfo.make_conninfo(postgres, dbname=name)

    return create


@pytest.fixture
def database(new_database: Callable[[str], str], postgres: str) -> Iterator[str]:
    """DSN of a fresh, empty database, dropped after the test."""
    dsn = new_database("template1")
    yield dsn
    name = conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database if exists {name} with (force)")


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config) -> Iterator[str]:
    """host:port of a real Kafka: configured, else in Docker, else on the JVM, else a loud skip."""
    configured = os.environ.get("HISTOIRE_KAFKA_BOOTSTRAP")
    if configured:
        yield configured
        return
    if _docker_answers():
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer() as container:
            yield container.get_bootstrap_server()
        return
    if not all(map(shutil.which, JAVA)):
        missing("kafka", "none configured, no Docker engine answers, no Java with Maven")
    home, lib = broker_home(pytestconfig), kafka_libraries(pytestconfig)
    yield start_broker(home, port=0, lib=lib).bootstrap


def _docker_answers() -> bool:
    # A docker client alone proves nothing: only an engine that answers can run a container.
    # (The Python client leaks a socket when there is no engine, and warnings are errors here.)
    scheme, _, place = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").partition("://")
    host, _, port = place.rpartition(":")
    unix = scheme == "unix"
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
        probe.settimeout(3)
        try:
            probe.connect(place if unix else (host, int(port)))
            probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in probe.recv(64)
        except (OSError, ValueError):
            return False
