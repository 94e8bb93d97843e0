"""The term of an access authorisation: six months unless another end was given (SPEC d.5)."""

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

AUTHORISATION_MONTHS: Final = 6
MILLISECONDS_MAX: Final = 253_370_764_800_000
"""Year 9999, the last whose days Python can count."""
_PARIS: Final = ZoneInfo("Europe/Paris")


def default_until(given_at: int) -> int:
    """The moment six months after `given_at`, both in milliseconds since 1970.

    Months are those of the calendar of Paris, at the same time of day; a month that is too short
    gives its last day. `given_at` lies between 0 and a year before `MILLISECONDS_MAX`.
    """
    given = datetime.fromtimestamp(given_at // 1000, UTC).astimezone(_PARIS)
    months = given.month - 1 + AUTHORISATION_MONTHS
    year, month = given.year + months // 12, months % 12 + 1
    day = min(given.day, monthrange(year, month)[1])
    ends = given.replace(year=year, month=month, day=day, fold=0)
    return int(ends.timestamp()) * 1000 + given_at % 1000
