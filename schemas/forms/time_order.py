"""The order of two times as written, and whether they can be one (SPEC c.2, TRAP 8 to TRAP 10).

Literals are compared to the lesser of their precisions. Dates are never shifted.
"""

from typing import Final

from .times import Precision, parse_time

_MICROS_OF: Final[dict[Precision, int]] = {
    "hour": 3_600_000_000,
    "minute": 60_000_000,
    "second": 1_000_000,
}
"""Microseconds that a time of day of this precision stands for."""


def day_as_written(literal: str) -> str:
    """The digits of year, month and day that a well-formed literal has."""
    digits = literal[:8]
    return digits if digits.isdigit() else digits.partition("+")[0].partition("-")[0].rstrip("Z")


def is_earlier_day(one: str, other: str) -> bool:
    """True when the day, month or year of `one` ends before that of `other` begins.

    Both are well-formed literals, compared as written, whatever their zones.
    """
    first, second = day_as_written(one), day_as_written(other)
    shared = min(len(first), len(second))
    return first[:shared] < second[:shared]


def is_before(one: str, other: str) -> bool:
    """True when `one` is before `other`. Both are well-formed literals.

    They are compared as instants when both have an offset, else as days.
    """
    first, second = parse_time(one), parse_time(other)
    if first is None or second is None:
        return False
    if first.offset_minutes is None or second.offset_minutes is None:
        return is_earlier_day(one, other)
    if first.instant is None or second.instant is None:
        return is_earlier_day(one, other)
    return first.instant < second.instant


def same_time(one: str, other: str) -> bool:
    """True when both literals can mean one instant or one date, to the lesser of their precisions.

    False when one of them is no time.
    """
    first, second = parse_time(one), parse_time(other)
    if first is None or second is None:
        return False
    if first.instant is None or second.instant is None:
        return not is_earlier_day(one, other) and not is_earlier_day(other, one)
    coarse, fine = sorted((first, second), key=lambda time: -_MICROS_OF[time.precision])
    step = _MICROS_OF[coarse.precision]
    begin = coarse.sort_key // 1_000_000 * 1_000_000
    return begin <= fine.sort_key < begin + step
