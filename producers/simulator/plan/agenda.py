"""What is still to be sent, by moment: one agenda for all that happens in a run."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Final

from .planned import Planned

Event = Callable[[int], Iterator[Planned]]
"""Makes the messages of a moment; it may put further events on the agenda."""

_FOLLOWING: Final = 0
_BEGINNING: Final = 1


class Agenda:
    """Events in order of time; of one moment, what follows earlier documents comes first."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._events: list[tuple[int, int, int, Event]] = []
        self._serial = 0

    def follow(self, at: int, event: Event) -> None:
        """Something that comes after another message; at the end of the run at the latest."""
        self._put(min(at, self._end), _FOLLOWING, event)

    def begin(self, at: int, event: Event) -> None:
        """The first version of a document."""
        self._put(at, _BEGINNING, event)

    def messages(self) -> Iterator[Planned]:
        """All messages, in order of sending, until nothing is left."""
        while self._events:
            at, _, _, event = heappop(self._events)
            yield from event(at)

    def _put(self, at: int, rank: int, event: Event) -> None:
        self._serial += 1
        heappush(self._events, (at, rank, self._serial, event))
