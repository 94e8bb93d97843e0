"""The bound on what was handed to a publisher and is not acknowledged yet, in records and bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MAX_RECORDS = 20_000
MAX_BYTES = 64 * 1024 * 1024
_LOOK_SECONDS = 0.5


class Outstanding:
    """Counts what is outstanding; without a bound, memory grows while the broker is away."""

    def __init__(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._low_records = max_records * 3 // 4
        self._low_bytes = max_bytes * 3 // 4
        self._records = 0
        self._bytes = 0
        self._changed = threading.Condition()

    def take(self, records: int, size: int, closed: Callable[[], bool]) -> bool:
        """Waits until there is room for `records` of `size` bytes in all, and takes it.

        What is larger than the bound goes through alone. Returns False when `closed` came true
        meanwhile.
        """
        with self._changed:
            while not self._fits(records, size):
                if closed():
                    return False
                self._changed.wait(_LOOK_SECONDS)
            self._records += records
            self._bytes += size
            return True

    def give_back(self, records: int, size: int) -> None:
        """What was taken has been answered."""
        with self._changed:
            self._records -= records
            self._bytes -= size
            # Not at every single answer: waking a sender for one record costs more than sending it.
            if not self._records or (
                self._records <= self._low_records and self._bytes <= self._low_bytes
            ):
                self._changed.notify_all()

    def wait_until_none(self, seconds: float) -> bool:
        """Whether nothing is outstanding, after waiting up to `seconds` for it."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._records:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def records(self) -> int:
        """How many records are outstanding."""
        return self._records

    def _fits(self, records: int, size: int) -> bool:
        return not self._records or (
            self._records + records <= self._max_records and self._bytes + size <= self._max_bytes
        )
