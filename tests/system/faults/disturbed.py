"""Runs a command of `histoire` in a process with a fault of its own: `FAULT ... -- ARGUMENTS`.

`lock:N`, `copy:N`: the process stops itself (SIGSTOP) at its N-th pass, holding the lock of the
writers or with half of a COPY sent. `clock:FILE`: its wall clock is off by as many seconds as the
file says. `full:FILE`: while the file is there, bytes above as many as it says find no room.
The product knows of none of them.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg


def _stop_holding_lock(count: str) -> None:
    store: Any = importlib.import_module("ingest.eventstore.store")
    original, passes = store.lock_writers, _Passes(int(count))

    def locked(cursor: Any) -> None:
        original(cursor)
        if passes.is_met():
            _stop()

    store.lock_writers = locked


def _stop_in_copy(count: str) -> None:
    copy_class: Any = psycopg.Copy
    original, passes = copy_class.write, _Passes(int(count))

    def write(copy: psycopg.Copy, buffer: Any) -> None:
        if not passes.is_met():
            original(copy, buffer)
            return
        half = len(buffer) // 2
        original(copy, buffer[:half])
        _stop()
        original(copy, buffer[half:])

    copy_class.write = write


def _stop() -> None:
    """All threads, and this one here: a signal to the process may meet another one, later."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class _Passes:
    def __init__(self, count: int) -> None:
        self._left = count

    def is_met(self) -> bool:
        self._left -= 1
        return self._left == 0


def _set_clock(file: str) -> None:
    real = time.time

    def shifted() -> float:
        return real() + float(Path(file).read_text() or 0)

    time.time = shifted


def _fill_disk(file: str) -> None:
    real, written = os.write, 0

    def write(handle: int, data: Any) -> int:
        nonlocal written
        with suppress(FileNotFoundError):
            if written + len(data) > int(Path(file).read_text()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(handle, data)
        written += done
        return done

    os.write = write


FAULTS: dict[str, Callable[[str], None]] = {
    "lock": _stop_holding_lock,
    "copy": _stop_in_copy,
    "clock": _set_clock,
    "full": _fill_disk,
}


def program(*faults: str) -> tuple[str, ...]:
    """What stands before the arguments of a command."""
    return (sys.executable, "-m", "tests.system.faults.disturbed", *faults, "--")


def main(arguments: list[str]) -> int:
    """Exit code of the command."""
    at = arguments.index("--")
    for fault in arguments[:at]:
        name, _, value = fault.partition(":")
        FAULTS[name](value)
    from deploy import cli

    return cli.run(arguments[at + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
