"""The library for makers of professional software: a message handed over arrives.

What the Ségur asks of producers (SPEC g): sending in the background once a document is validated,
a queue that survives, retries, one document that can be held back, and none sent twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from ingest.feed.types import Publisher
from ingest.runtime.lifecycle import Clock, SystemClock
from ingest.runtime.metrics import Metrics
from ingest.runtime.settings import Settings

from .background_sender import SEND_SECONDS, BackgroundSender
from .durable_queue import DurableQueue
from .errors import AlreadySubmitted, QueueError
from .messages import QueuedMessage, Submission, queued_message
from .queue_metrics import QueueMetrics
from .space import QueueSpace

REMEMBERED_DAYS: Final = 30.0
"""How long the queue tells what became of a message that the feed has replied to."""


class DocumentPublisher:
    """Publishes in the background, in order per patient, from a queue that survives kill -9.

    A message is on disk before `submit` returns, with the id that it keeps in every try. Open one
    per process and close it; the next one on the same file sends what is left.
    """

    def __init__(
        self,
        feed: Settings | Publisher,
        queue: Path,
        *,
        max_messages: int = 100_000,
        max_bytes: int = 2 * 1024**3,
        block: bool = False,
        begin: bool = True,
        remembered_days: float = REMEMBERED_DAYS,
        clock: Clock | None = None,
        new_id: Callable[[], UUID] = uuid4,
        metrics: Metrics | None = None,
    ) -> None:
        """Open the queue. With settings, the feed may be away: it is tried until it answers.

        `block`: `submit` waits when the queue is full instead of raising QueueFull. Without
        `begin` nothing is sent before `begin()`, and a full queue is QueueFull until then.
        `remembered_days`: older messages that the feed has replied to are forgotten, as by
        `forget`. `metrics`: told of the queue and the replies; serve its registry with
        `ingest.runtime.metrics.serve`. Raises QueueError when the file can't be used.
        """
        self._clock = clock or SystemClock()
        self._new_id = new_id
        self._block = block
        self._queue = DurableQueue(queue)
        self._changed = threading.Condition()
        self._submitting = threading.Lock()
        self._space = QueueSpace(
            self._changed,
            max_messages=max_messages,
            max_bytes=max_bytes,
            load=self._queue.load().values(),
        )
        self._sender = BackgroundSender(
            feed=feed,
            queue=self._queue,
            space=self._space,
            changed=self._changed,
            clock=self._clock,
            metrics=QueueMetrics(metrics),
            remembered_seconds=remembered_days * 86_400,
        )
        if begin:
            self.begin()

    def begin(self) -> None:
        """What is queued is sent from now on; nothing changes when that has begun before."""
        self._sender.begin()

    def submit(
        self,
        message: Mapping[str, Any],
        schema_name: str,
        *,
        traceparent: str | None = None,
        again: bool = False,
    ) -> UUID:
        """The message is queued durably; its id. Without a `messageId` it gets one.

        Raises what `encode` in `schemas.codec` raises, QueueFull, QueueError (an id that is in the
        queue), and AlreadySubmitted for a deposit whose document was submitted before and not
        refused. With `again`, neither such a document nor an id that was replied to is an error.
        """
        given = message.get("messageId")
        message_id = UUID(bytes=given) if given is not None else self._new_id()
        queued = queued_message(message, message_id, schema_name, traceparent)
        size = len(queued.feed_record.value)
        self._take_space(size)
        try:
            with self._submitting:
                if not again:
                    self._refuse_second(queued)
                self._queue.add([queued], self._clock.now(), again=again)
        except BaseException:
            self._space.give(1, size)
            raise
        self._sender.wake()
        return message_id

    def hold(self, unique_id: str) -> int:
        """Nothing more of this document is sent until `release`; how many messages are held.

        A message that is on its way already can't be held.
        """
        return self._sender.hold(unique_id)

    def release(self, unique_id: str) -> int:
        """What was held of this document is sent; how many messages."""
        return self._sender.release(unique_id)

    def is_waiting(self, message_id: UUID) -> bool:
        """Whether this message is in the queue, maybe held back, and the feed has not replied."""
        found = self.submission(message_id)
        return found is not None and found.state in ("waiting", "held")

    def waiting(self) -> list[UUID]:
        """The messages that wait or are on their way, in order; held ones are not among them."""
        return self._queue.waiting_ids()

    @property
    def is_sending(self) -> bool:
        """Whether what is queued is being sent: begun, and not ended by a disk that fails."""
        return self._sender.is_sending

    def pending(self) -> int:
        """How many messages wait or are on their way; held ones are not counted."""
        return self._queue.load().get("waiting", (0, 0))[0]

    def submission(self, message_id: UUID) -> Submission | None:
        """What became of a message; None when this queue does not know it."""
        return self._queue.submission(message_id)

    def forget(self, before: float) -> int:
        """Messages replied to and submitted before that time (s since 1970) are forgotten.

        How many. A second deposit of their documents is still recognised (`AlreadySubmitted`).
        """
        return self._queue.forget(before)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until the feed has replied to everything that is not held.

        False: not in that time, or sending has not begun.
        """
        end = self._clock.monotonic() + timeout_seconds
        with self._changed:
            while self.pending():
                left = end - self._clock.monotonic()
                if left <= 0 or not self.is_sending:
                    return False
                self._changed.wait(min(left, SEND_SECONDS))
        return True

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Flush for at most that long, then release everything. The rest stays in the queue."""
        self.flush(timeout_seconds)
        self._sender.close()
        self._queue.close()

    def _refuse_second(self, queued: QueuedMessage) -> None:
        if queued.schema_name == "DepositDocument" and queued.unique_id is not None:
            before = self._queue.live_deposit(queued.unique_id)
            if before is not None:
                raise AlreadySubmitted(before)

    def _take_space(self, size: int) -> None:
        begun = self._sender.has_begun
        if begun and not self._sender.is_sending:
            raise QueueError("the sender of this queue has stopped; close it and open it again")
        self._space.take(
            size, may_wait=lambda: self._block and begun and not self._sender.is_closing
        )
