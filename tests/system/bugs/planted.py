"""What can be planted into a process that runs the product's commands; the product knows of none.

- A crash point, `NAME` or `NAME:N`: kill -9 at its N-th pass (`ingest.runtime.crash_points`; and
  `commit_unanswered`, which no statement of the product could mark: COMMIT is on its way to the
  server, and the process ends before it reads the answer).
- A bug (`planted_bugs`): what a careless change could do; each must be caught by the checker.
- A circumstance (`circumstances`): what must happen for some bugs to show. The right product goes
  through it unharmed.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from ingest.runtime.crash_points import CRASH_POINTS
from tests.system.bugs.circumstances import CIRCUMSTANCES
from tests.system.bugs.planted_bugs import BUGS

CRASHED: Final = -signal.SIGKILL
"""Exit code of a process that met its crash point."""
UNANSWERED: Final = "commit_unanswered"
POINTS: Final = (*CRASH_POINTS, UNANSWERED)


def met(point: str) -> str:
    """What a process writes to stderr just before it dies."""
    return f"met crash point {point}"


def plant_points(names: Iterable[str]) -> None:
    """Those of these names that are crash points; before any part of the product is imported, which
    would take `crash_point` as it is.
    """
    assert "ingest.consume.consumer" not in sys.modules, "the product is loaded already"
    for name in names:
        point, _, count = name.partition(":")
        if point in CRASH_POINTS:
            _plant_point(point, int(count or 1))


def plant_others(names: Iterable[str]) -> None:
    """Those of these names that are bugs or circumstances."""
    for name in names:
        kind, _, count = name.partition(":")
        if kind == UNANSWERED:
            _plant_unanswered(int(count or 1))
        elif kind not in CRASH_POINTS:
            plant = BUGS[name].plant if name in BUGS else CIRCUMSTANCES[name]
            plant()


def _plant_point(name: str, count: int) -> None:
    crash_points = importlib.import_module("ingest.runtime.crash_points")
    before, left = crash_points.crash_point, count

    def crash_point(point: str) -> None:
        nonlocal left
        before(point)
        if point == name:
            left -= 1
            if left == 0:
                _die(name)

    crash_points.crash_point = crash_point  # type: ignore[attr-defined]


def _die(point: str) -> NoReturn:
    os.write(2, f"{met(point)}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("kill -9 is not survived")


def _plant_unanswered(count: int) -> None:
    store: Any = importlib.import_module("ingest.eventstore.store")
    original, left = store.transaction, count

    @contextmanager
    def transaction(conn: Any) -> Iterator[None]:
        nonlocal left
        with original(conn):
            yield
            left -= 1
            if left == 0:
                conn.pgconn.send_query(b"commit")
                conn.pgconn.flush()
                _die(UNANSWERED)

    store.transaction = transaction
