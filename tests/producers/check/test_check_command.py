"""`histoire check`: files, folders and standard input, exit codes, JSON, and hostile files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from ingest.runtime.console import CommandError, Exit
from ingest.runtime.settings import Settings
from producers.check.checker import Checker, CheckPlan
from producers.check.command import register_check
from producers.simulator.cda.document import CdaWriter
from producers.simulator.plan.planned import PlannedDocument
from schemas.policy.habilitation import COLUMNS
from schemas.rules.table.severities import AS_THE_TABLE_SAYS
from schemas.valuesets import SUBJECT_ROLES
from tests.producers.check.check_schemas import schematron_in, xsd_in
from tests.producers.registered import registered
from tests.producers.samples_of_plan import documents_of, planned

SEED = 7
MATRICULE_OF_NOBODY = b"279035121518988"
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "spaces": b" \n\t ",
    "zeros": bytes(100),
    "not-xml": b"<ClinicalDocument",
    "other-root": b"<note/>",
    "bomb": b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>',
    "deep": b"<a>" * 300 + b"</a>" * 300,
    "wide": b"<a>" + b"<b/>" * 130_000 + b"</a>",
    "utf-16": "<a/>".encode("utf-16"),
    "latin": b'<?xml version="1.0" encoding="ebcdic"?><a/>',
    "json-deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "json-number": b'{"name": "DepositDocument", "datum": 1e999}',
    "json-surrogate": b'{"name": "\\ud800", "datum": {}}',
    "avro-short": b"\xc3\x01",
    "avro-unknown": b"\xc3\x01" + bytes(20),
    "header-only": b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>',
    "two": b'<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform">'
    + b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>' * 2
    + b"</x:stylesheet>",
}


@pytest.fixture(scope="module")
def documents() -> list[PlannedDocument]:
    return [d for d in documents_of(planned(200, SEED)) if d.kind.body != "kos"][:6]


@pytest.fixture
def folder(tmp_path: Path, documents: list[PlannedDocument]) -> Path:
    """Six documents that pass, one of them in a folder below, and a file of another kind."""
    writer = CdaWriter(SEED)
    made = tmp_path / "cda"
    (made / "below").mkdir(parents=True)
    for number, document in enumerate(documents):
        place = made / "below" if number == 5 else made
        (place / f"{number} é.xml").write_bytes(writer.write(document))
    (made / "notes.txt").write_text("not looked at")
    return made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HISTOIRE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: str | Path, data: bytes | None = None) -> Result:
    app = registered(register_check)
    return CliRunner().invoke(app, ["check", *map(str, arguments)], input=data)


def objects(result: Result) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def broken(folder: Path) -> Path:
    """A document whose matricule has a wrong key."""
    file = next(iter(sorted(folder.glob("*.xml"))))
    text = file.read_text()
    start = text.index('root="1.2.250.1.213.1.4.10" extension="') + 39
    bad = folder.parent / "broken.xml"
    wrong = "00" if text[start + 13 : start + 15] != "00" else "01"
    bad.write_text(text[: start + 13] + wrong + text[start + 15 :])
    return bad


def test_a_folder_of_good_documents_passes(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == Exit.OK, result.output
    assert "6 files: 6 pass, none fails" in result.stdout
    assert "1 files of the folders are passed over" in result.stderr


def test_a_broken_one_fails_with_all_that_is_needed(folder: Path) -> None:
    result = run(broken(folder))
    assert result.exit_code == Exit.FAILED
    for part in ("INS-02", "ins_key_wrong", "ins.matricule", "recordTarget", "line ", "clé", "key"):
        assert part in result.stdout
    assert "#INS-02" in result.stdout
    assert "1 file: 0 pass, 1 fails; 1 reject" in result.stdout


def test_json_is_one_object_for_each_file(folder: Path) -> None:
    result = run(folder, broken(folder), "--json")
    assert result.exit_code == Exit.FAILED
    reports = objects(result)
    assert [report["passes"] for report in reports] == [True] * 6 + [False]
    assert reports[-1]["counts"]["reject"] == 1
    (finding,) = [f for f in reports[-1]["findings"] if f["severity"] == "reject"]
    assert finding["rule"] == "INS-02"
    assert all(finding[key] for key in ("french", "english", "path", "place", "line", "repair"))


def matrix_of(tmp_path: Path, *rows: str) -> Path:
    file = tmp_path / "matrix.tsv"
    file.write_text("\n".join(("# MADE UP", "\t".join(COLUMNS), *rows)))
    return file


def test_a_profession_feeds_what_the_matrix_gives_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option or setting, in every process; without a matrix nobody is restricted."""
    roles = "".join(f"2020-01-01\t{role}\t*\tfeed\n" for role in SUBJECT_ROLES)
    everything = matrix_of(tmp_path, roles)
    assert run(folder, "--habilitation", everything).exit_code == Exit.OK
    nothing = matrix_of(tmp_path, "2020-01-01\t10\t*\tnone")
    monkeypatch.setenv("HISTOIRE_HABILITATION_FILE", str(nothing))
    result = run(folder, "--json", "--jobs", "2")
    assert result.exit_code == Exit.FAILED
    for report in objects(result):
        (finding,) = [f for f in report["findings"] if f["severity"] == "reject"]
        assert (finding["rule"], finding["path"]) == ("ACC-09", "provenance.actor.roleCode")


