"""The folder of schemas as registry: what it refuses, and old versions read as the newest."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.codec.messages import Codec, Decoded
from schemas.events import SCHEMA_OF
from schemas.feed.messages import TOPIC_OF
from schemas.versions.catalogue import SchemaCatalogue, SchemaError, schema_catalogue
from schemas.versions.upcasters import Step, Upcaster

A = {"name": "a", "doc": "x", "type": "string"}
B = {"name": "b", "doc": "x", "type": "int", "default": 7}
B_LONG = {**B, "type": "long"}
C = {"name": "c", "doc": "x", "type": ["null", "string"], "default": None}
D = {"name": "d", "doc": "x", "type": "boolean", "default": False}
VERSIONS = ([A], [A, B], [A, B_LONG, C], [A, B_LONG, C, D])


def folder(path: Path, count: int) -> Path:
    """A folder with `count` versions of Thing."""
    for number, fields in enumerate(VERSIONS[:count], 1):
        schema = {"type": "record", "name": "Thing", "namespace": "n", "doc": "x", "fields": fields}
        (path / f"Thing.{number}.avsc").write_text(json.dumps(schema))
    return path


def fill_c(datum: dict[str, Any]) -> dict[str, Any]:
    return {**datum, "c": f"{datum['a']} {datum['b']}"}


def as_is(*versions: int) -> frozenset[Step]:
    return frozenset(("Thing", version) for version in versions)


def test_package_schemas_load_and_are_found() -> None:
    schemas = schema_catalogue()
    assert schema_catalogue() is schemas
    for schema in schemas.all():
        canonical = to_parsing_canonical_form(schema.parsed)
        assert schema.fingerprint.hex() == fingerprint(canonical, "CRC-64-AVRO")
        assert schemas.by_fingerprint[schema.fingerprint] is schema
        assert schemas.get(schema.name, schema.version) is schema
        assert schemas.newest(schema.name).version >= schema.version
        assert json.loads(schema.text)["name"] == schema.name
    names = {schema.name for schema in schemas.all()}
    assert set(TOPIC_OF) | set(SCHEMA_OF.values()) <= names
    with pytest.raises(KeyError):
        schemas.newest("Nothing")


@pytest.mark.parametrize(
    ("upcasters", "plain", "expected"),
    [
        ({}, (1, 2, 3), [("x", 7, None), ("x", 1, None)]),
        ({("Thing", 2): fill_c}, (1, 3), [("x", 7, "x 7"), ("x", 1, "x 1")]),
        ({("Thing", 1): lambda d: {**d, "b": 3}}, (2, 3), [("x", 3, None), ("x", 1, None)]),
        (
            {("Thing", 1): lambda d: {**d, "b": 3}, ("Thing", 2): fill_c},
            (3,),
            [("x", 3, "x 3"), ("x", 1, "x 1")],
        ),
    ],
    ids=["resolution", "upcaster in the middle", "upcaster first", "two upcasters"],
)
def test_old_versions_are_read_as_the_newest(
    tmp_path: Path,
    upcasters: dict[Step, Upcaster],
    plain: tuple[int, ...],
    expected: list[tuple[str, int, str | None]],
) -> None:
    newest = Codec(SchemaCatalogue.load(folder(tmp_path, 4), upcasters, as_is(*plain)))
    for version, (a, b, c) in enumerate(expected, 1):
        old_folder = tmp_path / f"old{version}"
        old_folder.mkdir()
        old = Codec(
            SchemaCatalogue.load(folder(old_folder, version), {}, as_is(*range(1, version)))
        )
        message = old.encode("Thing", {"a": "x", "b": 1} if version > 1 else {"a": "x"})
        found = newest.decode(message)
        assert isinstance(found, Decoded)
        assert found.datum == {"a": a, "b": b, "c": c, "d": False}
        assert (found.schema.version, found.body_end) == (version, len(message))
        assert newest.decode_event("Thing", message) == found.datum


def test_every_step_between_versions_must_be_accounted_for(tmp_path: Path) -> None:
    folder(tmp_path, 3)
    with pytest.raises(SchemaError, match=r"Thing.2.avsc: .* does not say how version 3 reads it"):
        SchemaCatalogue.load(tmp_path, {}, as_is(1))
    with pytest.raises(SchemaError, match=r"Thing.1.avsc: .* an entry too many"):
        SchemaCatalogue.load(tmp_path, {("Thing", 1): fill_c}, as_is(1, 2))
    with pytest.raises(SchemaError, match=r"Thing.3.avsc: .* an entry too many"):
        SchemaCatalogue.load(tmp_path, {}, as_is(1, 2, 3))
    with pytest.raises(SchemaError, match=r"Other.1.avsc: .* it is not there"):
        SchemaCatalogue.load(tmp_path, {}, as_is(1, 2) | {("Other", 1)})


def test_unfit_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no schema in this folder"):
        SchemaCatalogue.load(tmp_path, {}, frozenset())
    loop = {"name": "a", "doc": "x", "type": ["null", "Thing"]}
    schema = {"type": "record", "name": "Thing", "namespace": "n", "doc": "x", "fields": [loop]}
    (tmp_path / "Thing.1.avsc").write_text(json.dumps(schema))
    with pytest.raises(SchemaError) as caught:
        SchemaCatalogue.load(tmp_path, {}, frozenset())
    assert (caught.value.file, caught.value.field) == ("Thing.1.avsc", "a")
    assert caught.value.reason == "Thing contains itself"
