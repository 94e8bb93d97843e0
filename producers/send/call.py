"""One call of `histoire send`: files into the durable queue first, then all that is queued sent."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from ingest.feed import check_topics
from ingest.feed.types import FeedError, FeedUnavailable
from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.settings import Settings
from producers.outcomes.reading import AnswerReader
from producers.publish.queues import Earlier, Queues
from schemas.feed.messages import DOCUMENTS, OUTCOMES

from .files import FileSender, Request, Sending, send_files

_READY_SECONDS: Final = 10.0

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one call did. `files`: how many were asked for; after `stopped` fewer are in `sendings`.

    `feed_error`: why nothing could be sent; what was queued is still queued then.
    """

    files: int
    sendings: list[Sending]
    earlier: Earlier
    feed_error: FeedError | None
    stopped: bool

    def count(self, *states: str) -> int:
        """How many files are in one of these states."""
        return sum(sending.state in states for sending in self.sendings)


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds` for acknowledgements, and again for outcomes, if they are waited for (`wait`)."""

    seconds: float
    wait: bool


def send_through_queues(
    settings: Settings,
    files: Sequence[Path],
    request: Request,
    patience: Patience,
    clock: Clock,
    advance: Advance,
    sender_of_files: type[FileSender] = FileSender,
) -> Sent:
    """Queue the files, then send them and what earlier calls left. SIGTERM and SIGINT end it.

    The feed is connected to only when something is to be sent. Raises QueueError when no queue
    can be used, FeedError never.
    """
    stop = StopSignal()
    with stop.installed():
        queues = Queues(settings, clock)
        feed = _Feed(settings, clock, stop, with_outcomes=patience.wait)
        try:
            sender = sender_of_files(settings, queues.own, clock)
            sendings = _queue(sender, files, request, queues, feed, advance)
            if queues.own.pending() or queues.waited:
                _send(sender, sendings, queues, feed, patience)
            sender.look_up(sendings)
            return Sent(len(files), sendings, queues.earlier(), feed.error, stop.is_set())
        finally:
            queues.close()
            feed.close()


def _queue(
    sender: FileSender,
    files: Sequence[Path],
    request: Request,
    queues: Queues,
    feed: _Feed,
    advance: Advance,
) -> list[Sending]:
    def make_room() -> bool:
        connected = feed.connect()
        if connected:
            queues.begin()
        return connected

    return send_files(sender, files, request, feed.stop, advance, make_room)


def _send(
    sender: FileSender, sendings: list[Sending], queues: Queues, feed: _Feed, patience: Patience
) -> None:
    if not feed.connect():
        return
    queues.begin()
    queues.flush(patience.seconds, feed.stop)
    sender.look_up(sendings)
    if feed.reader is not None:
        sender.wait(sendings, feed.reader, patience.seconds, feed.stop)


class _Feed:
    """The feed, looked at once: are the topics there, can outcomes be read."""

    def __init__(
        self, settings: Settings, clock: Clock, stop: StopSignal, *, with_outcomes: bool
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._with_outcomes = with_outcomes
        self._connected = False
        self.stop = stop
        self.reader: AnswerReader | None = None
        self.error: FeedError | None = None

    def connect(self) -> bool:
        """Whether it can be sent to; `error` says why not. Asked to stop: it can't."""
        if self._connected or self.error is not None or self.stop.is_set():
            return self._connected
        try:
            with _ended_at_once(self.stop):
                self._look()
            self._connected = True
        except FeedError as error:
            self.error = error
        except KeyboardInterrupt:
            self.stop.set()
        return self._connected

    def close(self) -> None:
        """Release the outcomes."""
        if self.reader is not None:
            self.reader.close()

    def _look(self) -> None:
        topics = [DOCUMENTS, OUTCOMES] if self._with_outcomes else [DOCUMENTS]
        check_topics(self._settings, topics)
        if not self._with_outcomes:
            return
        self.reader = answers_to_come(self._settings, self._clock, "histoire-send")


def answers_to_come(settings: Settings, clock: Clock, client_id: str) -> AnswerReader:
    """A reader that will miss no outcome of what is sent from now on. Raises FeedError."""
    reader = AnswerReader(settings, client_id=client_id, from_end=True)
    try:
        end = clock.monotonic() + _READY_SECONDS
        while not reader.is_ready:
            if clock.monotonic() > end:
                raise FeedUnavailable("the topic of outcomes can't be read")
            reader.read(0.1)
    except BaseException:
        reader.close()
        raise
    return reader


@contextmanager
def _ended_at_once(stop: StopSignal) -> Iterator[None]:
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
