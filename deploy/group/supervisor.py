"""`histoire run`: ingestion, relay and projections as one supervised group of processes.

Each child is a command of `histoire`: it can also be run by hand. A child that crashes is started
again, ever more slowly. A child that stopped because a person must decide (rejection limit, halt,
wrong settings) stays down, and the others go on: a halted feed must not take the timelines away.
Children end with the supervisor, also when it is killed.
"""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.runtime.console import Exit, note
from ingest.runtime.lifecycle import StopSignal

FOR_A_PERSON = frozenset({Exit.USAGE, Exit.STOPPED, Exit.HALTED, Exit.MISSING})
"""Exit codes after which starting again would harm, or change nothing."""
GRACE_SECONDS = 30.0
"""How long a child may take to end its batch after SIGTERM before it is killed."""
STEADY_SECONDS = 60.0
"""A child that ran this long is not in a crash loop: its delay starts over."""
DELAY_FIRST_SECONDS = 0.5
DELAY_LONGEST_SECONDS = 30.0
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent() -> None:
    # Runs in the child before exec. Without it a killed supervisor leaves an unwatched group.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """One process of the group. `state`: running, waiting (to be started again), down, ended."""

    name: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    state: str = "waiting"
    restarts: int = 0
    exit_code: int | None = None
    started: float = 0.0
    due: float = 0.0
    delay: float = DELAY_FIRST_SECONDS

    def start(self, now: float) -> None:
        """The process runs afterwards."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy", *self.arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,  # prctl only, its library loaded before
        )
        self.state, self.started = "running", now

    def look(self, now: float) -> None:
        """An ended process is noticed, and when it is started again is decided."""
        if self.process is None or self.state != "running":
            return
        code = self.process.poll()
        if code is None:
            return
        self.exit_code = code
        if code in FOR_A_PERSON:
            self.state = "down"
            return
        if now - self.started > STEADY_SECONDS:
            self.delay = DELAY_FIRST_SECONDS
        self.state, self.due = "waiting", now + self.delay
        self.delay = min(self.delay * 2, DELAY_LONGEST_SECONDS)
        self.restarts += 1


class Supervisor:
    """Keeps a group of children running until told to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_change: Callable[[Child], None] = lambda child: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.children = children
        self._on_change = on_change
        self._monotonic = monotonic

    def run(self, stop: StopSignal, *, tick_seconds: float = 0.2) -> int:
        """Until `stop`, or until every child is down; returns the worst of their exit codes."""
        try:
            while not stop.is_set() and any(child.state != "down" for child in self.children):
                self._round()
                stop.wait(tick_seconds)
        finally:
            self._end_all()
        return max((child.exit_code or 0 for child in self.children), default=0)

    def _round(self) -> None:
        now = self._monotonic()
        for child in self.children:
            before = child.state
            child.look(now)
            if child.state == "waiting" and now >= child.due:
                child.start(now)
            if child.state != before:
                self._on_change(child)

    def _end_all(self) -> None:
        running = [c for c in self.children if c.process is not None and c.process.poll() is None]
        for child in running:
            assert child.process is not None
            child.process.terminate()
        end = self._monotonic() + GRACE_SECONDS
        for child in running:
            assert child.process is not None
            try:
                child.exit_code = child.process.wait(max(0.1, end - self._monotonic()))
            except subprocess.TimeoutExpired:
                note(f"{child.name} did not end its batch in {GRACE_SECONDS:.0f} s and is killed")
                child.process.kill()
                child.exit_code = child.process.wait()
            # A child ended by our own SIGTERM did what it was asked.
            child.exit_code = 0 if child.exit_code == -signal.SIGTERM else child.exit_code
            child.state = "ended"
            self._on_change(child)
