"""Writes a datum with its schema, and names the field of a datum that cannot be written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, TypeAlias

from fastavro import schemaless_writer

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
from schemas.versions.schema_files import Schema

Check: TypeAlias = Callable[[Any], bool]

_INTEGERS: Final = {"int": 1 << 31, "long": 1 << 63}
_PYTHON_TYPES: Final[Mapping[str, type]] = {"boolean": bool, "bytes": bytes, "string": str}
_WRITE_ERRORS: Final = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,  # UnicodeEncodeError too
)


class EncodeError(ValueError):
    """A datum has not the shape of its schema. Names the schema and the field, never a value."""

    def __init__(self, name: str, field: str) -> None:
        place = f"field {field}" if field else "it"
        super().__init__(f"{name}: {place} is missing, unknown or not of the type of the schema")
        self.name = name
        self.field = field


@dataclass(frozen=True, slots=True)
class Writer:
    """Encodes with one schema. Made by `writer_of`."""

    schema: Schema
    tree: RecordType
    ints: Check | None

    def encode(self, datum: Mapping[str, Any], head: bytes = b"") -> bytes:
        """Returns `head`, then the datum in Avro binary. Raises `EncodeError`."""
        out = BytesIO()
        out.write(head)
        try:
            schemaless_writer(out, self.schema.parsed, datum, strict=True)
            fits = self.ints is None or self.ints(datum)
        except _WRITE_ERRORS:
            fits = False
        if not fits:  # not chained: messages of fastavro quote the value
            raise EncodeError(self.schema.name, flaw_of(self.tree, datum) or "")
        return out.getvalue()


def writer_of(schema: Schema, tree: RecordType) -> Writer:
    """The writer of a schema and its tree."""
    return Writer(schema, tree, _ints(tree))


def _ints(node: AvroType) -> Check | None:
    """A check that numbers of type int are within 32 bits, which fastavro does not make.

    None when the type holds no such number.
    """
    if isinstance(node, Primitive):
        return (lambda v: -0x80000000 <= v <= 0x7FFFFFFF) if node.kind == "int" else None
    if isinstance(node, RecordType):
        found = [(field.name, _ints(field.type)) for field in node.fields]
        checks = [(name, check) for name, check in found if check is not None]
        return (lambda v: all(check(v[name]) for name, check in checks)) if checks else None
    if isinstance(node, Union):
        inner = next((c for c in map(_ints, node.branches) if c is not None), None)
        return inner and (lambda v: v is None or inner(v))
    if isinstance(node, Array):
        item = _ints(node.items)
        return item and (lambda v: all(map(item, v)))
    if isinstance(node, Map):
        value = _ints(node.values)
        return value and (lambda v: all(map(value, v.values())))
    return None


def flaw_of(node: AvroType, value: Any, path: str = "") -> str | None:
    """The dotted field whose value is not of its type: "" for the whole, None when all fit."""
    if isinstance(node, RecordType):
        return _flaw_of_record(node, value, path)
    if isinstance(node, Union):
        if any(flaw_of(branch, value, path) is None for branch in node.branches):
            return None
        return next(
            (f for b in node.branches if (f := flaw_of(b, value, path)) not in (None, path)), path
        )
    if isinstance(node, Array):
        items = value if isinstance(value, list | tuple) else None
        return path if items is None else _first(node.items, items, path)
    if isinstance(node, Map):
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            return path
        return _first(node.values, value.values(), path)
    return None if _is_of(node, value) else path


def _flaw_of_record(node: RecordType, value: Any, path: str) -> str | None:
    if not isinstance(value, Mapping):
        return path
    for field in node.fields:
        inner = f"{path}.{field.name}" if path else field.name
        if field.name not in value:
            return inner
        flaw = flaw_of(field.type, value[field.name], inner)
        if flaw is not None:
            return flaw
    return path if len(value) != len(node.fields) else None


def _first(node: AvroType, values: Any, path: str) -> str | None:
    return next((f for v in values if (f := flaw_of(node, v, path)) is not None), None)


def _is_of(node: Primitive | Fixed | Enum, value: Any) -> bool:
    if isinstance(node, Fixed):
        return isinstance(value, bytes) and len(value) == node.size
    if isinstance(node, Enum):
        return value in node.symbols
    if node.kind == "null":
        return value is None
    if node.kind in _INTEGERS:
        bound = _INTEGERS[node.kind]
        return isinstance(value, int) and -bound <= value < bound
    if node.kind == "string":
        return isinstance(value, str) and _is_text(value)
    return isinstance(value, _PYTHON_TYPES.get(node.kind, (int, float)))


def _is_text(value: str) -> bool:
    """False for half a surrogate pair, which has no form in UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
