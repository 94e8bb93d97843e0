"""Days of the calendar of Paris as `YYYYMMDD`, and the moments at which they begin.

References and certificates are given by days: the first and the last one count whole.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
_LAST_YEAR: Final = 9998


def day_exists(text: str) -> bool:
    """Whether it is a day, of the years 2 to 9998."""
    return len(text) == 8 and _exists(text)


@lru_cache(maxsize=4096)
def _exists(text: str) -> bool:
    if not (text.isascii() and text.isdigit()) or not 2 <= int(text[:4]) <= _LAST_YEAR:
        return False
    try:
        _date(text)
    except ValueError:
        return False
    return True


def day_as_typed(text: str) -> str:
    """What a person typed as `YYYY-MM-DD`, as `YYYYMMDD`; anything else as it is."""
    return text.replace("-", "") if len(text) == 10 else text


def begin_ms(text: str) -> int:
    """When the day begins in Paris, milliseconds since 1970 UTC. Raises ValueError for no day."""
    day = _date(text)
    return int(datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp() * 1000)


def end_ms(text: str) -> int:
    """When the next day begins. Raises ValueError for no day."""
    return begin_ms(_text(_date(text) + timedelta(days=1)))


def last_day_of_years(first: str, years: int) -> str:
    """The last of so many whole years that begin on `first`; from 29 February to 28 February.

    Raises ValueError for no day.
    """
    day = _date(first)
    try:
        after = day.replace(year=day.year + years)
    except ValueError:  # 29 February
        after = date(day.year + years, 3, 1)
    return _text(after - timedelta(days=1))


def day_of(moment: datetime) -> str:
    """The day it is in Paris at an aware moment."""
    return _text(moment.astimezone(PARIS).date())


def _date(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _text(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
