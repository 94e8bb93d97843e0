"""The feed as one call of a command sees it: looked at once, when something is to be sent."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ingest.feed import check_topics
from ingest.feed.types import FeedError
from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.settings import Settings
from producers.outcomes.reader import OutcomeReader, outcomes_from_now
from schemas.feed.messages import DOCUMENTS, OUTCOMES


class FeedConnection:
    """Whether the topics are there and, if asked, a reader of outcomes. Close it.

    `reader`: None unless outcomes are wanted and the feed was reached. `error`: why it was not.
    """

    def __init__(
        self, settings: Settings, clock: Clock, stop: StopSignal, *, with_outcomes: bool
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._with_outcomes = with_outcomes
        self._connected = False
        self.stop = stop
        self.reader: OutcomeReader | None = None
        self.error: FeedError | None = None

    def connect(self) -> bool:
        """Whether messages can be sent; never once `stop` is set. `error` says why not."""
        if self._connected or self.error is not None or self.stop.is_set():
            return self._connected
        try:
            with _interrupted_at_once(self.stop):
                self._look()
            self._connected = True
        except FeedError as error:
            self.error = error
        except KeyboardInterrupt:
            self.stop.set()
        return self._connected

    def close(self) -> None:
        """The reader of outcomes is released."""
        if self.reader is not None:
            self.reader.close()

    def _look(self) -> None:
        topics = [DOCUMENTS, OUTCOMES] if self._with_outcomes else [DOCUMENTS]
        check_topics(self._settings, topics)
        if self._with_outcomes:
            self.reader = outcomes_from_now(self._settings, self._clock, "histoire-send")


@contextmanager
def _interrupted_at_once(stop: StopSignal) -> Iterator[None]:
    """A signal interrupts the block: looking for a feed that is away takes many seconds."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
