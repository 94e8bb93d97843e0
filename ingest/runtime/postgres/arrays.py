"""Whole columns as one binary parameter: 3 to 9 times faster than lists with `%s` (decision 0039).

Use with `%b` and a cast: `unnest(%b::uuid[], %b::bigint[])`. Elements are never null.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = struct.Struct("!iiiii").pack
_LENGTH = struct.Struct("!i").pack


class UuidArray(bytes):
    """n x 16 bytes, sent as uuid[]."""

    @classmethod
    def of(cls, ids: Iterable[bytes]) -> Self:
        """From the 16 bytes of each."""
        return cls(b"".join(ids))


class Int8Array(bytes):
    """n x 8 bytes, big endian, sent as bigint[]."""

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """From integers within 64 bits; raises struct.error for others."""
        return cls(struct.pack(f"!{len(numbers)}q", *numbers))


class Int4Array(bytes):
    """n x 4 bytes, big endian, sent as integer[]."""

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """From integers within 32 bits; raises struct.error for others."""
        return cls(struct.pack(f"!{len(numbers)}i", *numbers))


class Int2Array(bytes):
    """n x 2 bytes, big endian, sent as smallint[]."""

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """From integers within 16 bits; raises struct.error for others."""
        return cls(struct.pack(f"!{len(numbers)}h", *numbers))


class ByteaArray(list[bytes]):
    """Byte strings, sent as bytea[]; the empty one too, which a plain list can't."""


class _FixedWidth(Dumper):
    format = Format.BINARY
    width: ClassVar[int]
    element: ClassVar[int]

    def dump(self, obj: Any) -> bytes:
        width = self.width
        count, rest = divmod(len(obj), width)
        if rest:
            raise psycopg.DataError(f"{type(obj).__name__}: length is not a multiple of {width}")
        length = _LENGTH(width)
        items = [length + obj[at : at + width] for at in range(0, len(obj), width)]
        return _HEAD(1, 0, self.element, count, 1) + b"".join(items)


class _UuidArrayDumper(_FixedWidth):
    oid, width, element = 2951, 16, 2950


class _Int8ArrayDumper(_FixedWidth):
    oid, width, element = 1016, 8, 20


class _Int4ArrayDumper(_FixedWidth):
    oid, width, element = 1007, 4, 23


class _Int2ArrayDumper(_FixedWidth):
    oid, width, element = 1005, 2, 21


class _ByteaArrayDumper(Dumper):
    format = Format.BINARY
    oid = 1001

    def dump(self, obj: Any) -> bytes:
        parts = [_HEAD(1, 0, 17, len(obj), 1)]
        for item in obj:
            parts.append(_LENGTH(len(item)))
            parts.append(item)
        return b"".join(parts)


def register_arrays(conn: psycopg.Connection[Any]) -> None:
    """The array types of this module can be parameters of `conn`, with `%b`."""
    for python, dumper in (
        (UuidArray, _UuidArrayDumper),
        (Int8Array, _Int8ArrayDumper),
        (Int4Array, _Int4ArrayDumper),
        (Int2Array, _Int2ArrayDumper),
        (ByteaArray, _ByteaArrayDumper),
    ):
        conn.adapters.register_dumper(python, dumper)
