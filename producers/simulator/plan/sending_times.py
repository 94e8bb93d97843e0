"""When messages are sent: evenly over years, or in the shape of a national day."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Protocol

from producers.simulator.moments import DAY, HOUR, moment
from producers.simulator.tables.cells import load

_HOURS: Final = 24
_HALFWAY: Final = 2 * DAY
"""In a simulated day, a message that comes so long after another comes halfway to midnight."""
_PARIS_SUMMER: Final = 2 * HOUR
_WORKING_DAY: Final = moment(2025, 7, 1) - _PARIS_SUMMER


class Calendar(Protocol):
    """Moments of sending, seconds since 1970."""

    @property
    def start(self) -> int:
        """The first moment."""
        ...

    @property
    def end(self) -> int:
        """The last moment: whatever would come later comes then."""
        ...

    def at(self, position: float, of: int) -> int:
        """The moment when `position` of `of` first versions are sent."""
        ...

    def after(self, at: int, seconds: int) -> int:
        """The moment of what comes so many seconds after `at`."""
        ...


@dataclass(frozen=True, slots=True)
class Evenly:
    """Evenly over a period; what follows a document comes after its real time."""

    start: int
    end: int

    def at(self, position: float, of: int) -> int:
        """In proportion."""
        return self.start + int((self.end - self.start) * position / of)

    def after(self, at: int, seconds: int) -> int:
        """So many seconds later."""
        return at + seconds


class NationalDay:
    """A working day of 24 hours, Paris time, in the national shape.

    300 million documents a year are 9.5 a second on the mean; the design is for the peak hour, 320
    a second (decision 0039). The day has the mean rate and one such hour: its total is more than a
    365th of the year. What follows a document days later in practice comes later the same day, in
    the same order.
    """

    def __init__(self) -> None:
        table: dict[str, Any] = load("day")
        self.per_second: Final[tuple[float, ...]] = tuple(map(float, table["perSecond"]))
        self.start: Final = _WORKING_DAY
        self.end: Final = self.start + _HOURS * HOUR
        self._sums: Final = (0.0, *accumulate(rate * HOUR for rate in self.per_second))

    @property
    def messages(self) -> float:
        """How many are sent in the whole day."""
        return self._sums[-1]

    def at(self, position: float, of: int) -> int:
        """The moment before which this share of the day's messages is sent."""
        wanted = self._sums[-1] * position / of
        hour = min(_HOURS - 1, bisect_right(self._sums, wanted) - 1)
        return self.start + hour * HOUR + int((wanted - self._sums[hour]) / self.per_second[hour])

    def after(self, at: int, seconds: int) -> int:
        """Later for more seconds; never beyond the end."""
        done = self._sent_before(at)
        left = self._sums[-1] - done
        wanted = done + left * seconds / (seconds + _HALFWAY)
        return min(self.end, max(at, self.at(wanted / self._sums[-1], 1)))

    def _sent_before(self, at: int) -> float:
        hour = min(_HOURS - 1, max(0, (at - self.start) // HOUR))
        inside = min(HOUR, max(0, at - self.start - hour * HOUR))
        return self._sums[hour] + inside * self.per_second[hour]
