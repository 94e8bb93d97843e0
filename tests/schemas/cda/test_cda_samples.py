"""The official samples: every column of the expected table that the reader covers."""

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner

from schemas.cda import CdaDocument, Subject, read_cda, read_subject
from schemas.commands import register
from tests.missing import OFFICIAL

SAMPLES = OFFICIAL / "cda"
pytestmark = pytest.mark.samples("cda")
Row = dict[str, str]


def rows() -> list[Row]:
    if not (SAMPLES / "expected.tsv").exists():
        return []
    with (SAMPLES / "expected.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def joined(values: Iterable[str | None]) -> str:
    return " | ".join(value or "" for value in values)


def times(row: Row) -> dict[str, str]:
    first = row["service_event_times"].split(" | ")[0]
    return dict(part.split("=") for part in first.split(",") if part)


SAME = {
    "sha1": "sha1",
    "birth_name": "birth_name",
    "birth_given": "birth_given_first",
    "sex": "gender",
    "birth_time": "birth_time",
    "birth_place": "birth_place_cog",
    "unique_id": "doc_id",
    "set_id": "set_id",
    "class_code": "class_derived",
    "format_code": "format_derived",
    "title": "title",
    "creation_time": "effective_time",
    "confidentiality": "confidentiality",
    "language": "language",
    "custodian": "custodian_id",
    "facility_type": "hcf_code",
}
LISTS = {
    "local_ids": "other_patient_ids",
    "templates": "template_ids",
    "event_codes": "service_event_codes",
    "orders": "orders",
}
AUTHORS = {
    "id": "author_ids",
    "role": "author_role",
    "specialty": "author_code",
    "organisation": "author_org_ids",
}
DERIVED: dict[str, tuple[Callable[[dict[str, Any]], object], Callable[[Row], object]]] = {
    "size": (lambda j: j["size"], lambda r: int(r["size"])),
    "ins": (lambda j: f"{j['ins']['oid']}^{j['ins']['matricule']}", lambda r: r["ins"]),
    "key_valid": (lambda j: j["ins"]["key_valid"], lambda r: r["ins_key"] == "ok"),
    "given_list": (
        lambda j: j["given_list"],
        lambda r: next(part for part in r["given_list"].split(" | ") if ":" not in part),
    ),
    "version": (lambda j: j["version"], lambda r: int(r["version"])),
    "type": (
        lambda j: j["type"],
        lambda r: {"code": r["code"], "system": r["code_system"]},
    ),
    "devices": (
        lambda j: joined(a["device"] for a in j["authors"] if a["device"]),
        lambda r: r["author_devices"],
    ),
    "legal_authenticator": (
        lambda j: j["legal_authenticator"],
        lambda r: {"id": r["legal_auth_id"], "time": r["legal_auth_time"]},
    ),
    "service_start": (lambda j: j["service_start"], lambda r: times(r).get("low")),
    "service_stop": (lambda j: j["service_stop"], lambda r: times(r).get("high")),
    "practice_setting": (
        lambda j: j["practice_setting"],
        lambda r: r["practice_setting"].split(" | ")[0],
    ),
    "replaces": (
        lambda j: j["replaces"],
        lambda r: r["related"].removeprefix("RPLC->") or None,
    ),
    "mime_type": (
        lambda j: j["mime_type"],
        lambda r: "text/xml" if r["root_ok"] == "y" else "application/xslt+xml",
    ),
    "body_kind": (lambda j: j["body"]["kind"], lambda r: r["body"].split("(")[0]),
    "media_type": (lambda j: j["body"]["media_type"] or "", lambda r: r["media_type"]),
}
# Oddities of the table and the problems that must tell them, exactly when they are there.
TOLD = {
    "INS key WRONG": "ins_key_wrong",
    "family qualifier SP": "name_qualifier_withdrawn",
    "no author organisation id": "author_without_organisation",
    "without relatedDocument RPLC": "replaced_document_missing",
    "encounter id is a professional's id": "encounter_id_of_person",
    "signed before it was created": "signed_before_created",
    "act starts after the document was created": "act_after_document",
    "document older than the patient": "document_before_birth",
    "act older than the patient": "act_before_birth",
    "bad time literal": "time_offset_malformed",
    "time of day without offset": "time_offset_missing",
}
# The table looks at fewer places than the reader: told at least when it says so.
ALSO_TOLD = {
    "RPPS fails Luhn": "rpps_key_wrong",
    "organisation id fails Luhn": "organisation_key_wrong",
    "organisation id prefix": "organisation_is_person",
    "FINESS length": "organisation_id_malformed",
}


def document(row: Row) -> CdaDocument:
    found = read_cda((SAMPLES / row["file"]).read_bytes(), file=row["file"])
    assert isinstance(found, CdaDocument)
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
def test_sample_agrees_with_the_expected_table(row: Row) -> None:
    read = json.loads(orjson.dumps(document(row).as_json()))
    found: dict[str, object] = {name: read[name] or "" for name in SAME}
    expected: dict[str, object] = {name: row[column] for name, column in SAME.items()}
    for name, column in LISTS.items():
        found[name], expected[name] = joined(read[name]), row[column]
    for name, column in AUTHORS.items():
        found[f"author {name}"] = joined(author[name] for author in read["authors"])
        expected[f"author {name}"] = row[column]
    for name, (ours, theirs) in DERIVED.items():
        found[name], expected[name] = ours(read), theirs(row)
    assert found == expected


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
def test_sample_oddities_are_told_as_problems(row: Row) -> None:
    codes = {problem.code for problem in document(row).problems}
    assert {code for code in TOLD.values() if code in codes} == {
        code for words, code in TOLD.items() if words in row["oddities"]
    }
    assert codes >= {code for words, code in ALSO_TOLD.items() if words in row["oddities"]}
    assert "item_missing" not in codes
    assert not {code for code in codes if code.endswith("_unknown")}


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row["file"]))
def test_quick_reading_of_a_sample_is_the_whole_one(row: Row) -> None:
    whole = document(row)
    quick = read_subject((SAMPLES / row["file"]).read_bytes())
    assert quick == Subject(whole.unique_id, whole.ins)


def test_command_prints_one_object_per_sample() -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    files = [str(SAMPLES / row["file"]) for row in rows()]
    result = CliRunner().invoke(app, ["cda", "--json", *files])
    assert result.exit_code == 0
    read = [json.loads(line) for line in result.stdout.splitlines()]
    assert [entry["file"] for entry in read] == [row["file"] for row in rows()]
