"""Outcomes as they come, given to the connections that wait for them."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import structlog

from ingest.feed.types import FeedError
from producers.outcomes.explained import ExplainedOutcome
from producers.outcomes.reader import OutcomeReader

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2
Waiter = asyncio.Future[ExplainedOutcome]


class OutcomeWaiters:
    """Who waits for the outcome of which message. A thread of its own reads the outcomes."""

    def __init__(self, reader: OutcomeReader) -> None:
        self._reader = reader
        self._waiting: dict[str, list[Waiter]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="hl7-outcomes", daemon=True)
        self._thread.start()

    def expect(self, message_id: str) -> Waiter:
        """A future of the next outcome of this message; ask before the message is sent.

        Several may wait for one message: copies of it come over other connections.
        """
        waiter: Waiter = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.setdefault(message_id, []).append(waiter)
        return waiter

    def forget(self, message_id: str, waiter: Waiter) -> None:
        """This future waits for the outcome no more."""
        with self._lock:
            waiting = self._waiting.get(message_id, [])
            if waiter in waiting:
                waiting.remove(waiter)
            if not waiting:
                self._waiting.pop(message_id, None)

    @property
    def is_reading(self) -> bool:
        """Whether the thread lives; it ends when outcomes can't be read."""
        return self._thread.is_alive()

    def close(self) -> None:
        """The thread has ended, and the feed is released."""
        self._closing.set()
        self._thread.join()
        self._reader.close()

    def _read(self) -> None:
        try:
            while not self._closing.is_set():
                for outcome in self._reader.read(_LOOK_SECONDS):
                    with self._lock:
                        found = self._waiting.pop(outcome.message_id or "", [])
                    for waiter in found:
                        waiter.get_loop().call_soon_threadsafe(_settle, waiter, outcome)
        except FeedError as error:
            log.error("hl7_outcomes_unreadable", error=type(error).__name__)
        except RuntimeError:  # the loop of the waiter has ended: nobody waits any more
            log.info("hl7_outcomes_unasked")


def _settle(waiter: Waiter, outcome: ExplainedOutcome) -> None:
    if not waiter.done():
        waiter.set_result(outcome)
