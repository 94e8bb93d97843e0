"""What is checked before a record is sent, the same for every feed.

A record that the broker refuses kills an idempotent producer and fails its whole batch (decision
0009). Nothing that the broker would refuse is ever sent, therefore.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from .backpressure import Outstanding
from .types import Done, OutgoingRecord, PublishFailure

OVERHEAD_BYTES = 90
"""What Kafka counts for a record beside key and value (decision 0009)."""
MAX_AHEAD_MS = 50 * 60 * 1000
"""Brokers refuse a timestamp more than an hour ahead of their clock."""
_HEADER_BYTES = 10
"""Two varints, at most."""
MAX_HEADERS, MAX_NAME = 60, 250
"""So the packed names of the embedded log fit in 65,535 bytes whatever their characters are."""
_HANDOVER_RECORDS = 500
_HANDOVER_BYTES = 1024 * 1024


class Entry(Protocol):
    """A record on its way, as a publisher keeps it."""

    @property
    def done(self) -> Done:
        """Who is told what became of it."""


E = TypeVar("E", bound=Entry)


class Admission(Generic[E]):
    """The way into a publisher: each record is refused at once, or handed over in a small group
    once there is room.
    """

    def __init__(
        self,
        outstanding: Outstanding,
        closing: Callable[[], bool],
        make: Callable[[OutgoingRecord, Done, int], E],
        take_over: Callable[[list[E]], bool],
    ) -> None:
        """`make`: an entry of a record, its `done` and its size. `take_over`: False when the
        publisher was closed meanwhile, and nothing was taken.
        """
        self._outstanding = outstanding
        self._closing = closing
        self._make = make
        self._take_over = take_over

    def admit(
        self,
        records: Sequence[OutgoingRecord],
        done: Done,
        refused: Callable[[OutgoingRecord, int], PublishFailure | None],
    ) -> None:
        """Every record is replied to (`refused`, `closed`) or taken over, in order. Blocks while
        the publisher is full.
        """
        entries: list[E] = []
        total = 0
        for record in records:
            size = size_of(record)
            failure = refused(record, size)
            if failure is not None:
                done(failure)
                continue
            if len(entries) >= _HANDOVER_RECORDS or total + size > _HANDOVER_BYTES:
                self._hand_over(entries, total)
                entries, total = [], 0
            entries.append(self._make(record, done, size))
            total += size
        self._hand_over(entries, total)

    def _hand_over(self, entries: list[E], total: int) -> None:
        if not entries:
            return
        if self._outstanding.take(len(entries), total, self._closing):
            if self._take_over(entries):
                return
            self._outstanding.give_back(len(entries), total)
        for entry in entries:
            entry.done(PublishFailure("closed", "the publisher is closed"))


def size_of(record: OutgoingRecord) -> int:
    """Bytes of a record as its limit counts them: before compression, headers included.

    Negative when the headers can't be published.
    """
    size = len(record.key) + len(record.value) + OVERHEAD_BYTES
    headers = record.headers
    if len(headers) > MAX_HEADERS:
        return -1
    for name, value in headers:
        if value is None or len(name) > MAX_NAME:
            return -1
        size += len(name) + len(value) + _HEADER_BYTES
        if not name.isascii():
            size += 3 * len(name)
    return size


def refusal(
    record: OutgoingRecord, size: int, max_bytes: int, now_ms: int
) -> PublishFailure | None:
    """Why a record of `size` bytes can't be published, or None. No detail names a person."""
    if not record.key:
        return PublishFailure("empty_key", "a record needs a key that is not empty")
    if size < 0:
        # Headers without a value are read, since others may send them; kafka-python can't write
        # them.
        return PublishFailure(
            "bad_headers", "a header has no value, or the names are too many or too long"
        )
    if size > max_bytes:
        return PublishFailure(
            "too_large", f"the record has {size} bytes, the limit of the feed is {max_bytes}"
        )
    stamp = record.timestamp_ms
    if stamp is not None and not 0 <= stamp <= now_ms + MAX_AHEAD_MS:
        return PublishFailure(
            "bad_timestamp", "the record's timestamp is before 1970 or over 50 minutes ahead"
        )
    return None
