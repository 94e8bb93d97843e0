"""Messages handed to a publisher, in portions that are due.

A portion is encoded before it is sent, and its intents are on the ledger before that.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

from ingest.feed.types import Acknowledgement, Publisher, PublishFailure
from ingest.runtime.lifecycle import Clock, StopSignal
from producers.simulator.content.messages import Message
from producers.simulator.run.example import Example
from producers.simulator.run.ledger import Ledger
from producers.simulator.run.pacing import Pace, Portion
from producers.simulator.run.summary import Summary

FLUSH_SECONDS: Final = 60.0
Advance = Callable[[int], None]


class Sender:
    """Hands messages to a publisher and counts what becomes of them."""

    def __init__(
        self, publisher: Publisher, clock: Clock, stop: StopSignal, ledger: Ledger | None = None
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._stop = stop
        self._ledger = ledger
        self._lock = Lock()
        self._begun = 0.0
        self._example = Example()
        self.summary = Summary()

    def send_all(self, messages: Iterable[Message], pace: Pace, advance: Advance) -> Summary:
        """Send until the messages end or `stop` is set.

        Afterwards the feed has replied to every message handed over, or it is `unanswered`.
        """
        begun = self._begun = self._clock.monotonic()
        try:
            for ready in pace.ready(messages):
                # Otherwise the collector walks all that is ready again and again: half the speed.
                gc.freeze()
                self._send_ready(ready, advance)
                if self._stop.is_set():
                    break
        finally:
            gc.unfreeze()
        summary = self.summary
        sending = self._clock.monotonic()
        flushed = self._publisher.flush(FLUSH_SECONDS)
        summary.sending += self._clock.monotonic() - sending
        summary.seconds = self._clock.monotonic() - begun
        with self._lock:
            summary.unanswered = summary.sent - summary.acknowledged - summary.refused
            summary.interrupted = self._stop.is_set()
            summary.complete = flushed and not summary.interrupted
        summary.example_ins = self._example.ins
        return summary

    def _send_ready(self, ready: list[Portion], advance: Advance) -> None:
        begun = self._clock.monotonic()
        for batch in ready:
            self._wait_until(batch.due)
            if self._stop.is_set():
                break
            self._hand_over(batch.messages)
            advance(len(batch.messages))
        self.summary.sending += self._clock.monotonic() - begun

    def _wait_until(self, due: float) -> None:
        if due <= 0:
            return
        early = self._begun + due - self._clock.monotonic()
        if early > 0:
            self._stop.wait(early)
        else:
            self.summary.behind = max(self.summary.behind, -early)

    def _hand_over(self, batch: list[Message]) -> None:
        first = self.summary.sent + 1
        if self._ledger is not None:
            for seq, message in enumerate(batch, first):
                self._ledger.intend(seq, message)
            self._ledger.flush()
        for seq, message in enumerate(batch, first):
            self._count(message)
            self._publisher.publish(message.record, self._replied(seq, message))

    def _count(self, message: Message) -> None:
        summary = self.summary
        summary.sent += 1
        summary.bytes += len(message.record.value)
        summary.by_schema[message.planned.schema] += 1
        if message.fault is not None:
            summary.by_fault[message.fault] += 1
        else:
            self._example.see(message)

    def _replied(
        self, seq: int, message: Message
    ) -> Callable[[Acknowledgement | PublishFailure], None]:
        def done(reply: Acknowledgement | PublishFailure) -> None:
            with self._lock:
                if isinstance(reply, Acknowledgement):
                    self.summary.acknowledged += 1
                else:
                    self.summary.refused += 1
            if self._ledger is not None:
                self._ledger.reply(seq, message, reply)

        return done
