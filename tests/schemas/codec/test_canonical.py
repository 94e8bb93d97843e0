"""The generated readers accept exactly what fastavro reads and writes again byte for byte."""

import math
import struct
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from schemas.codec.canonical import UNLIMITED, Unreadable, read, reader_of
from schemas.codec.encoding import flaw_of
from schemas.versions.avro_types import RecordType, tree_of
from schemas.versions.catalogue import schema_catalogue
from tests.schemas.versions.avro_strategies import bounded_schemas, damaged, datums

_REFUSALS = (EOFError, IndexError, OverflowError, UnicodeDecodeError, ValueError, struct.error)
SLOW_TO_DRAW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def written(schema: Any, datum: Any) -> bytes:
    out = BytesIO()
    schemaless_writer(out, schema, datum)
    return out.getvalue()


def read_here(tree: RecordType, data: bytes) -> Any:
    """The datum, or the code of the refusal."""
    try:
        return read(reader_of(tree), data, 0, UNLIMITED, UNLIMITED)[0]
    except Unreadable as error:
        return error.code


def read_by_fastavro(schema: Any, tree: RecordType, data: bytes) -> Any:
    """The datum if it can be read, is valid, and is written as the same bytes; else None."""
    try:
        datum = schemaless_reader(BytesIO(data), schema, None)
        same = written(schema, datum) == data
    except _REFUSALS:
        return None
    return datum if same and flaw_of(tree, datum) is None else None


def has_nan(value: Any) -> bool:
    """A NaN of 32 bits is not written again as it was read."""
    if isinstance(value, float):
        return math.isnan(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_nan, inner))


@SLOW_TO_DRAW
@given(st.data(), bounded_schemas())
def test_any_schema_any_bytes(data: st.DataObject, raw: dict[str, Any]) -> None:
    tree = tree_of(raw, "test")
    assert isinstance(tree, RecordType)
    schema = parse_schema(raw)
    datum = data.draw(datums(tree))
    message = written(schema, datum)
    assert read_here(tree, message) == datum
    bytes_ = data.draw(damaged(message))
    ours, theirs = read_here(tree, bytes_), read_by_fastavro(schema, tree, bytes_)
    note(f"{bytes_.hex()} here: {ours!r}, fastavro: {theirs!r}")
    if not has_nan(ours):
        assert (ours if isinstance(ours, dict) else None) == theirs


@pytest.mark.parametrize("schema", schema_catalogue().all(), ids=lambda s: s.file)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_own_schemas_any_bytes(schema: Any, data: st.DataObject) -> None:
    tree = schema_catalogue().tree(schema)
    message = written(schema.parsed, data.draw(datums(tree)))
    bytes_ = data.draw(damaged(message))
    ours = read_here(tree, bytes_)
    theirs = read_by_fastavro(schema.parsed, tree, bytes_)
    assert (ours if isinstance(ours, dict) else None) == theirs


def optional_string() -> RecordType:
    node = ["null", "string"]
    fields = [{"name": "a", "type": node}, {"name": "b", "type": "boolean"}]
    tree = tree_of({"type": "record", "name": "R", "fields": fields}, "test")
    assert isinstance(tree, RecordType)
    return tree


@pytest.mark.parametrize(
    ("hexadecimal", "code"),
    [
        ("", "malformed"),
        ("02", "malformed"),
        ("0204616201", None),
        ("020861620001", "malformed"),  # the string passes the end
        ("02046162", "malformed"),  # b is missing
        ("020461620100", "not_canonical"),  # a byte after the end
        ("0204616202", "not_canonical"),  # a boolean of 2
        ("0204c32801", "malformed"),  # not UTF-8
        ("028400616201", "not_canonical"),  # length in two bytes instead of one
        ("0203616201", "malformed"),  # negative length
        ("01046162 01", "not_canonical"),  # branch -1
        ("04046162 01", "not_canonical"),  # branch 2
        ("820004616201", "not_canonical"),  # branch in two bytes
        ("02ffffffffffffffffffff01", "malformed"),  # a number without end
        ("0280808080808080808002", "malformed"),  # over 64 bits
    ],
)
def test_refusals_have_their_reason(hexadecimal: str, code: str | None) -> None:
    found = read_here(optional_string(), bytes.fromhex(hexadecimal))
    assert found == ({"a": "ab", "b": True} if code is None else code)


def of_type(kind: Any) -> RecordType:
    tree = tree_of({"type": "record", "name": "R", "fields": [{"name": "a", "type": kind}]}, "test")
    assert isinstance(tree, RecordType)
    return tree


@pytest.mark.parametrize(
    ("kind", "hexadecimal", "expected"),
    [
        ("long", "feffffffffffffffff01", {"a": (1 << 63) - 1}),
        ("long", "ffffffffffffffffff01", {"a": -(1 << 63)}),
        ("long", "80808080808080808002", "malformed"),  # 65 bits
        ("long", "ffffffffffffffffff0300", "malformed"),
        ("long", "8000", "not_canonical"),
        ("int", "feffffff0f", {"a": (1 << 31) - 1}),
        ("int", "ffffffff0f", {"a": -(1 << 31)}),
        ("int", "8080808010", "malformed"),  # 33 bits
        ("int", "8180808010", "malformed"),
        ({"type": "map", "values": "int"}, "040261020262 0400", {"a": {"a": 1, "b": 2}}),
        ({"type": "map", "values": "int"}, "040261020261 0400", "not_canonical"),  # a key twice
        ({"type": "map", "values": "int"}, "026102 02", "malformed"),
        ({"type": "array", "items": "int"}, "0402040200020400", "not_canonical"),  # two blocks
    ],
)
def test_numbers_maps_and_blocks_at_their_bounds(
    kind: Any, hexadecimal: str, expected: dict[str, Any] | str
) -> None:
    assert read_here(of_type(kind), bytes.fromhex(hexadecimal)) == expected
