"""Rules for schema files beyond those of Avro: documented, bounded, fit for the generated readers.

Memory and time of reading must be bounded by the number of bytes (decision 0004), and the readers
of `canonical` must read the same values as other programs.
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
    short,
)

VALUES_MAX: Final = 2000
LOOPS_MAX: Final = 8  # Python allows 20 nested blocks


def flaws(record: RecordType) -> Iterator[tuple[str, str]]:
    """Every breach of a rule: dotted field (empty for the whole), and the reason."""
    if "." not in record.name:
        yield "", "the record has no namespace"
    yield from _of(record, "", 0)
    if _count(record) > VALUES_MAX:
        yield "", f"it has over {VALUES_MAX} values when its types are written out"
    for field in record.fields:
        if field.name == "content":
            yield from _content(field, record.fields[-1] is field)


def least_bytes(node: AvroType) -> int:
    """The fewest bytes that a value takes."""
    if isinstance(node, Primitive):
        return {"null": 0, "float": 4, "double": 8}.get(node.kind, 1)
    if isinstance(node, Fixed):
        return node.size
    if isinstance(node, RecordType):
        return sum(least_bytes(field.type) for field in node.fields)
    return 1


def _of(node: AvroType, path: str, loops: int) -> Iterator[tuple[str, str]]:
    if isinstance(node, RecordType):
        yield from _of_record(node, path, loops)
    elif isinstance(node, Enum):
        if not node.doc:
            yield path, f"the enum {short(node.name)} has no doc"
    elif isinstance(node, Union):
        kinds = [isinstance(b, Primitive) and b.kind == "null" for b in node.branches]
        if len(kinds) != 2 or kinds.count(True) != 1:
            yield path, "a union must be of null and one other type"
        for branch in node.branches:
            yield from _of(branch, path, loops)
    elif isinstance(node, Array | Map):
        yield from _of_items(node, path, loops + 1)
    elif node.logical:
        yield path, f"logical type {node.logical}: the fingerprint would not tell it"


def _of_record(node: RecordType, path: str, loops: int) -> Iterator[tuple[str, str]]:
    if not node.doc:
        yield path, f"the record {short(node.name)} has no doc"
    for field in node.fields:
        inner = f"{path}.{field.name}" if path else field.name
        if not field.doc:
            yield inner, "the field has no doc"
        yield from _of(field.type, inner, loops)


def _of_items(node: Array | Map, path: str, loops: int) -> Iterator[tuple[str, str]]:
    items = node.items if isinstance(node, Array) else node.values
    if isinstance(node, Array) and least_bytes(items) == 0:
        yield path, "items of zero bytes: five bytes could announce any number of them"
    if isinstance(node, Map) and least_bytes(items) == 0:
        yield path, "values of zero bytes: use an array of strings"
    if loops > LOOPS_MAX:
        yield path, f"over {LOOPS_MAX} arrays or maps in each other"
    else:
        yield from _of(items, path, loops)


def _content(field: Field, is_last: bool) -> Iterator[tuple[str, str]]:
    optional_bytes = Union((Primitive("null"), Primitive("bytes")))
    if field.type != optional_bytes or not is_last:
        yield "content", "content must be the last field, a union of null and bytes"


def _count(node: AvroType) -> int:
    if isinstance(node, RecordType):
        return 1 + sum(_count(field.type) for field in node.fields)
    if isinstance(node, Union):
        return 1 + sum(map(_count, node.branches))
    if isinstance(node, Array | Map):
        return 1 + _count(node.items if isinstance(node, Array) else node.values)
    return 1
