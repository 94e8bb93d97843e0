"""The processes of one installation: started, killed, frozen, waited for; their logs kept.

Each runs `python -m deploy ...` in a process group of its own, so that a signal meets the whole of
it. Nothing of the environment of the tests reaches them but what is said here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

ROOT: Final = Path(__file__).resolve().parents[3]
LOG_LINES_TOLD: Final = 15


class TookTooLong(AssertionError):
    """A condition did not come true in its time; the logs told are the last lines of each."""


def wait_until(
    condition: Callable[[], bool], seconds: float, what: str, *, every: float = 0.1
) -> None:
    """Returns once `condition` is true. Raises TookTooLong after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TookTooLong(f"not within {seconds:g} s: {what}")
        time.sleep(every)


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has run."""

    code: int
    out: str
    err: str

    def lines(self) -> list[Any]:
        """What it printed with --json."""
        return [orjson.loads(line) for line in self.out.splitlines() if line.strip()]


@dataclass(slots=True)
class Running:
    """One process of the system, in a group of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """To the whole group; nothing if it has ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """kill -9; it is gone afterwards."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP; it stands still afterwards."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def terminate(self, seconds: float = 30.0) -> int:
        """SIGTERM; its exit code. Raises TookTooLong."""
        self.thaw()
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        """Its exit code. Raises TookTooLong with the end of its log."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TookTooLong(
                f"{self.name} still runs after {seconds:g} s: {self.tail()}"
            ) from None

    def tail(self) -> str:
        """The last lines it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_TOLD:])


@dataclass(slots=True)
class Installation:
    """A home with its settings. `settings` become HISTOIRE_* of every process.

    `program`: what stands before the arguments of a command, for instance a program that plants a
    bug or a crash point into the product and then runs the command.
    """

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (sys.executable, "-m", "deploy")
    running: list[Running] = field(default_factory=list)
    _started: int = 0

    @property
    def logs(self) -> Path:
        """Folder of the logs of all processes and commands."""
        folder = self.home.parent / f"{self.home.name}-logs"
        folder.mkdir(exist_ok=True)
        return folder

    def environ(self, **settings: str) -> dict[str, str]:
        """The environment of a process."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HISTOIRE_")}
        ours = {"home": str(self.home), "metrics_port": "0", **self.settings, **settings}
        return {**clean, **{f"HISTOIRE_{k.upper()}": v for k, v in ours.items()}}

    def start(self, name: str, *arguments: str, **settings: str) -> Running:
        """A process that goes on; its output is in the logs."""
        self._started += 1
        log = self.logs / f"{self._started:03}-{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*self.program, *arguments],
                cwd=ROOT,
                env=self.environ(**settings),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Running(name, process, log)
        self.running.append(started)
        return started

    def run(
        self, *arguments: str, given: str = "", seconds: float = 120.0, accept: Sequence[int] = (0,)
    ) -> Ended:
        """A command to its end. Fails unless its exit code is one of `accept`."""
        self._started += 1
        log = self.logs / f"{self._started:03}-{arguments[0]}.log"
        done = subprocess.run(
            [*self.program, *arguments],
            cwd=ROOT,
            env=self.environ(),
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        log.write_text(done.stderr)
        assert done.returncode in accept, f"{arguments[0]}: {done.returncode}: {done.stderr}"
        return Ended(done.returncode, done.stdout, done.stderr)

    def end_all(self) -> None:
        """No process of this installation's runs afterwards."""
        for process in self.running:
            if process.alive:
                process.thaw()
                process.kill()


@contextmanager
def installed(home: Path, **settings: str) -> Iterator[Installation]:
    """An installation whose processes do not outlive the block."""
    installation = Installation(home, settings)
    try:
        yield installation
    finally:
        installation.end_all()
