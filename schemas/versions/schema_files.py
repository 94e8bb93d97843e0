"""Reads schema files: `<Name>.<version>.avsc`, anywhere below a folder."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any, Final

from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    parse_schema,
    to_parsing_canonical_form,
)

from .avro_types import RecordType, SchemaError, short, tree_of
from .lint import flaws

_FILE_NAME: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\.([1-9][0-9]{0,3})\.avsc")


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one schema of a record type.

    `fingerprint`: 8 bytes, CRC-64-AVRO of the Parsing Canonical Form, little-endian, as in the
    single-object encoding of Avro. `text`: content of the file. `parsed`: result of fastavro.
    """

    namespace: str
    name: str
    version: int
    fingerprint: bytes
    text: str = field(repr=False)
    parsed: Any = field(repr=False, compare=False)

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.name}.{self.version}.avsc"

    @property
    def doc(self) -> str:
        """The description in the schema; empty without one."""
        return str(self.parsed.get("doc", ""))


def files_below(folder: Traversable) -> Iterator[Traversable]:
    """Every schema file below a folder, in the order of names."""
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            yield from files_below(entry)
        elif entry.name.endswith(".avsc"):
            yield entry


def read_schema(file: Traversable) -> tuple[Schema, RecordType, list[SchemaError]]:
    """The schema, its tree, and the breaches of lint rules.

    Raises `SchemaError` when the file is no schema of a record type of that name.
    """
    match = _FILE_NAME.fullmatch(file.name)
    if match is None:
        raise SchemaError(file.name, "", "a schema file is named <Record>.<version>.avsc")
    text, raw, parsed = _parse(file)
    tree = tree_of(raw, file.name)
    if not isinstance(tree, RecordType):
        raise SchemaError(file.name, "", "it is not a record")
    if short(tree.name) != match[1]:
        raise SchemaError(file.name, "", f"it defines {short(tree.name)}, which is not its name")
    crc = bytes.fromhex(fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO"))
    namespace = tree.name.rpartition(".")[0]
    schema = Schema(namespace, match[1], int(match[2]), crc, text, parsed)
    return schema, tree, [SchemaError(file.name, *flaw) for flaw in flaws(tree)]


def _parse(file: Traversable) -> tuple[str, Any, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        raw = json.loads(text)
        return text, raw, parse_schema(raw)
    except RecursionError:
        raise SchemaError(file.name, "", "types are nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SchemaError(file.name, "", f"it is not JSON: {error}") from error
    except (SchemaParseException, UnknownType) as error:
        raise SchemaError(file.name, "", f"it is not valid Avro: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:  # what fastavro lets through
        raise SchemaError(file.name, "", f"it is not valid Avro: {error!r}") from error
