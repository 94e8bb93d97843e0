"""What several workers of one run share: one Kafka, its jars; and which tests stay together.

Each worker has a PostgreSQL of its own. The broker is started by the first worker that needs one
and stopped when the run is over, also where a worker died.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.broker import stop_broker
from tests.shared_kafka import HOME

SHARED_SCOPES: Final = ("module", "class", "package")


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a fixture of their module go to one worker, so that it is made once.

    Tests marked `timing` go one after the other: each starts a system of several processes and
    gives it seconds.
    """
    for item in items:
        group = group_of(item)
        if group is not None:
            item.add_marker(pytest.mark.xdist_group(group))


def group_of(item: pytest.Item) -> str | None:
    """The name of the tests that this one stays with; None for one that can run anywhere."""
    if item.get_closest_marker("xdist_group") is not None:
        return None
    definitions = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    if any(d[-1].scope in SHARED_SCOPES for d in definitions.values() if d):
        return item.nodeid.partition("::")[0]
    return "timing" if item.get_closest_marker("timing") is not None else None
