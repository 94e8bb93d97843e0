"""Removes document bytes that no event refers to, a day after they were written (decision 0013).

The store sweeps in two steps, since a deposit may come to refer to a file during a sweep. Two
sweeps never run at once, therefore, nor soon after each other. A file beside the embedded data
keeps when the last one ran.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from ingest.eventstore import EventStore
from ingest.runtime.lifecycle import Clock

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
STEPS_APART_MIN: Final = HOUR
"""Seconds between two sweeps: more than any batch needs from writing its bytes to its commit."""
_STATE: Final = "sweep.json"


@dataclass(frozen=True, slots=True)
class _Sweep:
    began: float
    ended: float


class ContentSweep:
    """Sweeps of one content home. `home`: the folder that remembers them."""

    def __init__(self, store: EventStore, home: Path, clock: Clock) -> None:
        self._store = store
        self._home = home
        self._clock = clock

    def sweep(self, after: float) -> int | None:
        """Sweeps; returns how many orphans were removed. None when no sweep is due: another one is
        at work, or ended less than `after` seconds ago (an hour at least).

        Looks at files written since the last sweep, and at those that the last sweep set aside.
        Raises OSError, StoreError, psycopg.Error.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone() as alone:
            last, now = self._last(), self._clock.now()
            if not alone or (last and abs(now - last.ended) < max(after, STEPS_APART_MIN)):
                return None
            removed = self._store.sweep_contents(
                _moment(now - DAY),
                newer_than=_moment(min(last.began, now) - DAY) if last else None,
            )
            self._remember(_Sweep(now, self._clock.now()))
        return removed

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        handle = os.open(self._home / "sweep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(handle)

    def _last(self) -> _Sweep | None:
        try:
            kept = orjson.loads((self._home / _STATE).read_bytes())
            return _Sweep(float(kept["began"]), float(kept["ended"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None  # not ours to judge: everything is looked at again

    def _remember(self, sweep: _Sweep) -> None:
        fresh = self._home / f"{_STATE}.new"
        fresh.write_bytes(orjson.dumps(sweep))
        fresh.replace(self._home / _STATE)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
