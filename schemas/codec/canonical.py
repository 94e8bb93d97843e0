"""Bounded, canonical reading: one specialised reader per schema, generated from it.

The reader of fastavro is lenient: it takes union index -1, bytes after the end and arrays of 10^8
nulls (decision 0004). Messages are therefore read by functions generated from the schema: plain
lines of Python, which interpret no types. They check while they read, and read faster than
fastavro; a check before fastavro would cost half as much again. A property of the tests keeps both
equal: bytes are accepted here exactly when fastavro reads them and writes the same bytes again.

Work and memory are bounded by the number of bytes. Every item of an array has at least one byte
(lint refuses others); counts are within the bytes left and within `room`. A length of one byte may
point past the end of the bytes: the next access of a byte, or the check at the end, refuses it.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from schemas.versions.avro_types import (
    Array,
    AvroType,
    Enum,
    Fixed,
    Map,
    Primitive,
    RecordType,
    Union,
)

from .varints import (
    UNLIMITED,
    Unreadable,
    check_end,
    check_room,
    count_at,
    int_at,
    long_at,
    refuse,
    span_at,
)

Reader: TypeAlias = Callable[[bytes, int, int, int], tuple[dict[str, Any], int]]
"""`(bytes, begin, limit, room) -> (datum, offset of the last field)`; see `reader_of`."""

__all__ = ["UNLIMITED", "Reader", "Unreadable", "read", "reader_of", "source_of"]

_BOOLEANS: Final = {0: False, 1: True}


def read(reader: Reader, data: bytes, begin: int, limit: int, room: int) -> tuple[Any, int]:
    """Returns what `reader` returns. Raises `Unreadable` for all that is wrong with the bytes."""
    try:
        return reader(data, begin, limit, room)
    except (IndexError, UnicodeDecodeError, struct.error):
        raise Unreadable("malformed") from None
    except KeyError:  # no such boolean, branch or symbol
        raise Unreadable("not_canonical") from None


def reader_of(record: RecordType) -> Reader:
    """The reader of a record type, to be called through `read`.

    `reader(b, begin, limit, room)` reads all of `b` from `begin` on. Strings and bytes end at
    `limit` or before, except a last field `content`. All arrays together have `room` items at most.
    """
    source, names = source_of(record)
    space: dict[str, Any] = {**_BUILTINS, **names}
    # exec is safe here: the source is built from our own schema files, never from a message; names
    # in it are counters, and strings of the schema enter as literals by repr().
    exec(compile(source, f"<reader of {record.name}>", "exec"), space)  # noqa: S102
    return cast(Reader, space["read"])


def source_of(record: RecordType) -> tuple[str, Mapping[str, Any]]:
    """The source text of the reader, and the constants that the text refers to."""
    writer = _Source()
    lines = ["def read(b, q, limit, room):", " end = len(b)"]
    fields = record.fields
    values = []
    for number, field in enumerate(fields):
        if number == len(fields) - 1:
            lines.append(" last = q")
            if field.name == "content":
                lines.append(" limit = end")
        value, body = writer.value(field.type, 1)
        lines += body
        values.append(f"{field.name!r}: {value}")
    if not fields:
        lines.append(" last = q")
    lines.append(" if q != end: check_end(q, end)")
    lines.append(f" return {{{', '.join(values)}}}, last")
    return "\n".join(lines) + "\n", writer.constants


_BUILTINS: Final[Mapping[str, Any]] = {
    "check_end": check_end,
    "check_room": check_room,
    "count_at": count_at,
    "int_at": int_at,
    "long_at": long_at,
    "refuse": refuse,
    "span_at": span_at,
    "BOOLEANS": _BOOLEANS,
    "float_of": struct.Struct("<f").unpack_from,
    "double_of": struct.Struct("<d").unpack_from,
}


class _Source:
    """Writes the lines that read a type at offset q, and the expression of the value read."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._count = 0

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def value(self, node: AvroType, depth: int) -> tuple[str, list[str]]:
        """The expression, then the lines, indented by `depth` blanks."""
        if isinstance(node, RecordType):
            return self._record(node, depth)
        if isinstance(node, Primitive) and node.kind == "null":
            return "None", []
        var = self._name("v")
        pad = " " * depth
        return var, [pad + line for line in self._assign(node, var)]

    def _record(self, node: RecordType, depth: int) -> tuple[str, list[str]]:
        values, lines = [], []
        for field in node.fields:
            value, body = self.value(field.type, depth)
            lines += body
            values.append(f"{field.name!r}: {value}")
        return f"{{{', '.join(values)}}}", lines

    def _assign(self, node: AvroType, var: str) -> Iterator[str]:
        if isinstance(node, Primitive):
            yield from _PRIMITIVE[node.kind](var)
        elif isinstance(node, Fixed):
            yield f"{var} = b[q:q + {node.size}]; q += {node.size}"
        elif isinstance(node, Enum):
            yield from self._enum(node, var)
        elif isinstance(node, Union):
            yield from self._union(node, var)
        elif isinstance(node, Array):
            yield from self._array(node, var)
        elif isinstance(node, Map):
            yield from self._map(node, var)

    def _enum(self, node: Enum, var: str) -> Iterator[str]:
        table = self._name("T")
        self.constants[table] = {i << 1: s for i, s in enumerate(node.symbols) if i < 64}
        if len(node.symbols) <= 64:
            yield f"{var} = {table}[b[q]]; q += 1"
            return
        self.constants[table] = dict(enumerate(node.symbols))
        yield "n, q = long_at(b, q)"
        yield f"{var} = {table}[n]"

    def _union(self, node: Union, var: str) -> Iterator[str]:
        """A union of null and one other type: lint allows no others."""
        null = next(
            i for i, b in enumerate(node.branches) if isinstance(b, Primitive) and b.kind == "null"
        )
        other = node.branches[1 - null]
        value, body = self.value(other, 1)
        yield "n = b[q]; q += 1"
        yield f"if n == {2 * null}: {var} = None"
        yield f"elif n == {2 - 2 * null}:"
        yield from body
        yield f" {var} = {value}"
        yield "else: refuse()"

    def _array(self, node: Array, var: str) -> Iterator[str]:
        value, body = self.value(node.items, 2)
        yield from self._block(f"{var} = []", body, f"{var}.append({value})")

    def _map(self, node: Map, var: str) -> Iterator[str]:
        key, value_name = self._name("v"), node.values
        value, body = self.value(value_name, 2)
        lines = ["  " + line for line in _string(key)]
        lines += [f"  if {key} in {var}: refuse()", *body]
        yield from self._block(f"{var} = {{}}", lines, f"{var}[{key}] = {value}")

    def _block(self, empty: str, body: list[str], store: str) -> Iterator[str]:
        """One block of items, then the empty block. No other form is canonical."""
        count = self._name("n")
        yield f"{count} = b[q]"
        yield f"if {count} & 129: {count}, q = count_at(b, q)"
        yield f"else: {count} >>= 1; q += 1"
        yield empty
        yield f"if {count}:"
        yield f" check_room({count}, room, end - q); room -= {count}"
        yield f" for _ in range({count}):"
        yield from body
        yield f"  {store}"
        yield " if b[q]: refuse()"
        yield " q += 1"


