"""One call that sends files: all of them into the durable queue first, then to the feed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.feed.types import FeedError
from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.settings import Settings
from producers.publish.queues import Earlier, Queues

from .feed_connection import FeedConnection
from .file_sender import FileSender, Request, send_files
from .sent_file import SentFile

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class SendResult:
    """What one call did. `files`: how many were asked for; `sent_files` are fewer if `stopped`.

    `feed_error`: why nothing could be sent; what was queued is still queued then.
    """

    files: int
    sent_files: list[SentFile]
    earlier: Earlier
    feed_error: FeedError | None
    stopped: bool

    def count(self, *states: str) -> int:
        """How many files are in one of these states."""
        return sum(sent_file.state in states for sent_file in self.sent_files)


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """`seconds` for acknowledgements and, with `wait`, as many again for outcomes."""

    seconds: float
    wait: bool


def send_through_queues(
    settings: Settings,
    files: Sequence[Path],
    request: Request,
    limits: WaitLimits,
    clock: Clock,
    advance: Advance,
    sender_of_files: type[FileSender] = FileSender,
) -> SendResult:
    """Queue the files, then send them and what earlier calls left. SIGTERM and SIGINT end it.

    The feed is connected to only when something is to be sent. Raises QueueError when no queue
    can be used, FeedError never.
    """
    stop = StopSignal()
    with stop.installed():
        queues = Queues(settings, clock)
        feed = FeedConnection(settings, clock, stop, with_outcomes=limits.wait)
        try:
            sender = sender_of_files(settings, queues.own, clock)
            sent_files = _queue(sender, files, request, queues, feed, advance)
            if queues.own.pending() or queues.waited:
                _send(sender, sent_files, queues, feed, limits)
            sender.look_up(sent_files)
            return SendResult(
                files=len(files),
                sent_files=sent_files,
                earlier=queues.earlier(),
                feed_error=feed.error,
                stopped=stop.is_set(),
            )
        finally:
            queues.close()
            feed.close()


def _queue(
    sender: FileSender,
    files: Sequence[Path],
    request: Request,
    queues: Queues,
    feed: FeedConnection,
    advance: Advance,
) -> list[SentFile]:
    def make_room() -> bool:
        connected = feed.connect()
        if connected:
            queues.begin()
        return connected

    return send_files(sender, files, request, feed.stop, advance, make_room)


def _send(
    sender: FileSender,
    sent_files: list[SentFile],
    queues: Queues,
    feed: FeedConnection,
    limits: WaitLimits,
) -> None:
    if not feed.connect():
        return
    queues.begin()
    queues.flush(limits.seconds, feed.stop)
    sender.look_up(sent_files)
    if feed.reader is not None:
        sender.wait(sent_files, feed.reader, limits.seconds, feed.stop)
