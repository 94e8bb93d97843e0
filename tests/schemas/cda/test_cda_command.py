"""`histoire cda`: the card, the JSON line, the exit codes; what no official sample shows."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from schemas.cda import CdaDocument, read_cda
from schemas.commands import register

FIELDS = (
    "file size sha1 sha256 ins local_ids birth_name birth_given given_list sex birth_time "
    "birth_place unique_id set_id version type class_code format_code title creation_time "
    "confidentiality language templates authors custodian legal_authenticator service_start "
    "service_stop event_codes practice_setting facility_type orders replaces mime_type body "
    "problems"
)
HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?><c:ClinicalDocument xmlns:c="urn:hl7-org:v3">'
    '<c:id root="90E1C8EC-F951-4B26-A305-A34848818DD6"/>'
    '<c:code code="11502-2" codeSystem="2.16.840.1.113883.6.1"/>'
    "<c:title>[bold]Compte\n rendu\u009b31m</c:title>"
    '<c:recordTarget><c:patientRole><c:id root="1.2.3" extension="77"/>'
    '<c:id nullFlavor="UNK"/><c:id extension="279035121518989" root="1.2.250.1.213.1.4.10"/>'
    '<c:id extension="123" root="1.2.250.1.213.1.4.2"/></c:patientRole></c:recordTarget>'
    '<c:documentationOf><c:serviceEvent><c:code nullFlavor="NA" code="X"/>'
    '<c:effectiveTime value="20240101"/></c:serviceEvent></c:documentationOf>'
    '<c:component><c:nonXMLBody><c:text mediaType="text/plain" representation="B64">YQ=='
    "</c:text></c:nonXMLBody></c:component></c:ClinicalDocument>"
)


def app() -> typer.Typer:
    application = typer.Typer()
    application.callback()(lambda: None)
    register(application)
    return application


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "a b.xml"
    path.write_text(HEADER, "utf-8")
    return path


def test_json_has_the_published_fields_in_order(sample: Path) -> None:
    result = CliRunner().invoke(app(), ["cda", "--json", str(sample)])
    assert result.exit_code == 0
    read = json.loads(result.stdout)
    assert " ".join(read) == FIELDS
    assert read["file"] == "a b.xml"
    assert read["title"] == "[bold]Compte rendu\u009b31m"
    assert read["local_ids"] == ["1.2.3^77", "1.2.250.1.213.1.4.2^123"]
    assert read["event_codes"] == []
    assert read["service_start"] == "20240101"
    assert read["body"] == {"kind": "nonXMLBody", "media_type": "text/plain"}
    assert {"ins_retired", "format_unknown", "template_missing", "item_missing"} <= {
        problem["code"] for problem in read["problems"]
    }


def test_card_shows_the_document_and_never_steers_the_terminal(sample: Path) -> None:
    result = CliRunner().invoke(app(), ["cda", str(sample)])
    assert result.exit_code == 0
    assert "[bold]Compte rendu31m" in result.stdout
    assert "ins_retired" in result.stdout


def test_a_refused_file_gives_exit_1_and_the_others_are_still_read(
    sample: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b"<!DOCTYPE x><x/>")
    result = CliRunner().invoke(app(), ["cda", "--json", str(bad), str(sample)])
    assert result.exit_code == 1
    first, second = map(json.loads, result.stdout.splitlines())
    assert first["file"] == "bad.xml"
    assert first["refused"]["code"] == "doctype"
    assert second["file"] == "a b.xml"
    assert result.stderr.startswith("bad.xml is refused (doctype).")


def test_an_absent_file_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app(), ["cda", str(tmp_path / "none.xml")])
    assert result.exit_code == 2


def test_bom_and_latin_encodings_give_the_same_text() -> None:
    text = HEADER.replace("\u009b", "é")
    for data in (
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        text.replace("UTF-8", "windows-1252").encode("cp1252"),
    ):
        found = read_cda(data)
        assert isinstance(found, CdaDocument)
        assert found.title == "[bold]Compte rendué31m"
        assert found.size == len(data)
