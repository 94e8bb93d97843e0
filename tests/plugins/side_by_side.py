"""What several workers of one run share: one Kafka, its jars; and what begins first.

The tests of a file stay together (`--dist loadfile`): they may share what a fixture of their module
made. (The groups of xdist are not used: with pytest 9.2 it forgets them without a word.)

Each worker has a PostgreSQL of its own. The broker is started by the first worker that needs one
and stopped when the run is over, also where a worker died.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import stop_broker
from tests.homes import new_home
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
        home = new_home()
        config.pluginmanager.register(Run(home), "side-by-side-run")
    config.stash[HOME] = home if told is None else Path(told)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start systems come first: a worker that begins with one last would end alone."""
    slow = {item.path for item in items if item.get_closest_marker("system") is not None}
    items.sort(key=lambda item: item.path not in slow)
