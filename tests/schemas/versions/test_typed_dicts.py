"""The TypedDicts of Python and the schema files say the same, field by field."""

from types import NoneType
from typing import Any, Literal, get_type_hints, is_typeddict

import pytest

from schemas import events
from schemas.feed import access_messages, messages, outcomes
from schemas.feed import registry as registry_shapes
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

_PYTHON = {
    "string": str,
    "bytes": bytes,
    "int": int,
    "long": int,
    "boolean": bool,
    "null": NoneType,
}
SHAPES = {
    name: shape
    for module in (messages, access_messages, events, outcomes, registry_shapes)
    for name, shape in vars(module).items()
    if is_typeddict(shape)
}


def records(node: AvroType) -> list[RecordType]:
    """The record and every record in it."""
    if isinstance(node, RecordType):
        return [node, *(r for field in node.fields for r in records(field.type))]
    if isinstance(node, Union):
        return [r for branch in node.branches for r in records(branch)]
    return records(node.items) if isinstance(node, Array) else []


def python_of(node: AvroType) -> Any:
    if isinstance(node, Primitive):
        return _PYTHON[node.kind]
    if isinstance(node, Fixed):
        return bytes
    if isinstance(node, Enum):
        return Literal[node.symbols]
    if isinstance(node, Array):
        return list[python_of(node.items)]  # type: ignore[misc]
    if isinstance(node, Union):
        first, second = map(python_of, node.branches)
        return first | second
    assert isinstance(node, RecordType)
    return SHAPES[short(node.name)]


NEWEST = [s for s in schema_catalogue().all() if schema_catalogue().newest(s.name) is s]
RECORDS = [record for schema in NEWEST for record in records(schema_catalogue().tree(schema))]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_shape_is_that_of_the_schema(record: RecordType) -> None:
    hints = get_type_hints(SHAPES[short(record.name)])
    assert hints == {field.name: python_of(field.type) for field in record.fields}
    assert list(hints) == [field.name for field in record.fields]


def test_no_shape_is_without_schema() -> None:
    assert set(SHAPES) == {short(record.name) for record in RECORDS}
