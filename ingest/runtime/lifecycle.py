"""How a process stops, waits and tells the time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Time as a parameter. `now`: seconds since 1970, UTC; `monotonic`: never goes back."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00Z."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment; only differences mean anything."""
        return time.monotonic()


class StopSignal:
    """Set by SIGTERM or SIGINT, so that a loop ends after its batch; a second one interrupts."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the loop to end, as the signal would."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the process has been asked to end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` or until asked to end; says whether asked."""
        return self._event.wait(seconds)

    @contextmanager
    def installed(self) -> Iterator[StopSignal]:
        """Handle SIGTERM and SIGINT inside the block (main thread only); restore them after it."""
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._receive) for number in signals}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._event.is_set():
            raise KeyboardInterrupt
        self._event.set()


def delays(first: float = 0.1, factor: float = 2.0, longest: float = 5.0) -> Iterator[float]:
    """Waiting times in seconds of a bounded back-off: first, first*factor, ... up to longest."""
    delay = first
    while True:
        yield delay
        delay = min(delay * factor, longest)


def retry(
    action: Callable[[], T],
    *,
    passing: Callable[[Exception], bool],
    seconds: float,
    stop: StopSignal,
    on_wait: Callable[[Exception, float], None] | None = None,
    clock: Clock | None = None,
) -> T:
    """What `action` returns; after an exception that `passing` accepts it is tried again.

    The last exception is raised once `seconds` are over or `stop` is set; any other at once.
    `on_wait(error, delay)` is told of each wait (for logs and metrics).
    """
    time_of = (clock or SystemClock()).monotonic
    end = time_of() + seconds
    for delay in delays():
        try:
            return action()
        except Exception as error:
            left = end - time_of()
            if left <= 0 or stop.is_set() or not passing(error):
                raise
            wait = min(delay, left)
            if on_wait is not None:
                on_wait(error, wait)
            if stop.wait(wait):
                raise
    raise AssertionError("delays() never ends")
