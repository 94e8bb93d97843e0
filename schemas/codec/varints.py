"""Numbers of several bytes, and the checks of canonical reading.

A number is canonical when it has as few bytes as possible. The generated readers (`canonical`) read
numbers of one byte themselves and call these functions for longer ones.
"""

from typing import Final, NoReturn

UNLIMITED: Final = 1 << 62


class Unreadable(Exception):
    """The bytes cannot be read. `code`: of the rejection. Holds nothing of the bytes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def long_at(b: bytes, q: int) -> tuple[int, int]:
    """The number at `q`, and the offset after the number.

    Raises `Unreadable`, and IndexError when the bytes end.
    """
    n = b[q]
    value = n & 127
    shift = 7
    while n & 128:
        q += 1
        n = b[q]
        value |= (n & 127) << shift
        shift += 7
        if shift > 70:
            raise Unreadable("malformed")
    if n == 0 and shift > 7:
        raise Unreadable("not_canonical")
    if value >> 64:
        raise Unreadable("malformed")
    return (value >> 1) ^ -(value & 1), q + 1


def int_at(b: bytes, q: int) -> tuple[int, int]:
    """Like `long_at`, for a number of 32 bits."""
    value, q = long_at(b, q)
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        raise Unreadable("malformed")
    return value, q


def span_at(b: bytes, q: int, limit: int) -> tuple[int, int]:
    """Begin and end of the string or bytes whose length stands at `q`.

    Raises `Unreadable`: malformed for a negative length and for an end after that of the bytes,
    too_large for an end after `limit`.
    """
    n, m = b[q], b[q + 1]
    if n & 128 and 0 < m < 128:
        n = (n & 127) | (m << 7)
        if n & 1:
            raise Unreadable("malformed")
        begin, end = q + 2, q + 2 + (n >> 1)
    else:
        length, begin = long_at(b, q)
        if length < 0:
            raise Unreadable("malformed")
        end = begin + length
    if end > len(b):
        raise Unreadable("malformed")
    if end > limit:
        raise Unreadable("too_large")
    return begin, end


def count_at(b: bytes, q: int) -> tuple[int, int]:
    """The number of items of a block. A negative one (a block with its size) is not canonical."""
    n, q = long_at(b, q)
    if n < 0:
        raise Unreadable("not_canonical")
    return n, q


def check_room(count: int, room: int, left: int) -> None:
    """Raises `Unreadable` unless `count` items fit into `room` and into the `left` bytes."""
    if count > left:
        raise Unreadable("malformed")
    if count > room:
        raise Unreadable("too_large")


def refuse() -> NoReturn:
    """Raises `Unreadable` for bytes that are not canonical."""
    raise Unreadable("not_canonical")


def check_end(q: int, end: int) -> None:
    """Raises `Unreadable` unless the reader stopped at the end of the bytes."""
    if q > end:
        raise Unreadable("malformed")
    if q < end:
        raise Unreadable("not_canonical")
