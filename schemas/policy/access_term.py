"""How long an access authorisation lasts: six months unless something else was said (SPEC d.5)."""

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

AUTHORISATION_MONTHS: Final = 6
MILLISECONDS_MAX: Final = 253_370_764_800_000
"""Year 9999, the last whose days Python can count."""
_PARIS: Final = ZoneInfo("Europe/Paris")


def default_until(said_at: int) -> int:
    """The moment six months later by the calendar of Paris, at the same time of day; the last day
    of the month where that month is too short. Both in milliseconds since 1970.

    `said_at` must be between 0 and a year before `MILLISECONDS_MAX`.
    """
    said = datetime.fromtimestamp(said_at // 1000, UTC).astimezone(_PARIS)
    months = said.month - 1 + AUTHORISATION_MONTHS
    year, month = said.year + months // 12, months % 12 + 1
    day = min(said.day, monthrange(year, month)[1])
    ends = said.replace(year=year, month=month, day=day, fold=0)
    return int(ends.timestamp()) * 1000 + said_at % 1000
