"""Hypothesis strategies: schemas that keep the rules of lint, datums of a schema, damaged bytes."""

import itertools
from typing import Any

from hypothesis import strategies as st

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

_DATUMS: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=100),
    "string": st.text(st.characters(codec="utf-8"), max_size=80),
}


def datums(node: AvroType) -> st.SearchStrategy[Any]:
    """Values of a type."""
    if isinstance(node, Primitive):
        return _DATUMS[node.kind]
    if isinstance(node, Fixed):
        return st.binary(min_size=node.size, max_size=node.size)
    if isinstance(node, Enum):
        return st.sampled_from(node.symbols)
    if isinstance(node, Union):
        return st.one_of([datums(branch) for branch in node.branches])
    if isinstance(node, Array):
        return st.lists(datums(node.items), max_size=3)
    if isinstance(node, Map):
        return st.dictionaries(_DATUMS["string"], datums(node.values), max_size=3)
    assert isinstance(node, RecordType)
    return st.fixed_dictionaries({field.name: datums(field.type) for field in node.fields})


@st.composite
def bounded_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A record, as JSON, of any types the rules of lint allow."""
    numbers = itertools.count()

    def named(kind: str, **rest: Any) -> dict[str, Any]:
        return {"type": kind, "name": f"T{next(numbers)}", "doc": "x", **rest}

    def record(depth: int, least: int) -> dict[str, Any]:
        count = draw(st.integers(least, 4))
        fields = [
            {"name": f"f{next(numbers)}", "doc": "x", "type": node(depth + 1)} for _ in range(count)
        ]
        return named("record", fields=fields)

    def node(depth: int) -> Any:
        kinds = ["primitive", "fixed", "enum"]
        if depth < 4:
            kinds += ["optional", "array", "map", "record"]
        kind = draw(st.sampled_from(kinds))
        if kind == "primitive":
            return draw(st.sampled_from(sorted(set(_DATUMS) - {"null"})))
        if kind == "fixed":
            return named("fixed", size=draw(st.integers(1, 20)))
        if kind == "enum":
            symbols = [f"S{i}" for i in range(draw(st.sampled_from([1, 2, 5, 64, 65, 200])))]
            return named("enum", symbols=symbols)
        if kind == "optional":
            return [node(4), "null"] if draw(st.booleans()) else ["null", node(4)]
        if kind == "array":
            return {"type": "array", "items": node(depth + 1)}
        if kind == "map":
            return {"type": "map", "values": node(depth + 1)}
        return record(depth, 1)

    return {**record(0, 0), "namespace": "test.bounded"}


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with up to three changes: flipped, put in, taken out, cut off, lengthened."""
    out = bytearray(data)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(out)))
        how = draw(st.sampled_from(["replace", "insert", "delete", "cut", "longer"]))
        new = draw(st.sampled_from([0, 1, 2, 3, 127, 128, 129, 254, 255]) | st.integers(0, 255))
        if how == "replace" and at < len(out):
            out[at] = new
        elif how == "insert":
            out.insert(at, new)
        elif how == "delete":
            del out[at : at + 1]
        elif how == "cut":
            del out[at:]
        elif how == "longer" and at < len(out):
            # the same number, but written with a byte too many
            out[at : at + 1] = bytes([out[at] | 128, 0])
    return bytes(out)
