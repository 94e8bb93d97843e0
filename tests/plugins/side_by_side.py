"""What several workers of one run share: one Kafka, its jars; and which tests stay together.

Each worker has a PostgreSQL of its own. The broker is started by the first worker that needs one
and stopped when the run is over, also where a worker died.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import stop_broker
from tests.shared_kafka import HOME


class Run:
    """The controller of a run: makes the home of its broker, and leaves nothing behind."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Each worker is told where the home is."""
        node.workerinput["broker_home"] = str(self._home)

    def pytest_unconfigure(self) -> None:
        """The broker ends with the run."""
        stop_broker(self._home)
        shutil.rmtree(self._home, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """The home is known to all who run tests."""
    told = getattr(config, "workerinput", {}).get("broker_home")
    if told is None:
        home = Path(tempfile.mkdtemp(prefix="histoire-test-", dir="/tmp"))  # short: sockets
        config.pluginmanager.register(Run(home), "side-by-side-run")
    config.stash[HOME] = home if told is None else Path(told)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of one file go to one worker, one after the other: they may share what a fixture of
    their module made. Tests marked `timing` share one worker, too: each starts a system of several
    processes and gives it seconds.

    Told as soon as a test is known: xdist reads the groups before any later hook of ours.
    """
    if item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


def group_of(item: pytest.Item) -> str:
    """The name of the tests that this one stays with."""
    if item.get_closest_marker("timing") is not None:
        return "timing"
    return item.nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts systems comes first: a worker that begins with it last would end alone."""
    items.sort(key=lambda item: item.get_closest_marker("system") is None)
