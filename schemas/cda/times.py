"""HL7 times of a header: literal, precision, and what can be known of the moment (TRAPS 8 and 9).

A date without a time of day has no zone and is never shifted. A time of day without offset, or
with a malformed one, names no instant: nothing is guessed here.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final, Literal

Precision = Literal["year", "month", "day", "hour", "minute", "second"]
TimeFault = Literal["malformed", "offset_missing", "offset_malformed"]

_PRECISIONS: Final[dict[int, Precision]] = {
    4: "year",
    6: "month",
    8: "day",
    10: "hour",
    12: "minute",
    14: "second",
}
_LITERAL: Final = re.compile(r"([0-9]{4,14})(\.[0-9]{1,4})?([+-][0-9]*)?")
_OFFSET: Final = re.compile(r"([+-])([01][0-9])([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class HeaderTime:
    """A time as written. `day` is the local calendar day, from day precision on; `instant` is
    known only for a time of day with a right offset; `fault` names what is wrong, if anything.
    """

    literal: str
    precision: Precision | None
    day: date | None
    instant: datetime | None
    fault: TimeFault | None


def read_time(literal: str) -> HeaderTime:
    """The time behind this literal; one that is no time at all has the fault `malformed`."""
    match = _LITERAL.fullmatch(literal)
    precision = _PRECISIONS.get(len(match[1])) if match else None
    if match is None or precision is None or (match[2] and precision != "second"):
        return HeaderTime(literal, None, None, None, "malformed")
    digits, offset = match[1], match[3]
    try:
        local = _local(digits)
    except ValueError:
        return HeaderTime(literal, None, None, None, "malformed")
    day = local.date() if len(digits) >= 8 else None
    if len(digits) <= 8:
        return HeaderTime(literal, precision, day, None, "offset_malformed" if offset else None)
    if not offset:
        return HeaderTime(literal, precision, day, None, "offset_missing")
    zone = _zone(offset)
    instant = _instant(local, zone) if zone else None
    fault: TimeFault | None = None if instant else "offset_malformed"
    return HeaderTime(literal, precision, day, instant, fault)


def _local(digits: str) -> datetime:
    """The first moment the digits may mean, without a zone. Raises ValueError on month 13."""
    padded = digits + "00000101000000"[len(digits) :]
    month, day, hour, minute, second = (int(padded[at : at + 2]) for at in range(4, 14, 2))
    year = int(padded[:4])
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - zone: the literal's


def _zone(offset: str) -> timezone | None:
    match = _OFFSET.fullmatch(offset)
    if match is None:
        return None
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(size if match[1] == "+" else -size)


def _instant(local: datetime, zone: timezone) -> datetime | None:
    """The instant with its offset; None at the ends of the calendar, where UTC does not reach."""
    try:
        placed = local.replace(tzinfo=zone)
        placed.astimezone(timezone.utc)  # noqa: UP017 - datetime.UTC reads worse beside timezone
    except OverflowError:
        return None
    return placed
