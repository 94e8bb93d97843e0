"""The rules of schema resolution as a check: does one schema read what another one wrote?

Source of the rules: Avro specification, Schema Resolution. The checker of Apache's library is the
oracle of the tests.
"""

from collections.abc import Iterator
from typing import Final

from .avro_types import (
    Array,
    AvroType,
    Enum,
    Field,
    Fixed,
    Map,
    Primitive,
    RecordType,
    Union,
    kind_of,
    short,
)

_PROMOTIONS: Final = frozenset(
    {
        ("int", "long"),
        ("int", "float"),
        ("int", "double"),
        ("long", "float"),
        ("long", "double"),
        ("float", "double"),
        ("string", "bytes"),
        ("bytes", "string"),
    }
)


def incompatibilities(
    reader: AvroType, writer: AvroType, path: str = ""
) -> Iterator[tuple[str, str]]:
    """The reasons why `reader` cannot read all that `writer` may write: dotted field, reason.

    Nothing is yielded when it can.
    """
    if isinstance(writer, Union):
        for branch in writer.branches:
            yield from incompatibilities(reader, branch, path)
    elif isinstance(reader, Union):
        if not any(_reads(branch, writer) for branch in reader.branches):
            yield path, f"no branch of the newer union reads {_named(writer)}"
    elif isinstance(reader, Primitive) and isinstance(writer, Primitive):
        if reader.kind != writer.kind and (writer.kind, reader.kind) not in _PROMOTIONS:
            yield path, f"{writer.kind} cannot be read as {reader.kind}"
    elif isinstance(reader, Array) and isinstance(writer, Array):
        yield from incompatibilities(reader.items, writer.items, path)
    elif isinstance(reader, Map) and isinstance(writer, Map):
        yield from incompatibilities(reader.values, writer.values, path)
    elif isinstance(reader, RecordType) and isinstance(writer, RecordType):
        yield from _names(reader, writer, path)
        yield from _fields(reader, writer, path)
    elif isinstance(reader, Enum) and isinstance(writer, Enum):
        yield from _names(reader, writer, path)
        yield from _symbols(reader, writer, path)
    elif isinstance(reader, Fixed) and isinstance(writer, Fixed):
        yield from _names(reader, writer, path)
        if reader.size != writer.size:
            yield path, f"its size was {writer.size} and is {reader.size}"
    else:
        yield path, f"{_named(writer)} cannot be read as {_named(reader)}"


def _reads(reader: AvroType, writer: AvroType) -> bool:
    return next(incompatibilities(reader, writer), None) is None


def _named(node: AvroType) -> str:
    if isinstance(node, RecordType | Enum | Fixed):
        return f"{kind_of(node)} {short(node.name)}"
    return kind_of(node)


def _names(
    reader: RecordType | Enum | Fixed, writer: RecordType | Enum | Fixed, path: str
) -> Iterator[tuple[str, str]]:
    if short(reader.name) != short(writer.name) and writer.name not in reader.aliases:
        yield path, f"it was named {short(writer.name)} and is {short(reader.name)}, without alias"


def _symbols(reader: Enum, writer: Enum, path: str) -> Iterator[tuple[str, str]]:
    lost = sorted(set(writer.symbols) - set(reader.symbols))
    if lost and reader.default not in reader.symbols:
        yield path, f"the enum {short(reader.name)} lost {', '.join(lost)} and has no default"


def _fields(reader: RecordType, writer: RecordType, path: str) -> Iterator[tuple[str, str]]:
    written = {field.name: field for field in writer.fields}
    for field in reader.fields:
        inner = f"{path}.{field.name}" if path else field.name
        source = _source(field, written)
        if source is not None:
            yield from incompatibilities(field.type, source.type, inner)
        elif not field.has_default:
            yield inner, "it is not in the older version and has no default"


def _source(field: Field, written: dict[str, Field]) -> Field | None:
    return next((written[n] for n in (field.name, *field.aliases) if n in written), None)
