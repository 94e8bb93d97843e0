"""Outcomes of messages in hand, told to those who wait for them."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import structlog

from ingest.feed.types import FeedError
from producers.outcomes.reading import Answer, AnswerReader

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2


class Outcomes:
    """Outcomes as they come, for those who wait for one. A thread reads them."""

    def __init__(self, reader: AnswerReader) -> None:
        self._reader = reader
        self._waiting: dict[str, list[asyncio.Future[Answer]]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="hl7-outcomes", daemon=True)
        self._thread.start()

    def expect(self, message_id: str) -> asyncio.Future[Answer]:
        """A future of the next outcome of this message; ask before the message is sent.

        Several may wait for one message: copies of it come over other connections.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.setdefault(message_id, []).append(future)
        return future

    def forget(self, message_id: str, future: asyncio.Future[Answer]) -> None:
        """This one waits for it no more."""
        with self._lock:
            waiting = self._waiting.get(message_id, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiting.pop(message_id, None)

    @property
    def is_reading(self) -> bool:
        """Whether the thread lives; it ends when outcomes can't be read."""
        return self._thread.is_alive()

    def close(self) -> None:
        """The thread has ended."""
        self._closing.set()
        self._thread.join()
        self._reader.close()

    def _read(self) -> None:
        try:
            while not self._closing.is_set():
                for answer in self._reader.read(_LOOK_SECONDS):
                    with self._lock:
                        found = self._waiting.pop(answer.message_id or "", [])
                    for future in found:
                        future.get_loop().call_soon_threadsafe(_settle, future, answer)
        except FeedError as error:
            log.error("hl7_outcomes_unreadable", error=type(error).__name__)
        except RuntimeError:  # the loop of who waited has ended: nobody does any more
            log.info("hl7_outcomes_unasked")


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