def test_a_matrix_that_is_none_is_refused_by_the_name_it_was_given_by(
    folder: Path, tmp_path: Path
) -> None:
    for right, environment, said in (
        (None, "test", "--habilitation: the file cannot be read"),
        ("all", "test", "--habilitation: line 3"),
        ("read", "production", "made up"),
    ):
        row = f"2020-01-01\t10\t*\t{right}"
        file = tmp_path / "nowhere" if right is None else matrix_of(tmp_path, row)
        error = run(folder, "--habilitation", file, "--environment", environment).exception
        assert isinstance(error, CommandError)
        assert error.code == Exit.USAGE
        assert said in str(error)


def test_strict_fails_what_has_a_warning(folder: Path) -> None:
    file = sorted(folder.glob("*.xml"))[0]
    file.write_text(file.read_text().replace('code="fr-FR"', 'code="en-GB"', 1))
    assert run(file).exit_code == Exit.OK
    strict = run(file, "--strict", "--json")
    assert strict.exit_code == Exit.FAILED
    assert objects(strict)[0]["passes"] is False


def test_the_environment_decides_which_ins_are_accepted(folder: Path) -> None:
    file = sorted(folder.glob("*.xml"))[0]
    result = run(file, "--environment", "production", "--json")
    assert result.exit_code == Exit.FAILED
    codes = {f["code"] for f in objects(result)[0]["findings"] if f["severity"] == "reject"}
    assert codes == {"ins_oid_not_accepted"}


def test_standard_input_is_a_file(folder: Path) -> None:
    result = run("-", "--json", data=broken(folder).read_bytes())
    assert result.exit_code == Exit.FAILED
    (report,) = objects(result)
    assert report["file"] == "-"
    assert report["kind"] == "cda"


def test_schematron_and_schema_add_their_findings(folder: Path, tmp_path: Path) -> None:
    schematron, xsd = schematron_in(tmp_path / "rules"), xsd_in(tmp_path / "xsd")
    file = sorted(folder.glob("*.xml"))[0]
    text = file.read_text().replace('<realmCode code="FR"', '<realmCode code="EN"')
    file.write_text(text.replace("<title>", "<title>!", 1))
    result = run(file, "--schematron", schematron, "--xsd", xsd, "--json")
    assert result.exit_code == Exit.FAILED
    found = {(f["source"], f["rule"], f["severity"]) for f in objects(result)[0]["findings"]}
    assert ("schematron", "T-1", "warn") in found
    assert ("xsd", "cvc_enumeration_valid", "error") in found


def test_several_processes_say_the_same_as_one(folder: Path, tmp_path: Path) -> None:
    arguments = (folder, broken(folder), "--schematron", schematron_in(tmp_path / "rules"))
    one = run(*arguments, "--json")
    environment = {**os.environ, "HISTOIRE_HOME": str(tmp_path / "home")}
    many = subprocess.run(
        [sys.executable, "-m", "deploy", "check", *map(str, arguments), "--json", "--jobs", "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert many.returncode == one.exit_code == Exit.FAILED, many.stderr
    assert many.stdout == one.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.xml"], "nowhere.xml"),
        (["{folder}", "--schematron", "nowhere.sch"], "nowhere.sch"),
        (["{folder}", "--xsd", "nowhere.xsd"], "nowhere.xsd"),
        (["{folder}", "--severities", "INS-01=warn"], "INS-01"),
        (["{empty}"], "no file"),
    ],
)
def test_what_cannot_be_used_is_a_fault_of_usage(
    folder: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"folder": folder, "empty": tmp_path / "empty"}
    result = run(*(argument.format(**places) for argument in arguments))
    assert isinstance(result.exception, CommandError)
    assert result.exception.code == Exit.USAGE
    assert said in result.exception.sentence


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_gets_a_report_and_never_a_crash(tmp_path: Path, name: str) -> None:
    file = tmp_path / "hostile"
    file.write_bytes(HOSTILE[name])
    result = run(file, "--json", "--schematron", schematron_in(tmp_path / "rules"))
    assert result.exit_code == Exit.FAILED, result.output
    (report,) = objects(result)
    assert report["findings"]


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(CheckPlan(Settings(), AS_THE_TABLE_SAYS, 1_700_000_000.0))


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_document_that_is_cut_or_changed_anywhere_gets_a_report(
    checker: Checker, documents: list[PlannedDocument], data: st.DataObject
) -> None:
    whole = CdaWriter(SEED).write(documents[0])
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 200))
    inserted = data.draw(st.binary(max_size=20) | st.sampled_from([b"<", b"&x;", b'"', b"\xff"]))
    report = checker.check("changed", whole[:start] + inserted + whole[start + length :])
    assert report.kind in ("cda", "unreadable", "message")
    assert report.kind != "unreadable" or not report.passes(strict=False)


def test_a_matricule_is_masked_wherever_it_stands(folder: Path, tmp_path: Path) -> None:
    file = sorted(folder.glob("*.xml"))[0]
    text = file.read_text().replace('<realmCode code="FR"', '<realmCode code="279035121518988"')
    file.write_text(text)
    result = run(file, "--xsd", xsd_in(tmp_path / "xsd"))
    assert result.exit_code == Exit.FAILED
    assert MATRICULE_OF_NOBODY.decode() not in result.output
    assert "***" in result.stdout
