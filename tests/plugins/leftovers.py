"""Nothing that a run started outlives it, also when it is ended by SIGTERM or a worker dies.

Every process of a run inherits a mark in its environment. When the run is over, what still has the
mark is killed, and told.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.homes import MARK, TOP, begin_of

OWN: Final = "multiprocessing.resource_tracker"
"""Python's own helper of this process, which ends with it."""


def pytest_configure(config: pytest.Config) -> None:
    """The mark is set and SIGTERM ends the run as Ctrl-C does: fixtures are torn down."""
    signal.signal(signal.SIGTERM, _interrupted)
    if not hasattr(config, "workerinput"):
        mark = os.environ[MARK] = uuid.uuid4().hex
        config.pluginmanager.register(Leftovers(mark), "leftovers-of-run")


def _interrupted(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


class Leftovers:
    """What a run left behind, killed at its end."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Kills what has the mark, this process excepted."""
        for process in list(marked(self._mark)):
            with suppress(OSError):
                told = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120]
                if OWN in told:
                    continue
                os.kill(int(process.name), signal.SIGKILL)
                sys.stderr.write(f"killed what the run left behind: {told}\n")
        for folder in TOP.glob(f"{begin_of(self._mark)}*"):
            shutil.rmtree(folder, ignore_errors=True)


def marked(mark: str) -> Iterator[Path]:
    """Folders in /proc of the processes with the mark, or with a file of the run in their arguments
    (an embedded server has an empty environment); none where there is no /proc.
    """
    in_environment, in_arguments = f"{MARK}={mark}".encode(), f"{TOP}/{begin_of(mark)}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(process.name) == os.getpid():
                continue
            if (
                in_environment in (process / "environ").read_bytes().split(b"\0")
                or in_arguments in (process / "cmdline").read_bytes()
            ):
                yield process
