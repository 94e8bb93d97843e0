"""The catalogue of schemas: every version ever used, found by its fingerprint.

A folder of schemas is loaded only when each of them can be read safely, now and in every later
version (decision 0003).
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Self

from .avro_types import RecordType, SchemaError
from .evolution import read_folder
from .schema_files import Schema
from .upcasters import RESOLVED_AS_IS, UPCASTERS, Step, Upcaster

__all__ = ["Schema", "SchemaCatalogue", "SchemaError", "schema_catalogue"]


class SchemaCatalogue:
    """The schemas of one folder, checked. Made by `load`."""

    def __init__(
        self, schemas: Mapping[Step, tuple[Schema, RecordType]], upcasters: Mapping[Step, Upcaster]
    ) -> None:
        self._schemas = schemas
        self.upcasters = upcasters
        self.by_fingerprint: Mapping[bytes, Schema] = MappingProxyType(
            {schema.fingerprint: schema for schema, _ in schemas.values()}
        )
        newest: dict[str, Schema] = {}
        for schema, _ in schemas.values():
            if schema.name not in newest or newest[schema.name].version < schema.version:
                newest[schema.name] = schema
        self._newest = newest

    @classmethod
    def load(
        cls,
        folder: Traversable,
        upcasters: Mapping[Step, Upcaster] = UPCASTERS,
        resolved_as_is: frozenset[Step] = RESOLVED_AS_IS,
    ) -> Self:
        """The catalogue of `folder`.

        Raises `SchemaError` for the first problem that `check_folder` would report, and for a step
        between versions that is missing in, or superfluous for, `upcasters` and `resolved_as_is`.
        """
        content = read_folder(folder)
        for problem in content.problems:
            raise SchemaError(problem.file, problem.field, problem.reason)
        if not content.schemas:
            raise SchemaError(folder.name, "", "there is no schema in this folder")
        schemas = {(schema.name, schema.version): (schema, t) for schema, t in content.schemas}
        _check_steps(schemas, frozenset(upcasters), resolved_as_is)
        return cls(schemas, upcasters)

    def newest(self, name: str) -> Schema:
        """The newest version of the schema with this short name. Raises KeyError if none."""
        return self._newest[name]

    def get(self, name: str, version: int) -> Schema:
        """One version of a schema. Raises KeyError if there is none."""
        return self._schemas[name, version][0]

    def tree(self, schema: Schema) -> RecordType:
        """The types of a schema of this catalogue."""
        return self._schemas[schema.name, schema.version][1]

    def all(self) -> tuple[Schema, ...]:
        """Every schema, by name and version."""
        return tuple(self._schemas[step][0] for step in sorted(self._schemas))


@cache
def schema_catalogue() -> SchemaCatalogue:
    """The catalogue of this application, loaded once from the data of the package."""
    return SchemaCatalogue.load(files("schemas.avro"))


def _check_steps(
    schemas: Mapping[Step, tuple[Schema, RecordType]],
    upcasters: frozenset[Step],
    resolved_as_is: frozenset[Step],
) -> None:
    for name, version in sorted(schemas):
        step = (name, version)
        mentions = (step in upcasters) + (step in resolved_as_is)
        has_next = (name, version + 1) in schemas
        file = schemas[step][0].file
        if has_next and mentions == 0:
            raise SchemaError(
                file,
                "",
                f"schemas/versions/upcasters.py does not say how version {version + 1} reads it",
            )
        if mentions > has_next:
            raise SchemaError(
                file, "", "schemas/versions/upcasters.py has an entry too many for it"
            )
    for name, version in sorted(upcasters | resolved_as_is):
        if (name, version) not in schemas:
            file = f"{name}.{version}.avsc"
            raise SchemaError(
                file, "", "schemas/versions/upcasters.py names it but it is not there"
            )
