"""kafka-python's log: limited in rate, and its last reason kept for errors at start-up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from schemas.identity import MATRICULE_LIKE

from .log_privacy import BLANK


class RateLimit(logging.Filter):
    """Lets `lines` lines of one library through in each `seconds`; the next one says how many not.

    kafka-python writes some 15 lines a second while a broker is away.
    """

    def __init__(
        self,
        library: str,
        *,
        lines: int,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._library = library
        self._lines = lines
        self._seconds = seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.name != self._library and not record.name.startswith(f"{self._library}."):
            return True
        with self._lock:
            now = self._monotonic()
            if now - self._began >= self._seconds:
                suppressed = self._count - self._lines
                self._began, self._count = now, 0
                if suppressed > 0:
                    record.msg = f"{record.getMessage()} ({suppressed} lines suppressed)"
                    record.args = None
            self._count += 1
            return self._count <= self._lines


class LastLine(logging.Handler):
    """Keeps the last warning of a library: its exception says less than its log (KAFKA 8)."""

    line: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.line = MATRICULE_LIKE.sub(BLANK, record.getMessage())


@contextmanager
def last_kafka_line() -> Iterator[LastLine]:
    """While Kafka clients are made in the block, `.line` is the last reason a connection failed.

    Wrong password, wrong authority, nobody there: all are `KafkaTimeoutError` otherwise.
    """
    keeper = LastLine(level=logging.WARNING)
    logger = logging.getLogger("kafka.net")
    logger.addHandler(keeper)
    try:
        yield keeper
    finally:
        logger.removeHandler(keeper)
