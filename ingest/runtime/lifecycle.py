"""How a process stops, waits and tells the time."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

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
    """Set by SIGTERM or SIGINT: a loop ends after its batch. A second signal interrupts."""

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


FIRST_SECONDS: Final = 0.1
FACTOR: Final = 2.0
LONGEST_SECONDS: Final = 5.0


def delays(
    first: float = FIRST_SECONDS, factor: float = FACTOR, longest: float = LONGEST_SECONDS
) -> Iterator[float]:
    """Waiting times in seconds of a bounded back-off: first, first*factor, ... up to longest."""
    delay = first
    while True:
        yield delay
        delay = min(delay * factor, longest)


def retrying(
    *,
    passing: Callable[[Exception], bool],
    stop: StopSignal,
    on_wait: Callable[[Exception, float], None] | None = None,
    seconds_left: Callable[[], float] = lambda: math.inf,
) -> Retrying:
    """Calls the action given to it, again after each exception that `passing` accepts.

    The last exception is raised once no seconds are left or `stop` is set; any other at once.
    `on_wait(error, delay)` is told of each wait (for logs and metrics). Make one for many calls:
    each is a circle of objects, which only the collector frees.
    """
    backoff = wait_exponential(multiplier=FIRST_SECONDS, exp_base=FACTOR, max=LONGEST_SECONDS)

    def wait(state: RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        if not isinstance(error, Exception):
            return
        if on_wait is not None:
            on_wait(error, state.upcoming_sleep)
        # Waited for here and not by `sleep`: who is asked to end does not try once more.
        if stop.wait(state.upcoming_sleep):
            raise error

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Exception) and passing(error)),
        stop=lambda _: stop.is_set() or seconds_left() <= 0,
        wait=lambda state: min(backoff(state), max(0.0, seconds_left())),
        before_sleep=wait,
        sleep=lambda _: None,
        reraise=True,
    )


def retry(
    action: Callable[[], T],
    *,
    passing: Callable[[Exception], bool],
    seconds: float,
    stop: StopSignal,
    on_wait: Callable[[Exception, float], None] | None = None,
    clock: Clock | None = None,
) -> T:
    """What `action` returns; it is tried again for so many seconds. See `retrying`."""
    now = (clock or SystemClock()).monotonic
    end = now() + seconds
    again = retrying(passing=passing, stop=stop, on_wait=on_wait, seconds_left=lambda: end - now())
    return again(action)
