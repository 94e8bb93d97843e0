"""The schema gate agrees with Apache's checker, and says which field and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import make_avsc_object
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from schemas.versions.avro_types import NESTING_MAX, tree_of
from schemas.versions.compatibility import incompatibilities
from schemas.versions.evolution import check_folder

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
NAMES = ["A", "B"]


@st.composite
def writers(draw: st.DrawFn) -> dict[str, Any]:
    """A record of any types, as JSON; every named type is defined once."""
    names = iter(range(1000))

    def node(depth: int, in_union: bool = False) -> Any:
        kinds = ["primitive", "primitive", "fixed", "enum"]
        if depth < 3:
            kinds += ["record", "array", "map"] + ([] if in_union else ["union"])
        kind = draw(st.sampled_from(kinds))
        if kind == "primitive":
            return draw(st.sampled_from(PRIMITIVES))
        if kind == "array":
            return {"type": "array", "items": node(depth + 1)}
        if kind == "map":
            return {"type": "map", "values": node(depth + 1)}
        if kind == "union":
            branches = [node(depth + 1, True) for _ in range(draw(st.integers(1, 3)))]
            return _distinct(branches)
        name = f"N{next(names)}"
        if kind == "fixed":
            return {"type": "fixed", "name": name, "size": draw(st.integers(1, 2))}
        if kind == "enum":
            return {"type": "enum", "name": name, "symbols": ["X", "Y", "Z"][: draw(_few)]}
        return {"type": "record", "name": name, "fields": fields(depth)}

    def fields(depth: int) -> list[dict[str, Any]]:
        return [{"name": f"f{i}", "type": node(depth + 1)} for i in range(draw(_few))]

    return {"type": "record", "name": "R", "namespace": "test", "fields": fields(0)}


_few = st.integers(1, 3)


def _distinct(branches: list[Any]) -> list[Any]:
    """A union has at most one branch of each unnamed type."""
    kept: dict[str, Any] = {}
    for branch in branches:
        kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
        kept.setdefault(kind, branch)
    return list(kept.values())


@st.composite
def evolved(draw: st.DrawFn, node: Any) -> Any:
    """The schema with now and then a change, good or bad."""
    if isinstance(node, list):
        return _evolved_union(draw, [draw(evolved(branch)) for branch in node])
    changed = draw(st.sampled_from([True] + [False] * 7))
    if isinstance(node, str):
        if not changed:
            return node
        other = draw(st.sampled_from(PRIMITIVES))
        return draw(st.sampled_from([other, _distinct([node, other])]))
    node = dict(node)
    for key in ("items", "values"):
        if key in node:
            node[key] = draw(evolved(node[key]))
    if "fields" in node:
        node["fields"] = _evolved_fields(draw, node["fields"], changed)
    elif "symbols" in node and changed:
        node["symbols"] = draw(st.sampled_from([["X"], ["X", "Y"], ["X", "Y", "Z", "W"], ["W"]]))
        if draw(st.booleans()):
            node["default"] = node["symbols"][0]
    elif "size" in node and changed:
        node["size"] = draw(st.integers(1, 3))
    if "name" in node and node["name"] != "R" and draw(st.sampled_from([True] + [False] * 9)):
        if draw(st.booleans()):
            node["aliases"] = [f"test.{node['name']}"]
        node["name"] += "n"
    return node


def _evolved_union(draw: st.DrawFn, branches: list[Any]) -> list[Any]:
    flat = [b for branch in branches for b in (branch if isinstance(branch, list) else [branch])]
    if draw(st.booleans()):
        flat.insert(draw(st.integers(0, len(flat))), draw(st.sampled_from(PRIMITIVES)))
    elif len(flat) > 1 and draw(st.sampled_from([True, False, False])):
        flat.pop(draw(st.integers(0, len(flat) - 1)))
    return _distinct(flat)


def _evolved_fields(draw: st.DrawFn, fields: list[Any], changed: bool) -> list[Any]:
    out = [{**field, "type": draw(evolved(field["type"]))} for field in fields]
    if not changed:
        return out
    how = draw(st.sampled_from(["new", "default", "drop", "rename", "alias", "swap"]))
    if how in ("new", "default"):
        out.append({"name": "g", "type": "int"} | ({"default": 0} if how == "default" else {}))
    elif how == "drop":
        out.pop()
    elif how == "swap":
        out.reverse()
    else:
        old = out[-1]["name"]
        out[-1] |= {"name": f"{old}n"} | ({"aliases": [old]} if how == "alias" else {})
    return out


@settings(
    max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.data(), writers())
def test_agrees_with_apache(data: st.DataObject, writer: dict[str, Any]) -> None:
    reader = data.draw(evolved(writer))
    found = list(incompatibilities(tree_of(reader, "reader"), tree_of(writer, "writer")))
    checker: Any = ReaderWriterCompatibilityChecker
    oracle = checker().get_compatibility(make_avsc_object(reader), make_avsc_object(writer))
    event(f"compatible: {not found}")
    note(f"reader: {json.dumps(reader)}\nwriter: {json.dumps(writer)}")
    note(f"here: {found}\nApache: {oracle.compatibility} {oracle.messages}")
    assert (oracle.compatibility is SchemaCompatibilityType.compatible) == (not found)


def record(*fields: dict[str, Any], **rest: Any) -> dict[str, Any]:
    fields_ = [{"doc": "x", **field} for field in fields]
    return {
        "type": "record",
        "name": "Thing",
        "namespace": "n",
        "doc": "x",
        "fields": fields_,
    } | rest


TEXT = {"name": "a", "type": "string"}
NUMBER = {"name": "b", "type": "int"}


def sentences(folder: Path, **files: Any) -> list[str]:
    for name, schema in files.items():
        path = folder / f"{name.replace('_', '.')}.avsc"
        path.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return [problem.sentence for problem in check_folder(folder)]


def test_compatible_versions_have_no_problem(tmp_path: Path) -> None:
    added = {**NUMBER, "default": 0}
    wider = {**NUMBER, "type": "long", "default": 0}
    assert not sentences(
        tmp_path, Thing_1=record(TEXT), Thing_2=record(TEXT, added), Thing_3=record(wider)
    )


def test_every_newer_version_must_read_every_older_one(tmp_path: Path) -> None:
    """Version 3 reads 2 and 2 reads 1, but 3 does not read 1."""
    two = record(TEXT, {**NUMBER, "default": 0})
    three = record(TEXT, {**NUMBER, "type": "long"})
    assert sentences(tmp_path, Thing_1=record(TEXT), Thing_2=two, Thing_3=three) == [
        "Thing.3.avsc, field b: what version 1 wrote cannot be read: "
        "it is not in the older version and has no default."
    ]


def test_version_that_only_changes_docs_cannot_be_told_apart(tmp_path: Path) -> None:
    assert sentences(tmp_path, Thing_1=record(TEXT), Thing_2=record({**TEXT, "default": ""})) == [
        "Thing.2.avsc: it has the fingerprint of Thing.1.avsc: readers could not tell them apart."
    ]


def nested(depth: int) -> dict[str, Any]:
    inner: Any = "string"
    for number in range(depth):
        field = {"name": "a", "doc": "x", "type": inner}
        inner = {"type": "record", "name": f"T{number}", "doc": "x", "fields": [field]}
    return record({"name": "a", "type": inner})


def wide() -> dict[str, Any]:
    """11 types that are 2^11 values when written out."""
    inner: Any = "string"
    for number in range(11):
        fields = [
            {"name": "a", "doc": "x", "type": inner},
            {"name": "b", "doc": "x", "type": inner if number == 0 else f"T{number - 1}"},
        ]
        inner = {"type": "record", "name": f"T{number}", "doc": "x", "fields": fields}
    return record({"name": "a", "type": inner})


def of(kind: Any, name: str = "a") -> dict[str, Any]:
    return record({"name": name, "type": kind})


EMPTY = {"type": "record", "name": "E", "doc": "x", "fields": []}


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (record({**TEXT, "doc": ""}), "field a: the field has no doc"),
        (record(TEXT, doc=""), "the record Thing has no doc"),
        (record(TEXT, namespace=""), "the record has no namespace"),
        (of(["null", "Thing"]), "field a: Thing contains itself"),
        (of({"type": "array", "items": "null"}), "field a: items of zero bytes"),
        (of({"type": "array", "items": EMPTY}), "field a: items of zero bytes"),
        (
            of({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}),
            "items of zero",
        ),
        (of({"type": "map", "values": "null"}), "field a: values of zero bytes"),
        (of(["string", "int"]), "field a: a union must be of null and one other type"),
        (of(["null", "string", "int"]), "a union must be of null and one other type"),
        (of({"type": "long", "logicalType": "timestamp-millis"}), "logical type timestamp-millis"),
        (of({"type": "enum", "name": "K", "symbols": ["A"]}), "field a: the enum K has no doc"),
        (of("string", "content"), "field content: content must be the last field"),
        (nested(NESTING_MAX), f"types are nested over {NESTING_MAX} deep"),
        (wide(), "it has over 2000 values when its types are written out"),
        (record(TEXT, name="Other"), "it defines Other, which is not its name"),
        ({"type": "enum", "name": "Thing", "symbols": ["A"]}, "it is not a record"),
        (of("strin"), "it is not valid Avro"),
        ("[", "it is not JSON"),
        ("[" * 100_000, "types are nested too deeply"),
        ("{}", "it is not valid Avro"),
        (record({**NUMBER, "default": "x"}), "it is not valid Avro"),
    ],
)
def test_what_is_unfit_is_said(tmp_path: Path, schema: Any, sentence: str) -> None:
    found = sentences(tmp_path, Thing_1=schema)
    assert any(s.startswith("Thing.1.avsc") and sentence in s for s in found), found


def test_names_and_versions_of_files(tmp_path: Path) -> None:
    other = record(TEXT, NUMBER, namespace="elsewhere")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "Thing.1.avsc").write_text(json.dumps(record(NUMBER)))
    found = sentences(tmp_path, Thing=record(TEXT), Thing_1=record(TEXT), Thing_3=other)
    assert "Thing.avsc: a schema file is named <Record>.<version>.avsc." in found
    assert "Thing.1.avsc: there is another file of version 1." in found
    (tmp_path / "b" / "Thing.1.avsc").unlink()
    (tmp_path / "Thing.avsc").unlink()
    assert check_folder(tmp_path)[0].reason.startswith("version 2 is missing")
    (tmp_path / "Thing.3.avsc").rename(tmp_path / "Thing.2.avsc")
    assert [p.reason for p in check_folder(tmp_path)][:1] == ["its namespace was n"]
