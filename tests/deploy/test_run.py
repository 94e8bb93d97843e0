"""`histoire run` and `histoire status` as an operator meets them: real processes, killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.group.supervisor import DELAY_FIRST_SECONDS, Child, Supervisor
from ingest.runtime.console import Exit
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.postgres.embedded import stop_embedded

pytestmark = pytest.mark.system
WAIT_SECONDS = 60.0


class Group:
    """A home with `histoire run` in it."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environ = {
            **os.environ,
            "HISTOIRE_HOME": str(home),
            "HISTOIRE_METRICS_PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "run"], env=self.environ, stderr=subprocess.DEVNULL
        )

    def children(self) -> dict[str, int]:
        """The pids of the children by command, as the system sees them."""
        assert self.process is not None
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                if int(stat[1]) == self.process.pid and stat[0] != "Z":
                    found[(entry / "cmdline").read_text().split("\0")[3]] = int(entry.name)
            except (OSError, IndexError):
                continue
        return found

    def processes(self) -> dict[str, bool] | None:
        status = json.loads(self.command("status", "--json").stdout)
        processes: dict[str, bool] | None = status["processes"]
        return processes


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)


def ended(pid: int) -> bool:
    try:
        return "Z" in (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return True


@pytest.fixture
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    home = tmp_path_factory.mktemp("group")
    group = Group(home)
    assert group.command("migrate").returncode == 0
    group.start()
    try:
        yield group
    finally:
        assert group.process is not None
        group.process.kill()
        group.process.wait()
        stop_embedded(home)


def test_a_killed_process_is_started_again_and_the_group_ends_cleanly(group: Group) -> None:
    eventually(lambda: set(group.children()) == {"ingest", "relay", "project"})
    eventually(lambda: bool(group.processes()))
    first = group.children()["ingest"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: group.children().get("ingest", first) != first)
    eventually(lambda: all((group.processes() or {"none": False}).values()))
    assert group.process is not None
    group.process.terminate()
    assert group.process.wait(WAIT_SECONDS) == 0
    assert group.children() == {}


def test_children_end_with_a_killed_supervisor(group: Group) -> None:
    eventually(lambda: len(group.children()) == 3)
    pids = list(group.children().values())
    assert group.process is not None
    group.process.kill()
    eventually(lambda: all(ended(pid) for pid in pids))


def test_a_child_that_needs_a_person_stays_down_and_gives_the_exit_code() -> None:
    changes: list[str] = []
    child = Child("broken", ["--no-such-option"], dict(os.environ))
    supervisor = Supervisor([child], on_change=lambda c: changes.append(c.state))
    assert supervisor.run(StopSignal()) == Exit.USAGE
    assert (changes, child.restarts) == (["running", "down"], 0)


def test_a_child_that_ends_is_started_again_ever_more_slowly() -> None:
    stop = StopSignal()
    child = Child("short", ["--version"], dict(os.environ))

    def look(child: Child) -> None:
        if child.restarts == 2:
            stop.set()

    Supervisor([child], on_change=look).run(stop)
    assert child.restarts == 2
    assert child.delay == DELAY_FIRST_SECONDS * 4
