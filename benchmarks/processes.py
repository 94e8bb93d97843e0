"""Workers and commands as processes of their own, and what they measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from ingest.runtime.console import note
from ingest.runtime.settings import Settings

from .cpu import Mark
from .harness import BenchmarkError, Run, run_between
from .place import ROOT, Place

LIMIT_SECONDS: Final = 600.0
END_SECONDS: Final = 30.0
"""How long a command may take to notice that nothing is left."""
LOOK_SECONDS: Final = 0.02
"""How often a command is looked at from outside: the error of its begin and end."""

Progress = Callable[[], int | None]
"""How many things are done; None: it has not begun."""


def work(place: Place, module: str, settings: Settings, **told: Any) -> Run:
    """Runs one worker; see `workers`."""
    said = worker_says(place, module, settings, told)
    begin, end = (Mark(said[name]["at"], said[name]["cpu"]) for name in ("begin", "end"))
    return run_between(begin, end, said["count"], data=said["bytes"], facts=said["facts"])


def worker_says(
    place: Place, module: str, settings: Settings, told: Mapping[str, Any]
) -> dict[str, Any]:
    """The last line of a worker. Raises BenchmarkError with its last words when it fails."""
    task = orjson.dumps(dict(told) | {"groups": place.groups()}).decode()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.workers.{module}", task],
        cwd=ROOT,
        env=place.environment(settings),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"{module} failed: {_last(done.stderr)}")
    said: dict[str, Any] = orjson.loads(done.stdout.strip().splitlines()[-1])
    return said


@contextmanager
def commands(
    place: Place, arguments: Sequence[str], settings: Settings, copies: int = 1
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """`histoire ARGUMENTS` so many times at once, as a user would run it; waited for at the end.

    Raises BenchmarkError when one of them fails; they are gone afterwards in any case.
    """
    folder = place.new_folder()
    started: list[subprocess.Popen[bytes]] = []
    logs = [folder / f"stderr-{number}" for number in range(copies)]
    try:
        for log in logs:
            with log.open("wb") as file:
                started.append(_start(place, arguments, settings, file))
        try:
            yield started
        except BenchmarkError as error:
            raise BenchmarkError(f"{arguments[0]}: {error}; {_end(logs[0])}") from None
        for process, log in zip(started, logs, strict=True):
            _wait_for_end(process, arguments[0], log)
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()


def _start(
    place: Place, arguments: Sequence[str], settings: Settings, errors: Any
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=ROOT,
        env=place.environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def watch(
    place: Place,
    processes: Sequence[subprocess.Popen[bytes]],
    done: Progress,
    total: int,
    *,
    from_share: float = 0.0,
) -> tuple[Mark, Mark, int]:
    """Marks at the begin and at `total`, and how many things were done between them.

    The begin is when `done` first gives a number that is at least `from_share` of the total.
    Raises BenchmarkError when the processes end before.
    """
    meter = place.meter([process.pid for process in processes])
    begin = _wait(processes, done, max(0, int(total * from_share)))
    first = meter.mark()
    _wait(processes, done, total)
    return first, meter.mark(), total - begin


def _wait(processes: Sequence[subprocess.Popen[bytes]], done: Progress, wanted: int) -> int:
    deadline = time.monotonic() + LIMIT_SECONDS
    while (count := done()) is None or count < wanted:
        if all(map(_has_ended, processes)) and ((count := done()) is None or count < wanted):
            raise BenchmarkError(f"the command ended at {count} of {wanted}")
        if time.monotonic() > deadline:
            raise BenchmarkError(f"still at {count} of {wanted} after {LIMIT_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    return count


def _wait_for_end(process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    try:
        code = process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        # All was done and measured: what is left is a fault to tell of, not a reason to lose it.
        note(f"{name} did not end by itself within {END_SECONDS:.0f} s: {_end(log)}")
        process.terminate()
        code = process.wait(END_SECONDS)
    if code != 0:
        raise BenchmarkError(f"{name} ended with {code}: {_end(log)}")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    # Not `poll`: it would reap the process, and its CPU account with it.
    if process.returncode is not None:
        return True
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def _end(log: Path) -> str:
    return _last(log.read_text(errors="replace"))


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "it said nothing"
