"""Stopping and trying again."""

from __future__ import annotations

import itertools
import os
import signal

import pytest

from ingest.runtime.lifecycle import StopSignal, delays, retry


class SteppingClock:
    """Each look at it is one second later."""

    def __init__(self) -> None:
        self._seconds = itertools.count()

    def now(self) -> float:
        return float(next(self._seconds))

    monotonic = now


class NeverWaiting(StopSignal):
    def wait(self, seconds: float) -> bool:
        return self.is_set()


def is_oserror(error: Exception) -> bool:
    return isinstance(error, OSError)


def test_first_signal_asks_second_interrupts_and_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal().installed() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_delays_grow_to_their_bound() -> None:
    assert list(itertools.islice(delays(1, 3, 10), 5)) == [1, 3, 9, 10, 10]


def test_a_passing_fault_is_tried_again_and_told() -> None:
    faults = iter([OSError("a"), OSError("b")])
    told: list[str] = []

    def action() -> str:
        for fault in faults:
            raise fault
        return "done"

    answer = retry(
        action,
        passing=is_oserror,
        seconds=60,
        stop=NeverWaiting(),
        on_wait=lambda error, delay: told.append(str(error)),
        clock=SteppingClock(),
    )
    assert (answer, told) == ("done", ["a", "b"])


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_the_time_is_bounded(seconds: float) -> None:
    calls = []

    def action() -> None:
        calls.append(1)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the very one, without a message
        retry(
            action, passing=is_oserror, seconds=seconds, stop=NeverWaiting(), clock=SteppingClock()
        )
    assert 1 <= len(calls) <= seconds + 1


def test_other_faults_and_a_stop_end_it_at_once() -> None:
    def wrong() -> None:
        raise LookupError

    def away() -> None:
        raise OSError("away")

    with pytest.raises(LookupError):
        retry(wrong, passing=is_oserror, seconds=60, stop=StopSignal())
    stop = StopSignal()
    stop.set()
    with pytest.raises(OSError, match="away"):
        retry(away, passing=is_oserror, seconds=60, stop=stop)
