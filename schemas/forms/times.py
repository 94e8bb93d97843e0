"""HL7 literals of time: `YYYY[MM[DD[hh[mm[ss[.f]]]]]][+zzzz]`, read as written (TRAP 8 to TRAP 10).

Literal and precision are kept. A date without time of day is a calendar date and is never shifted.
Forms that the French texts forbid but real files hold (SPEC c.2) are read and marked `lenient`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

Precision: TypeAlias = Literal["year", "month", "day", "hour", "minute", "second"]

_LITERAL: Final = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})"
    r"(?:(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?)?)?)?)?)?"
    r"(?P<offset>Z|[+-][0-9]{2,4})?"
)
_USUAL_FORM: Final = r"([0-9]{8})(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?([+-][0-9]{4}))?"
"""A day, or a day with minutes or seconds and an offset: nearly every literal has this form."""
_USUAL: Final = re.compile(_USUAL_FORM)
_FOUR_USUAL: Final = re.compile(" ".join([_USUAL_FORM] * 4))
_PRECISIONS: Final[tuple[Precision, ...]] = ("year", "month", "day", "hour", "minute", "second")
_LENGTH_MAX: Final = 29
_PARIS: Final = ZoneInfo("Europe/Paris")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # local arithmetic, see _micros
_OFFSET_MAX: Final = 14 * 60
_MICROS_PER_MINUTE: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class ClinicalTime:
    """A time as somebody wrote it.

    `date`: the calendar date of a literal without time of day (first day of a year or month), else
    None. `instant`: aware, UTC, of a literal with time of day, else None. `offset_minutes`: as
    written, None without one. `sort_key`: beginning in microseconds since 1970 UTC; dates, and
    times without offset, are read on the clock of Europe/Paris. `lenient`: the literal has a form
    that the texts forbid.
    """

    literal: str
    precision: Precision
    date: date | None
    instant: datetime | None
    offset_minutes: int | None
    sort_key: int
    lenient: bool


TimeFlaw: TypeAlias = Literal["malformed", "offset_missing", "offset_malformed"]


def time_flaw(literal: str) -> TimeFlaw | None:
    """The flaw of this literal by the French texts, None without one (SPEC c.2)."""
    time = parse_time(literal)
    if time is None:
        return "malformed"
    if not time.lenient:
        return None
    timed = time.instant is not None
    return "offset_missing" if timed and time.offset_minutes is None else "offset_malformed"


def parse_time(literal: str) -> ClinicalTime | None:
    """The time that a literal means; None for a malformed literal and for a time that never was.

    Lenient are a time of day without offset (read as Europe/Paris) or to the hour only, an offset
    of two or three digits (`+100` is read as +0100) or Z, and a date with an offset, which shifts
    nothing. A time that the clocks of Paris leapt over is read as the moment of the leap.
    """
    # Before the cache: it must not be filled with long strings.
    return _parse(literal) if len(literal) <= _LENGTH_MAX else None


def local_day(time: ClinicalTime) -> date | None:
    """The calendar day as written, whatever the zone. None for a month or a year."""
    if time.precision in ("year", "month"):
        return None
    digits = time.literal
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


def time_exists(literal: str) -> bool:
    """True when `parse_time` finds a time. Much faster than to read the time."""
    match = _USUAL.fullmatch(literal)
    if match is None:
        return parse_time(literal) is not None
    # Only at both ends of the calendar can an offset lead out of it.
    if not "0002" <= literal[:4] <= "9998":
        return parse_time(literal) is not None
    day, offset = match.groups()
    return _day_exists(day) and (offset is None or _offset_exists(offset))


def four_times_exist(first: str, second: str, third: str, fourth: str) -> bool:
    """True: `time_exists` holds for each of the four. One look takes half the time of four.

    False tells nothing: the caller asks for each.
    """
    match = _FOUR_USUAL.fullmatch(f"{first} {second} {third} {fourth}")
    if match is None:
        return False
    day, offset, day2, offset2, day3, offset3, day4, offset4 = match.groups()
    return (
        _is_usual_day(day)
        and (day2 == day or _is_usual_day(day2))
        and (day3 in (day, day2) or _is_usual_day(day3))
        and (day4 in (day, day2) or _is_usual_day(day4))
        and (offset is None or _offset_exists(offset))
        and (offset2 in (None, offset) or _offset_exists(offset2))
        and (offset3 in (None, offset) or _offset_exists(offset3))
        and (offset4 in (None, offset) or _offset_exists(offset4))
    )


@lru_cache(maxsize=65_536)
def _is_usual_day(digits: str) -> bool:
    """True for a day so far from both ends of the calendar that no offset leads out of it."""
    return "0002" <= digits[:4] <= "9998" and _day_exists(digits)


@lru_cache(maxsize=65_536)
def _day_exists(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8192)
def _offset_exists(text: str) -> bool:
    try:
        _offset(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=32_768)
def _parse(literal: str) -> ClinicalTime | None:
    match = _LITERAL.fullmatch(literal)
    if match is None:
        return None
    parts = [int(match[name]) for name in _PRECISIONS if match[name] is not None]
    precision = _PRECISIONS[len(parts) - 1]
    micros = int((match["fraction"] or "")[:6].ljust(6, "0"))
    begin = parts + [1, 1, 0, 0, 0][len(parts) - 1 :]
    year, month, day, hour, minute, second = begin
    try:
        local = datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001
        offset, regular = _offset(match["offset"])
        if len(parts) <= 3:
            key, lenient = _paris(local), offset is not None
            return ClinicalTime(literal, precision, local.date(), None, offset, key, lenient)
        key = _paris(local) if offset is None else _micros(local) - offset * _MICROS_PER_MINUTE
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=key)
    except (ValueError, OverflowError):  # no such day; before year 1 or after 9999 in UTC
        return None
    lenient = offset is None or not regular or precision == "hour"
    return ClinicalTime(literal, precision, None, instant, offset, key, lenient)


def _offset(text: str | None) -> tuple[int | None, bool]:
    """The minutes, and True when written +zzzz. Raises ValueError for an offset of no clock."""
    if text is None:
        return None, True
    if text == "Z":
        return 0, False
    digits = text[1:]
    hours, minutes = (int(digits), 0) if len(digits) == 2 else (int(digits[:-2]), int(digits[-2:]))
    total = hours * 60 + minutes
    if minutes > 59 or total > _OFFSET_MAX:
        raise ValueError("offset")
    return (-total if text[0] == "-" else total), len(digits) == 4


def _micros(local: datetime) -> int:
    """Microseconds since 1970 as the clock itself counts, exact over the whole calendar."""
    return (local - _EPOCH) // timedelta(microseconds=1)


def _paris(local: datetime) -> int:
    """Microseconds since 1970 UTC of a time on the clock in Paris.

    A time that came twice is read as the first. A time leapt over is read as the moment of the
    leap, and a later time never comes before an earlier one.
    """
    before = _offset_in_paris(local, 0)
    after = _offset_in_paris(local, 1)
    key = _micros(local)
    if after <= before:
        return key - before
    low, high = key - after, key - before  # the leap lies between, at a whole second
    while high - low > 1_000_000:
        middle = low + (high - low) // 2
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=middle)
        offset = moment.astimezone(_PARIS).utcoffset() or timedelta()
        leapt = offset // timedelta(microseconds=1) == after
        low, high = (low, middle) if leapt else (middle, high)
    return high // 1_000_000 * 1_000_000


def _offset_in_paris(local: datetime, fold: int) -> int:
    offset = _PARIS.utcoffset(local.replace(fold=fold)) or timedelta()
    return offset // timedelta(microseconds=1)