def _span() -> Iterator[str]:
    """p and q become begin and end of the bytes whose length stands at q. One byte: at most 63."""
    yield "n = b[q]"
    yield "if n & 129: p, q = span_at(b, q, limit)"
    yield "else: p = q + 1; q = p + (n >> 1)"


def _string(var: str) -> Iterator[str]:
    yield from _span()
    yield f"{var} = b[p:q].decode()"


def _bytes(var: str) -> Iterator[str]:
    yield from _span()
    yield f"{var} = b[p:q]"


def _number(function: str) -> Callable[[str], Iterator[str]]:
    def lines(var: str) -> Iterator[str]:
        yield "n = b[q]"
        yield f"if n & 128: {var}, q = {function}(b, q)"
        yield f"else: {var} = (n >> 1) ^ -(n & 1); q += 1"

    return lines


def _real(function: str, size: int) -> Callable[[str], Iterator[str]]:
    def lines(var: str) -> Iterator[str]:
        yield f"{var} = {function}(b, q)[0]; q += {size}"

    return lines


def _boolean(var: str) -> Iterator[str]:
    yield f"{var} = BOOLEANS[b[q]]; q += 1"


_PRIMITIVE: Final[Mapping[str, Callable[[str], Iterator[str]]]] = {
    "boolean": _boolean,
    "int": _number("int_at"),
    "long": _number("long_at"),
    "float": _real("float_of", 4),
    "double": _real("double_of", 8),
    "bytes": _bytes,
    "string": _string,
}
