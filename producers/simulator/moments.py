"""Moments of the simulation: seconds since 1970 UTC in, HL7 literals of a place out.

The rule of summer time is written here (EU directive 2000/84: from the last Sunday of March to the
last Sunday of October, 01:00 UTC): bytes do not depend on the time zone data of a machine.
"""

from calendar import timegm
from collections.abc import Callable
from functools import cache
from time import gmtime, strftime
from typing import Final

HOUR: Final = 3600
DAY: Final = 24 * HOUR

Offset = Callable[[int], int]
"""Minutes east of UTC at a moment."""


def moment(year: int, month: int, day: int, hour: int = 0) -> int:
    """Seconds since 1970 of this hour, UTC."""
    return timegm((year, month, day, hour, 0, 0, 0, 0, 0))


@cache
def _summer(year: int) -> tuple[int, int]:
    return _last_sunday(year, 3), _last_sunday(year, 10)


def _last_sunday(year: int, month: int) -> int:
    last_day = moment(year, month, 31, 1)
    return last_day - (gmtime(last_day).tm_wday + 1) % 7 * DAY


def _paris(at: int) -> int:
    start, end = _summer(gmtime(at).tm_year)
    return 120 if start <= at < end else 60


def _fixed(minutes: int) -> Offset:
    return lambda at: minutes


_OVERSEAS: Final[dict[str, Offset]] = {
    "971": _fixed(-240),
    "972": _fixed(-240),
    "973": _fixed(-180),
    "974": _fixed(240),
    "976": _fixed(180),
}


def zone_of(postcode: str) -> Offset:
    """The zone of a French postcode: overseas producers are not on Paris time (TRAP 9)."""
    return _OVERSEAS.get(postcode[:3], _paris)


_FORMS: Final = {
    "second": "%Y%m%d%H%M%S",
    "minute": "%Y%m%d%H%M",
    "day": "%Y%m%d",
}


def literal(at: int, zone: Offset, precision: str = "second") -> str:
    """The HL7 literal of a moment as a clock of that place shows it.

    A literal of the precision day has no offset (SPEC c.2).
    """
    minutes = zone(at)
    digits = strftime(_FORMS[precision], gmtime(at + 60 * minutes))
    if precision == "day":
        return digits
    hours, rest = divmod(abs(minutes), 60)
    return f"{digits}{'+' if minutes >= 0 else '-'}{hours:02d}{rest:02d}"


def shown_day(at: int, zone: Offset) -> str:
    """The day as people write it: 04/01/2024."""
    return strftime("%d/%m/%Y", gmtime(at + 60 * zone(at)))
