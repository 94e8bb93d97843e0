"""The schema gate: is everything ever written readable by every newer version?

Used by `histoire schemas check` and by the registry when it loads.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from itertools import combinations

from schemas.codec.avro_types import RecordType, SchemaError

from .compatibility import incompatibilities
from .schema_files import Schema, files_below, read_schema


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why a folder of schemas is not fit; `field` is dotted, empty for the whole."""

    file: str
    field: str
    reason: str

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        return (
            f"{self.file}, field {self.field}: {self.reason}."
            if self.field
            else (f"{self.file}: {self.reason}.")
        )


@dataclass(frozen=True, slots=True)
class FolderContent:
    """What a folder holds: schemas with their trees, by file, and what is wrong with them."""

    schemas: tuple[tuple[Schema, RecordType], ...]
    problems: tuple[Incompatibility, ...]


def check_folder(path: Traversable) -> list[Incompatibility]:
    """Everything that is wrong with the schemas below `path`; empty when they are fit for use.

    Each one must be well formed, keep the rules of `lint`, have a fingerprint of its own and be
    readable by every newer version of it.
    """
    return list(read_folder(path).problems)


def read_folder(path: Traversable) -> FolderContent:
    """The schemas below `path` that can be read, and every problem found."""
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
    """Versions in order, by short name."""
    groups: defaultdict[str, list[tuple[Schema, RecordType]]] = defaultdict(list)
    for schema, tree in sorted(found, key=lambda pair: (pair[0].name, pair[0].version)):
        groups[schema.name].append((schema, tree))
    return groups


def _fingerprints(found: list[tuple[Schema, RecordType]]) -> Iterator[Incompatibility]:
    """Defaults, docs and aliases are not in the canonical form, so two files may share one."""
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
