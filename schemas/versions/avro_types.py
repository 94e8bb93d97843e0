"""The types of a schema file as a tree, with every name resolved.

Lint, compatibility and the generated readers walk this tree. The tree is finite: a type that
contains itself is refused, since its messages could be nested without end (decision 0004: depth
5,000 kills the process).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

NESTING_MAX: Final = 32
PRIMITIVES: Final = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
)


class SchemaError(Exception):
    """A schema is not fit for use. `field`: dotted, empty for the whole file."""

    def __init__(self, file: str, field: str, reason: str) -> None:
        place = f"{file}, field {field}" if field else file
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Primitive:
    """One of the eight primitive types."""

    kind: str
    logical: str | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """`size` bytes."""

    name: str
    size: int
    aliases: frozenset[str] = frozenset()
    logical: str | None = None


@dataclass(frozen=True, slots=True)
class Enum:
    """One of `symbols`, written as its index. An unknown symbol is read as `default`, if any."""

    name: str
    symbols: tuple[str, ...]
    default: str | None = None
    aliases: frozenset[str] = frozenset()
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record type. `aliases`: earlier names, from which it is read too."""

    name: str
    type: "AvroType"
    doc: str = ""
    has_default: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record in the sense of Avro: fields in order."""

    name: str
    fields: tuple[Field, ...]
    aliases: frozenset[str] = frozenset()
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of `items`."""

    items: "AvroType"


@dataclass(frozen=True, slots=True)
class Map:
    """Any number of `values` under string keys."""

    values: "AvroType"


@dataclass(frozen=True, slots=True)
class Union:
    """One of `branches`, written as the index of the branch, then the value."""

    branches: tuple["AvroType", ...]


AvroType: TypeAlias = Primitive | Fixed | Enum | RecordType | Array | Map | Union


def short(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition(".")[2]


def kind_of(node: AvroType) -> str:
    """The Avro word for the kind of type: `string`, `record`, `union`..."""
    if isinstance(node, Primitive):
        return node.kind
    return "record" if isinstance(node, RecordType) else type(node).__name__.lower()


def tree_of(text: Mapping[str, Any], file: str) -> AvroType:
    """The tree of a schema. `text`: parsed JSON that fastavro accepts as a schema.

    Raises `SchemaError` when a type contains itself or types are nested over `NESTING_MAX` deep.
    """
    return _Builder(file).build(text, "", "", 0)


class _Builder:
    def __init__(self, file: str) -> None:
        self._file = file
        self._named: dict[str, AvroType] = {}
        self._open: set[str] = set()

    def build(self, raw: Any, namespace: str, path: str, depth: int) -> AvroType:
        if depth > NESTING_MAX:
            raise SchemaError(self._file, path, f"types are nested over {NESTING_MAX} deep")
        if isinstance(raw, list):
            return Union(tuple(self.build(b, namespace, path, depth + 1) for b in raw))
        if isinstance(raw, str):
            return Primitive(raw) if raw in PRIMITIVES else self._reference(raw, namespace, path)
        kind = raw["type"]
        if kind == "array":
            return Array(self.build(raw["items"], namespace, path, depth + 1))
        if kind == "map":
            return Map(self.build(raw["values"], namespace, path, depth + 1))
        if kind in ("record", "error", "enum", "fixed"):
            return self._define(raw, namespace, path, depth)
        if isinstance(kind, str) and kind in PRIMITIVES:
            return Primitive(kind, raw.get("logicalType"))
        return self.build(kind, namespace, path, depth)

    def _reference(self, name: str, namespace: str, path: str) -> AvroType:
        full = _full(name, namespace)
        if full in self._open:
            raise SchemaError(self._file, path, f"{short(full)} contains itself")
        if full not in self._named:
            raise SchemaError(self._file, path, f"the type {full} is not defined before it is used")
        return self._named[full]

    def _define(self, raw: Mapping[str, Any], namespace: str, path: str, depth: int) -> AvroType:
        full = _full(raw["name"], raw.get("namespace", namespace))
        inner = full.rpartition(".")[0]
        aliases = frozenset(_full(alias, inner) for alias in raw.get("aliases", ()))
        node: AvroType
        if raw["type"] == "fixed":
            node = Fixed(full, raw["size"], aliases, raw.get("logicalType"))
        elif raw["type"] == "enum":
            doc = raw.get("doc", "")
            node = Enum(full, tuple(raw["symbols"]), raw.get("default"), aliases, doc)
        else:
            self._open.add(full)
            fields = tuple(self._field(f, inner, path, depth + 1) for f in raw["fields"])
            self._open.discard(full)
            node = RecordType(full, fields, aliases, raw.get("doc", ""))
        self._named[full] = node
        return node

    def _field(self, raw: Mapping[str, Any], namespace: str, path: str, depth: int) -> Field:
        name = raw["name"]
        inner = self.build(raw["type"], namespace, f"{path}.{name}" if path else name, depth)
        aliases = tuple(raw.get("aliases", ()))
        return Field(name, inner, raw.get("doc", ""), "default" in raw, aliases)


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
