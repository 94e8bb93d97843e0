"""Systems to be run and killed: an installation each, over the embedded feed and over Kafka."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.homes import new_home
from tests.system.bugs import planted_report
from tests.system.faults import fault_report
from tests.system.running import own_services
from tests.system.running.feed_reading import EmbeddedFeed, KafkaFeed
from tests.system.running.processes import installed
from tests.system.running.system_under_load import SMALL, System, migrated


def pytest_configure(config: pytest.Config) -> None:
    """The plugins of this folder."""
    for plugin in (fault_report, own_services, planted_report):
        config.pluginmanager.register(plugin)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that is not there yet, in a folder of its own with a short name (socket addresses)."""
    folder = new_home("system")
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def embedded(home: Path, new_database: Callable[[str], str]) -> Iterator[System]:
    """A migrated system without a broker."""
    dsn = new_database("template1")
    with installed(home, database_dsn=dsn, **SMALL) as installation:
        yield migrated(System(installation, dsn, EmbeddedFeed(dsn)))


@pytest.fixture
def over_kafka(home: Path, new_database: Callable[[str], str], broker: str) -> Iterator[System]:
    """A migrated system on a real broker, with topics of its own."""
    dsn = new_database("template1")
    prefix = f"{home.parent.name}-"
    kafka = {"kafka_bootstrap": broker, "topic_prefix": prefix, "consumer_group": prefix}
    with installed(home, database_dsn=dsn, **SMALL, **kafka) as installation:
        yield migrated(System(installation, dsn, KafkaFeed(broker, prefix)))
