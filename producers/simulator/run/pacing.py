"""When messages are handed over: at full speed, at a steady rate, or at the times of a day.

A portion is made ready before the first of its messages is due, and is due as a whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Final, Protocol

from producers.simulator.content.messages import Message

READY_RECORDS: Final = 20_000
READY_BYTES: Final = 64 * 1024 * 1024
BATCH: Final = 500
_PACES_PER_SECOND: Final = 10


@dataclass(frozen=True, slots=True)
class Portion:
    """Messages handed over together, `due` seconds after the beginning; 0: at once."""

    due: float
    messages: list[Message]


class Pace(Protocol):
    """Cuts a stream into lists of portions that are made ready together."""

    def ready(self, messages: Iterable[Message]) -> Iterator[list[Portion]]:
        """All messages, in their order."""
        ...


class FullSpeed:
    """Thousands of messages are made ready, then handed over as fast as they are taken."""

    def ready(self, messages: Iterable[Message]) -> Iterator[list[Portion]]:
        """Chunks bounded by count and by bytes."""
        source = iter(messages)
        while chunk := _bounded(source, READY_RECORDS):
            yield [
                Portion(0.0, chunk[start : start + BATCH]) for start in range(0, len(chunk), BATCH)
            ]


@dataclass(frozen=True, slots=True)
class Steady:
    """So many messages a second."""

    per_second: float

    def ready(self, messages: Iterable[Message]) -> Iterator[list[Portion]]:
        """A tenth of a second each."""
        source, sent = iter(messages), 0
        size = max(1, min(BATCH, int(self.per_second / _PACES_PER_SECOND)))
        while chunk := _bounded(source, size):
            yield [Portion(sent / self.per_second, chunk)]
            sent += len(chunk)


@dataclass(frozen=True, slots=True)
class AsPlanned:
    """At the moment each message is planned for, `speed` times as fast, counted from `start`."""

    start: int
    speed: float

    def ready(self, messages: Iterable[Message]) -> Iterator[list[Portion]]:
        """A tenth of a second each; the messages of one second of the day are spread over it."""
        for slot, group in groupby(self._timed(messages), key=self._slot):
            rest = (message for _, message in group)
            while chunk := list(islice(rest, BATCH)):
                yield [Portion(slot / _PACES_PER_SECOND, chunk)]

    def _slot(self, timed: tuple[float, Message]) -> int:
        return int(timed[0] * _PACES_PER_SECOND)

    def _timed(self, messages: Iterable[Message]) -> Iterator[tuple[float, Message]]:
        latest = self.start
        for sent, group in groupby(messages, key=lambda message: message.planned.sent):
            # A fault may delay a message: then it is due when it comes.
            latest = max(latest, sent)
            together = list(group)
            for place, message in enumerate(together):
                yield (latest - self.start + place / len(together)) / self.speed, message


def pace_of(per_second: float) -> Pace:
    """The pace of a rate in messages a second; 0: at full speed."""
    return Steady(per_second) if per_second > 0 else FullSpeed()


def _bounded(source: Iterator[Message], count: int) -> list[Message]:
    chunk, size = [], 0
    for message in islice(source, count):
        chunk.append(message)
        size += len(message.record.value)
        if size >= READY_BYTES:
            break
    return chunk
