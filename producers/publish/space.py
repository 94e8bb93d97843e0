"""How many messages and bytes may wait in a queue, and how many do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from .errors import QueueFull

_LOOK_SECONDS: Final = 0.5


class QueueSpace:
    """Counts what waits. `changed` is notified whenever something leaves the queue."""

    def __init__(
        self,
        changed: threading.Condition,
        *,
        max_messages: int,
        max_bytes: int,
        load: Iterable[tuple[int, int]],
    ) -> None:
        """`load`: messages and bytes that are in the queue already."""
        self._changed = changed
        self._max_messages, self._max_bytes = max_messages, max_bytes
        counts = list(load)
        self.messages = sum(messages for messages, _ in counts)
        self._bytes = sum(size for _, size in counts)

    def take(self, size: int, may_wait: Callable[[], bool]) -> None:
        """There is space for one message of this size; it is waited for as long as `may_wait`.

        An empty queue takes a message of any size. Raises QueueFull.
        """
        with self._changed:
            while self.messages and (
                self.messages >= self._max_messages or self._bytes + size > self._max_bytes
            ):
                if not may_wait():
                    raise QueueFull(f"{self.messages} messages wait to be sent")
                self._changed.wait(_LOOK_SECONDS)
            self.messages += 1
            self._bytes += size

    def give(self, messages: int, size: int) -> None:
        """So many messages, and their bytes, wait no more."""
        with self._changed:
            self.messages -= messages
            self._bytes -= size
            self._changed.notify_all()
