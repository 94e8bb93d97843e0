"""The library for makers of professional software: hand a message over, and it will arrive.

What the Ségur asks of producers (SPEC g): sending in the background once a document is validated,
a queue that survives, retries, one document that can be held back, and none sent twice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from ingest.feed import open_publisher
from ingest.feed.types import Acknowledgement, FeedError, OutgoingRecord, Publisher, PublishFailure
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock, SystemClock
from ingest.runtime.metrics import Metrics
from ingest.runtime.settings import Settings
from schemas.codec.messages import encode
from schemas.feed.messages import FEED_TOPICS, TOPIC_OF
from schemas.forms.feed_keys import feed_key

from .durable_queue import UNUSABLE, DurableQueue, QueuedMessage, QueueError, Submission
from .headers import cloud_event_headers

log = structlog.get_logger(__name__)

Answer = Acknowledgement | PublishFailure

_REFUSALS = ("too_large", "not_authorised", "no_such_topic")
REMEMBERED_DAYS: Final = 30.0
"""How long the queue tells what became of a message that was answered."""
_FORGET_SECONDS = 3600.0
_SEND_RECORDS = 500
_SEND_SECONDS = 0.5
"""How long the sender sleeps when nothing tells it to look."""


class QueueFull(Exception):
    """As many messages or bytes wait as the queue takes; nothing was queued. Try again later."""


class AlreadySubmitted(Exception):
    """This document was submitted before and not refused: `message_id` is that message."""

    def __init__(self, message_id: UUID) -> None:
        super().__init__(f"the document was submitted before, as message {message_id}")
        self.message_id = message_id


class DocumentPublisher:
    """Publishes in the background, in order per patient, from a queue that survives kill -9.

    A message is on disk before `submit` returns, with the id it keeps in every try. Open one per
    process and close it; messages left are sent by the next one on the same file.
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
        The feed is connected to once there is something to send.
        `remembered_days`: answered messages older than that are forgotten by themselves, as
        `forget` says. `metrics`: told
        of the queue and the answers; serve its registry with `ingest.runtime.metrics.serve`.
        Raises QueueError when the file can't be used.
        """
        self._feed = feed
        self._publisher: Publisher | None = None if isinstance(feed, Settings) else feed
        self._clock = clock or SystemClock()
        self._new_id = new_id
        self._max_messages, self._max_bytes, self._block = max_messages, max_bytes, block
        self._remembered_seconds = remembered_days * 86_400
        self._forget_at = float("-inf")
        self._queue = DurableQueue(queue)
        self._metrics = metrics
        if metrics is not None:  # there before the first answer: an absent series has no rate
            for topic in FEED_TOPICS:
                metrics.publisher_acknowledged.labels(topic)
            for code in _REFUSALS:
                metrics.publisher_failures.labels(code)
        load = self._queue.load().values()
        self._messages = sum(count for count, _ in load)
        self._bytes = sum(size for _, size in load)
        self._changed = threading.Condition()
        self._submitting = threading.Lock()
        self._sending: dict[int, int] = {}
        self._answers: deque[tuple[int, Answer]] = deque()
        self._cursor = 0
        self._closing = threading.Event()
        self._sender = threading.Thread(target=self._run, name="document-publisher", daemon=True)
        if begin:
            self.begin()

    def begin(self) -> None:
        """What is queued is sent from now on; nothing changes when that has begun before."""
        if self._sender.ident is None:
            self._sender.start()

    def submit(
        self,
        message: Mapping[str, Any],
        schema_name: str,
        *,
        traceparent: str | None = None,
        again: bool = False,
    ) -> UUID:
        """The message is queued durably; its id. `messageId` may be left out: one is given.

        Raises what `encode` in `schemas.codec` raises, QueueFull, QueueError (an id that is in the
        queue), and AlreadySubmitted for a deposit whose document was submitted before and not
        refused. With `again` neither a document nor an id that was answered before is a fault.
        """
        found = message.get("messageId")
        message_id = UUID(bytes=found) if found is not None else self._new_id()
        queued = _queued({**message, "messageId": message_id.bytes}, schema_name, traceparent)
        size = len(queued.record.value)
        self._take_room(size)
        try:
            with self._submitting:
                if not again:
                    self._refuse_second(queued)
                self._queue.add([queued], self._clock.now(), again=again)
        except BaseException:
            self._give_room(1, size)
            raise
        self._wake()
        return message_id

    def hold(self, unique_id: str) -> int:
        """Nothing more of this document is sent until `release`; how many messages are held.

        What is on its way already can't be held.
        """
        with self._changed:
            return self._queue.hold(unique_id, self._sending)

    def release(self, unique_id: str) -> int:
        """What was held of this document is sent; how many messages."""
        with self._changed:
            released = self._queue.release(unique_id)
            self._cursor = 0
            self._changed.notify_all()
        return released

    def is_waiting(self, message_id: UUID) -> bool:
        """Whether this message is in the queue and not answered yet, held back included."""
        found = self.submission(message_id)
        return found is not None and found.state in ("waiting", "held")

    def waiting(self) -> list[UUID]:
        """The messages that wait or are on their way, in order; held ones are not among them."""
        return self._queue.waiting_ids()

    @property
    def is_sending(self) -> bool:
        """Whether what is queued is being sent: begun, and not ended by a disk that fails."""
        return self._sender.is_alive()

    def pending(self) -> int:
        """How many messages wait or are on their way; held ones are not counted."""
        return self._queue.load().get("waiting", (0, 0))[0]

    def submission(self, message_id: UUID) -> Submission | None:
        """What became of a message; None when this queue does not know it."""
        return self._queue.submission(message_id)

    def forget(self, before: float) -> int:
        """Answered messages submitted before that time (seconds since 1970) are forgotten.

        A second deposit of their documents is still recognised (`AlreadySubmitted`).
        """
        return self._queue.forget(before)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything that is not held is answered. False: not in that time, or sending
        has not begun."""
        end = self._clock.monotonic() + timeout_seconds
        with self._changed:
            while self.pending():
                left = end - self._clock.monotonic()
                if left <= 0 or not self._sender.is_alive():
                    return False
                self._changed.wait(min(left, _SEND_SECONDS))
        return True

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Flush for at most that long, then release everything. The rest stays in the queue."""
        self.flush(timeout_seconds)
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        if self._sender.ident is not None:
            self._sender.join()
        if self._publisher is not None and isinstance(self._feed, Settings):
            self._publisher.close(0)
        try:
            self._settle()
        except UNUSABLE as error:
            log.error("queue_unusable", error=str(error))
        self._queue.close()

    def _refuse_second(self, queued: QueuedMessage) -> None:
        if queued.schema_name == "DepositDocument" and queued.unique_id is not None:
            before = self._queue.live_deposit(queued.unique_id)
            if before is not None:
                raise AlreadySubmitted(before)

    def _take_room(self, size: int) -> None:
        begun = self._sender.ident is not None
        if begun and not self._sender.is_alive():
            raise QueueError("the sender of this queue has stopped; close it and open it again")
        with self._changed:
            while self._messages and (
                self._messages >= self._max_messages or self._bytes + size > self._max_bytes
            ):
                if not self._block or not begun or self._closing.is_set():
                    raise QueueFull(f"{self._messages} messages wait to be sent")
                self._changed.wait(_SEND_SECONDS)
            self._messages += 1
            self._bytes += size

    def _give_room(self, messages: int, size: int) -> None:
        with self._changed:
            self._messages -= messages
            self._bytes -= size
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._work()
        except UNUSABLE as error:  # what was answered and not noted is sent again by the next
            log.error("queue_unusable", error=str(error))

    def _work(self) -> None:
        while not self._closing.is_set():
            self._settle()
            self._forget_old()
            self._report_queue()
            publisher = self._opened() if self._publisher or self.pending() else None
            if publisher is None or not self._send(publisher):
                with self._changed:
                    if not self._closing.is_set() and not self._answers:
                        self._changed.wait(_SEND_SECONDS)

    def _send(self, publisher: Publisher) -> int:
        batch = self._next_batch()
        for seq, record in batch:
            publisher.publish(record, partial(self._answered, seq))
        return len(batch)

    def _opened(self) -> Publisher | None:
        if self._publisher is None and isinstance(self._feed, Settings):
            try:
                self._publisher = open_publisher(self._feed, client_id="documents")
            except FeedError as error:
                log.warning("feed_unavailable", error=type(error).__name__)
        return self._publisher

    def _next_batch(self) -> Sequence[tuple[int, OutgoingRecord]]:
        """Chosen and marked as on their way under one lock, so that `hold` finds them or not."""
        with self._changed:
            while True:
                found = self._queue.waiting_after(self._cursor, _SEND_RECORDS)
                if found:
                    self._cursor = found[-1][0]
                batch = [(seq, record) for seq, record in found if seq not in self._sending]
                if batch or not found:
                    self._sending.update((seq, len(record.value)) for seq, record in batch)
                    return batch

    def _answered(self, seq: int, answer: Answer) -> None:
        # In a network thread: noted only, the sender writes it to disk.
        self._answers.append((seq, answer))
        self._wake()

    def _settle(self) -> None:
        """What was answered is noted on disk; `closed` is no answer: it is sent by the next."""
        answers = [self._answers.popleft() for _ in range(len(self._answers))]
        final = [
            (seq, answer)
            for seq, answer in answers
            if not (isinstance(answer, PublishFailure) and answer.code == "closed")
        ]
        if final:
            crash_point("documents_acknowledged")
            self._queue.settle(final)
            self._report_answers(answer for _, answer in final)
            with self._changed:
                size = sum(self._sending.pop(seq) for seq, _ in final)
            self._give_room(len(final), size)

    def _forget_old(self) -> None:
        if self._clock.monotonic() >= self._forget_at:
            self._forget_at = self._clock.monotonic() + _FORGET_SECONDS
            self._queue.forget(self._clock.now() - self._remembered_seconds)

    def _report_queue(self) -> None:
        if self._metrics is not None:
            self._metrics.heartbeat.labels("publisher").set(self._clock.now())
            self._metrics.publisher_queue.set(self._messages)
            self._metrics.publisher_oldest.set(self._queue.oldest_waiting() or 0)

    def _report_answers(self, answers: Iterable[Answer]) -> None:
        if self._metrics is None:
            return
        for answer in answers:
            if isinstance(answer, Acknowledgement):
                self._metrics.publisher_acknowledged.labels(answer.partition.topic).inc()
            else:
                self._metrics.publisher_failures.labels(answer.code).inc()


def _queued(message: dict[str, Any], schema_name: str, traceparent: str | None) -> QueuedMessage:
    value = encode(schema_name, message)  # first: it says what is wrong with the message
    software = message["provenance"]["software"]["id"]
    occurred_at = message["provenance"]["occurredAt"]
    headers = cloud_event_headers(
        message["messageId"], schema_name, software, occurred_at, traceparent
    )
    key = feed_key(message).encode()
    record = OutgoingRecord(TOPIC_OF[schema_name], key, value, headers)
    unique_id = message.get("document", message).get("uniqueId")
    return QueuedMessage(message["messageId"], schema_name, unique_id, record)
