"""Days of the calendar of Paris as `YYYYMMDD`, and the moments at which they begin.

References and certificates last from one day to another; both days count whole.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
_LAST_YEAR: Final = 9998


def day_exists(text: str) -> bool:
    """True for a day of the years 2 to 9998."""
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
    """`YYYY-MM-DD` as `YYYYMMDD`. Any other text is returned unchanged."""
    return text.replace("-", "") if len(text) == 10 else text


def begin_ms(text: str) -> int:
    """The beginning of the day in Paris, in milliseconds since 1970 UTC.

    Raises ValueError when the text is no day.
    """
    day = _date(text)
    return int(datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp() * 1000)


def end_ms(text: str) -> int:
    """The beginning of the next day, like `begin_ms`. Raises ValueError when the text is no day."""
    return begin_ms(_text(_date(text) + timedelta(days=1)))


def last_day_of_years(first: str, years: int) -> str:
    """The last day of `years` whole years that begin on `first`. From 29 February: 28 February.

    Raises ValueError when `first` is no day.
    """
    day = _date(first)
    try:
        after = day.replace(year=day.year + years)
    except ValueError:  # 29 February
        after = date(day.year + years, 3, 1)
    return _text(after - timedelta(days=1))


def day_of(moment: datetime) -> str:
    """The day in Paris at an aware moment."""
    return _text(moment.astimezone(PARIS).date())


def _date(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _text(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"
