"""What is still to be sent, by moment: one schedule for all that happens in a run."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Final

from producers.simulator.plan.planned import Planned

MakeMessages = Callable[[int], Iterator[Planned]]
"""Makes the messages that are sent at a moment; it may put more on the schedule."""
_FOLLOWING: Final = 0
_BEGINNING: Final = 1


class Schedule:
    """What is to be sent, in order of time.

    Of one moment, messages that follow earlier documents come first.
    """

    def __init__(self, end: int) -> None:
        self._end = end
        self._due: list[tuple[int, int, int, MakeMessages]] = []
        self._serial = 0

    def follow(self, at: int, make: MakeMessages) -> None:
        """Messages that come after another one; at the end of the run at the latest."""
        self._put(min(at, self._end), _FOLLOWING, make)

    def begin(self, at: int, make: MakeMessages) -> None:
        """The first version of a document."""
        self._put(at, _BEGINNING, make)

    def messages(self) -> Iterator[Planned]:
        """All messages, in order of sending, until nothing is left."""
        while self._due:
            at, _, _, make = heappop(self._due)
            yield from make(at)

    def _put(self, at: int, rank: int, make: MakeMessages) -> None:
        self._serial += 1
        heappush(self._due, (at, rank, self._serial, make))
