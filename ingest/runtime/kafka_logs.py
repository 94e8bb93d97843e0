"""kafka-python's log, limited in rate and without what it writes when nothing is wrong."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

_AT_CLOSE = (
    # A producer is closed before it was given its id: it had nothing to send any more.
    ("kafka.producer.transaction_manager", re.compile(r"InitProducerIdRequest.*Cancelled")),
    # Its loop waits for a thread that is being joined.
    ("kafka.net.selector", re.compile(r"<kafka\.net\.selector\.Task .*likely a tight sync loop")),
)
"""Lines of clients that are being closed; a working client that fails writes other lines."""


class RateLimit(logging.Filter):
    """Lets `lines` lines of one library through in each `seconds`; the next line tells how many
    were not.

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
        if _is_of_closing(record):
            return False
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


def _is_of_closing(record: logging.LogRecord) -> bool:
    return any(
        record.name == name and found.search(record.getMessage()) for name, found in _AT_CLOSE
    )
