"""Encoding of thousands of messages: parts that repeat are encoded once.

The bytes are those of `encode` in `schemas.codec` (a test compares them), by the same schemas.
A part that repeats from message to message is one object here: a software, an actor, the INS and
the traits of a person, an author. It is recognised by its identity.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from schemas.codec.messages import MARKER
from schemas.versions.avro_types import (
    Array,
    AvroType,
    Enum,
    Fixed,
    Primitive,
    RecordType,
    Union,
    short,
)
from schemas.versions.catalogue import schema_catalogue

Write = Callable[[Any], bytes]

_REPEATED: Final = frozenset({"Software", "Actor", "Ins", "Traits", "Author"})
_SMALL: Final = tuple(bytes((number << 1,)) for number in range(64))


def encode_repeating(name: str, datum: Mapping[str, Any]) -> bytes:
    """The message, encoded. The dict of a repeated part must never be changed, only replaced.

    Raises KeyError, TypeError or AttributeError for a datum of another shape: it is ours.
    """
    head, write = _message(name)
    return head + write(datum)


@cache
def _message(name: str) -> tuple[bytes, Write]:
    schema = schema_catalogue().newest(name)
    return MARKER + schema.fingerprint, _writer(schema_catalogue().tree(schema))


def _number(value: int) -> bytes:
    """A varint, zigzag (Avro int and long)."""
    if 0 <= value < 64:
        return _SMALL[value]
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _text(value: str) -> bytes:
    data = value.encode()
    return _number(len(data)) + data


def _data(value: bytes) -> bytes:
    return _number(len(value)) + value


_PRIMITIVES: Final[Mapping[str, Write]] = {
    "null": lambda value: b"",
    "boolean": lambda value: b"\x01" if value else b"\x00",
    "int": _number,
    "long": _number,
    "string": _text,
    "bytes": _data,
}


def _writer(node: AvroType) -> Write:
    match node:
        case Primitive(kind=kind):
            return _PRIMITIVES[kind]
        case Fixed():
            return bytes
        case Enum(symbols=symbols):
            indexes = {symbol: _number(place) for place, symbol in enumerate(symbols)}
            return indexes.__getitem__
        case RecordType():
            return _record(node)
        case Array(items=items):
            return _array(_writer(items))
        case Union(branches=(Primitive(kind="null"), other)):
            return _optional(_writer(other))
        case _:
            raise NotImplementedError(f"messages of the feed have no {type(node).__name__}")


def _optional(write: Write) -> Write:
    return lambda value: b"\x00" if value is None else b"\x02" + write(value)


def _array(write: Write) -> Write:
    def items(values: list[Any]) -> bytes:
        if not values:
            return b"\x00"
        return _number(len(values)) + b"".join(map(write, values)) + b"\x00"

    return items


def _record(node: RecordType) -> Write:
    fields = tuple((field.name, _writer(field.type)) for field in node.fields)

    def record(datum: Mapping[str, Any]) -> bytes:
        return b"".join([write(datum[name]) for name, write in fields])

    return _remembered(record) if short(node.name) in _REPEATED else record


def _remembered(write: Write) -> Write:
    # The object is kept beside its bytes: as long as it lives, its id is nobody else's.
    kept: dict[int, tuple[Any, bytes]] = {}

    def remembered(datum: Any) -> bytes:
        found = kept.get(id(datum))
        if found is None:
            found = kept[id(datum)] = (datum, write(datum))
        return found[1]

    return remembered
