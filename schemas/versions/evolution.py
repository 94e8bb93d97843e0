"""The gate for schemas: every newer version reads what an older one wrote.

`histoire schemas check` and the catalogue at its loading pass through this gate.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from itertools import combinations

from .avro_types import RecordType, SchemaError
from .compatibility import incompatibilities
from .schema_files import Schema, files_below, read_schema


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why a folder of schemas is not fit. `field`: dotted, empty for the whole file."""

    file: str
    field: str
    reason: str

    @property
    def sentence(self) -> str:
        """File, field and reason in one sentence."""
        return (
            f"{self.file}, field {self.field}: {self.reason}."
            if self.field
            else (f"{self.file}: {self.reason}.")
        )


@dataclass(frozen=True, slots=True)
class FolderContent:
    """The schemas of a folder with their trees, in the order of files, and the problems found."""

    schemas: tuple[tuple[Schema, RecordType], ...]
    problems: tuple[Incompatibility, ...]


def check_folder(path: Traversable) -> list[Incompatibility]:
    """All problems of the schemas below `path`; empty when they are fit for use.

    Each schema must be well formed, keep the rules of `lint` and have a fingerprint of its own;
    every newer version must read what it wrote.
    """
    return list(read_folder(path).problems)


def read_folder(path: Traversable) -> FolderContent:
    """The schemas below `path` that can be read, and all problems found."""
    found: list[tuple[Schema, RecordType]] = []
    problems: list[Incompatibility] = []
    for file in files_below(path):
        try:
            schema, tree, broken = read_schema(file)
        except SchemaError as error:
            broken = [error]
        else:
            found.append((schema, tree))
        problems += [Incompatibility(e.file, e.field, e.reason) for e in broken]
    problems += _fingerprints(found)
    for versions in _by_name(found).values():
        problems += _versions(versions)
    return FolderContent(tuple(found), tuple(problems))


def _by_name(found: list[tuple[Schema, RecordType]]) -> dict[str, list[tuple[Schema, RecordType]]]:
    """The versions of each short name, in order."""
    groups: defaultdict[str, list[tuple[Schema, RecordType]]] = defaultdict(list)
    for schema, tree in sorted(found, key=lambda pair: (pair[0].name, pair[0].version)):
        groups[schema.name].append((schema, tree))
    return groups


def _fingerprints(found: list[tuple[Schema, RecordType]]) -> Iterator[Incompatibility]:
    """Two schemas that differ by defaults, docs and aliases only have one fingerprint."""
    first: dict[bytes, Schema] = {}
    for schema, _ in found:
        other = first.setdefault(schema.fingerprint, schema)
        if other is not schema:
            reason = f"it has the fingerprint of {other.file}: readers could not tell them apart"
            yield Incompatibility(schema.file, "", reason)


def _versions(versions: list[tuple[Schema, RecordType]]) -> Iterator[Incompatibility]:
    for number, (schema, _) in enumerate(versions, 1):
        if schema.version != number:
            reason = f"version {number} is missing: every version ever used stays in the folder"
            if schema.version < number:
                reason = f"there is another file of version {schema.version}"
            yield Incompatibility(schema.file, "", reason)
            return
        if schema.namespace != versions[0][0].namespace:
            reason = f"its namespace was {versions[0][0].namespace}"
            yield Incompatibility(schema.file, "", reason)
    for (old, old_tree), (new, new_tree) in combinations(versions, 2):
        for field, reason in incompatibilities(new_tree, old_tree):
            sentence = f"what version {old.version} wrote cannot be read: {reason}"
            yield Incompatibility(new.file, field, sentence)
