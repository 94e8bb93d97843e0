"""Headers of a record as one byte string, for the embedded log.

Layout: number of headers, length of the names (both 16 bits, big endian) | each name's length and
UTF-8 | each value's length (32 bits, -1: no value) | the values. No headers: the empty string.
The names come first and together because they repeat from record to record: they are read once.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from ingest.feed.types import Headers

_HEAD = Struct("!HH")
_SHORT = Struct("!H")


def pack_headers(headers: Headers) -> bytes:
    """The bytes that `unpack_headers` reads; order, duplicates and missing values are kept.

    Raises ValueError when there are over 65,535 headers or over 65,535 bytes of names.
    """
    if not headers:
        return b""
    names, lengths = _packed_names(tuple(name for name, _ in headers))
    values = [value for _, value in headers]
    sizes = (-1 if value is None else len(value) for value in values)
    return b"".join((names, lengths.pack(*sizes), *(value for value in values if value)))


def unpack_headers(data: bytes) -> Headers:
    """The headers packed in `data`."""
    if not data:
        return ()
    start = _HEAD.size + _HEAD.unpack_from(data)[1]
    names, lengths = _unpacked_names(data[:start])
    at = start + lengths.size
    headers: list[tuple[str, bytes | None]] = []
    for name, size in zip(names, lengths.unpack_from(data, start), strict=True):
        if size < 0:
            headers.append((name, None))
        else:
            headers.append((name, data[at : at + size]))
            at += size
    return tuple(headers)


@lru_cache(maxsize=256)
def _packed_names(names: tuple[str, ...]) -> tuple[bytes, Struct]:
    encoded = [name.encode() for name in names]
    if len(names) > 0xFFFF or sum(map(len, encoded)) + 2 * len(names) > 0xFFFF:
        raise ValueError("a record has too many headers or too long header names")
    blob = b"".join(_SHORT.pack(len(name)) + name for name in encoded)
    return _HEAD.pack(len(names), len(blob)) + blob, _lengths(len(names))


@lru_cache(maxsize=256)
def _unpacked_names(head: bytes) -> tuple[tuple[str, ...], Struct]:
    count, _ = _HEAD.unpack_from(head)
    names, at = [], _HEAD.size
    for _ in range(count):
        end = at + 2 + _SHORT.unpack_from(head, at)[0]
        names.append(head[at + 2 : end].decode())
        at = end
    return tuple(names), _lengths(count)


def _lengths(count: int) -> Struct:
    return Struct(f"!{count}i")
