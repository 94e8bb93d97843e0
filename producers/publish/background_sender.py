"""The thread that sends what is queued, notes what the feed replies, and forgets what is old."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from ingest.feed import open_publisher
from ingest.feed.types import FeedError, OutgoingRecord, Publisher, PublishFailure
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock
from ingest.runtime.settings import Settings

from .durable_queue import DurableQueue
from .errors import UNUSABLE
from .messages import FeedReply
from .queue_metrics import QueueMetrics
from .space import QueueSpace

log = structlog.get_logger(__name__)

SEND_SECONDS: Final = 0.5
"""How long the thread sleeps when nothing wakes it."""
_SEND_RECORDS: Final = 500
_FORGET_SECONDS: Final = 3600.0


class BackgroundSender:
    """Sends the messages of a queue in their order, from `begin` on.

    `changed` is notified when messages are settled. The feed is connected to once there is
    something to send, and tried until it answers.
    """

    def __init__(
        self,
        feed: Settings | Publisher,
        queue: DurableQueue,
        space: QueueSpace,
        changed: threading.Condition,
        clock: Clock,
        metrics: QueueMetrics,
        remembered_seconds: float,
    ) -> None:
        self._feed = feed
        self._publisher: Publisher | None = None if isinstance(feed, Settings) else feed
        self._queue = queue
        self._space = space
        self._changed = changed
        self._clock = clock
        self._metrics = metrics
        self._remembered_seconds = remembered_seconds
        self._forget_at = float("-inf")
        self._sending: dict[int, int] = {}
        self._replies: deque[tuple[int, FeedReply]] = deque()
        self._cursor = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="document-publisher", daemon=True)

    def begin(self) -> None:
        """What is queued is sent from now on; nothing changes when that has begun before."""
        if self._thread.ident is None:
            self._thread.start()

    @property
    def has_begun(self) -> bool:
        """Whether `begin` was called."""
        return self._thread.ident is not None

    @property
    def is_sending(self) -> bool:
        """Whether the thread lives: begun, and not ended by a disk that fails."""
        return self._thread.is_alive()

    @property
    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing.is_set()

    def wake(self) -> None:
        """The thread looks for messages now."""
        with self._changed:
            self._changed.notify_all()

    def hold(self, unique_id: str) -> int:
        """Nothing more of this document is sent; how many messages are held."""
        with self._changed:
            return self._queue.hold(unique_id, self._sending)

    def release(self, unique_id: str) -> int:
        """What was held of this document is sent; how many messages."""
        with self._changed:
            released = self._queue.release(unique_id)
            self._cursor = 0
            self._changed.notify_all()
        return released

    def close(self) -> None:
        """The thread has ended, what the feed replied is noted, and the feed is released."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        if self._publisher is not None and isinstance(self._feed, Settings):
            self._publisher.close(0)
        self._until_unusable(self._settle)

    def _run(self) -> None:
        self._until_unusable(self._work)

    def _until_unusable(self, work: Callable[[], None]) -> None:
        try:
            work()
        except UNUSABLE as error:  # a reply that was not noted: the next sender sends again
            log.error("queue_unusable", error=str(error))

    def _work(self) -> None:
        while not self._closing.is_set():
            self._settle()
            self._forget_old()
            self._metrics.queue(self._space.messages, self._queue.oldest_waiting, self._clock.now())
            publisher = self._opened() if self._publisher or self._is_waiting() else None
            if publisher is None or not self._send(publisher):
                with self._changed:
                    if not self._closing.is_set() and not self._replies:
                        self._changed.wait(SEND_SECONDS)

    def _is_waiting(self) -> bool:
        return "waiting" in self._queue.load()

    def _send(self, publisher: Publisher) -> int:
        batch = self._next_batch()
        for seq, feed_record in batch:
            publisher.publish(feed_record, partial(self._replied, seq))
        return len(batch)

    def _opened(self) -> Publisher | None:
        if self._publisher is None and isinstance(self._feed, Settings):
            try:
                self._publisher = open_publisher(self._feed, client_id="documents")
            except FeedError as error:
                log.warning("feed_unavailable", error=type(error).__name__)
        return self._publisher

    def _next_batch(self) -> Sequence[tuple[int, OutgoingRecord]]:
        """Chosen and marked as on their way under one lock: `hold` finds a message or does not."""
        with self._changed:
            while True:
                found = self._queue.waiting_after(self._cursor, _SEND_RECORDS)
                if found:
                    self._cursor = found[-1][0]
                batch = [(seq, record) for seq, record in found if seq not in self._sending]
                if batch or not found:
                    self._sending.update((seq, len(record.value)) for seq, record in batch)
                    return batch

    def _replied(self, seq: int, reply: FeedReply) -> None:
        # Called in a network thread: the reply is only kept; our own thread writes it to disk.
        self._replies.append((seq, reply))
        self.wake()

    def _settle(self) -> None:
        """Replies are noted on disk. `closed` is no reply: the next sender sends the message."""
        replies = [self._replies.popleft() for _ in range(len(self._replies))]
        final = [
            (seq, reply)
            for seq, reply in replies
            if not (isinstance(reply, PublishFailure) and reply.code == "closed")
        ]
        if final:
            crash_point("documents_acknowledged")
            self._queue.settle(final)
            self._metrics.replies(reply for _, reply in final)
            with self._changed:
                size = sum(self._sending.pop(seq) for seq, _ in final)
            self._space.give(len(final), size)

    def _forget_old(self) -> None:
        if self._clock.monotonic() >= self._forget_at:
            self._forget_at = self._clock.monotonic() + _FORGET_SECONDS
            self._queue.forget(self._clock.now() - self._remembered_seconds)
