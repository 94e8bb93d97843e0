"""Schematrons and schemas: what they find, with its line; what they lack is named, not fatal."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from producers.check.finding import Finding
from producers.check.schematron.files import SchematronError
from producers.check.schematron.transform import Saxon
from producers.check.schematron.xml_schema import XmlSchema, XsdError
from producers.simulator.cda.document import CdaWriter
from schemas.cda.elements import Element
from tests.producers.check.check_schemas import (
    LENGTH,
    MAIN,
    NAMESPACE,
    schematron_in,
    skeleton_stylesheet,
    write,
    xsd_in,
)
from tests.producers.samples_of_plan import documents_of, planned

BODY = b"""<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="%(realm)s"/>
  <code code="11488-4"/>
  <title>%(title)s</title>
  <languageCode code="%(language)s"/>
</ClinicalDocument>"""


def document(title: str = "Lettre", language: str = "fr-FR", realm: str = "FR") -> Element:
    filled = {b"title": title.encode(), b"language": language.encode(), b"realm": realm.encode()}
    return etree.fromstring(BODY % filled)


def found(findings: list[Finding]) -> list[tuple[str, str | None, int | None]]:
    return [(f.severity, f.rule, f.line) for f in findings]


@pytest.fixture(scope="module")
def saxon() -> Saxon:
    return Saxon(None)


def test_a_document_that_keeps_all_rules_leaves_only_what_could_not_be_tested(
    saxon: Saxon, tmp_path: Path
) -> None:
    findings = saxon.schematron(schematron_in(tmp_path)).findings(document())
    assert found(findings) == [("warn", None, None)]
    assert findings[0].code == "vocabulary_missing"
    assert "gone.xml" in findings[0].english


def test_each_rule_broken_has_its_severity_its_id_and_its_line(
    saxon: Saxon, tmp_path: Path
) -> None:
    schematron = saxon.schematron(schematron_in(tmp_path))
    findings = schematron.findings(document("Quoi?!" + "x" * 200, "en-GB"))
    assert set(found(findings)[1:]) == {
        ("error", "language", 6),
        ("error", "T-0", 5),
        ("warn", "T-1", 5),
        ("info", "T-2", 5),
    }
    listed = next(f for f in findings if f.rule == "language")
    assert listed.english == "The code en-GB is not in the list."
    assert listed.place == "languageCode"


def test_a_missing_vocabulary_that_is_put_there_is_used(saxon: Saxon, tmp_path: Path) -> None:
    schematron = saxon.schematron(schematron_in(tmp_path))
    write(tmp_path, {"lists/gone.xml": '<l xmlns="urn:vocabulary"><item code="11488-4"/></l>'})
    assert schematron.findings(document()) == []


def test_what_was_made_is_kept_until_a_file_of_it_changes(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    file = schematron_in(tmp_path / "rules")
    first = Saxon(kept).schematron(file)
    made = list(kept.iterdir())
    assert len(made) == 1
    assert found(Saxon(kept).schematron(file).findings(document())) == found(
        first.findings(document())
    )
    assert list(kept.iterdir()) == made
    changed = {"en-tête/length.sch": LENGTH.replace("200", "3")}
    write(tmp_path / "rules", changed)
    assert ("error", "T-0", 5) in found(Saxon(kept).schematron(file).findings(document()))
    assert len(list(kept.iterdir())) == 2


def test_a_stylesheet_that_was_made_elsewhere_is_run_and_matricules_masked(
    saxon: Saxon, tmp_path: Path
) -> None:
    findings = saxon.schematron(skeleton_stylesheet(tmp_path)).findings(document())
    assert found(findings) == [("error", None, 5)]
    assert "279035121518989" not in findings[0].english


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "can't be read"),
        ({"main.sch": "<schema"}, "no well-formed XML"),
        ({"main.sch": "<note/>"}, "neither an ISO schematron nor a stylesheet"),
        ({"main.sch": MAIN}, "includes listed.sch, which can't be read"),
        (
            {"main.sch": f'<schema {NAMESPACE}><include href="main.sch"/></schema>'},
            "includes itself",
        ),
        (
            {"main.sch": f'<schema {NAMESPACE}><include href="http://x.invalid/a.sch"/></schema>'},
            "only files are read",
        ),
        (
            {
                "main.sch": f'<schema {NAMESPACE}><pattern><rule context="*">'
                '<assert test="((">x</assert></rule></pattern></schema>'
            },
            "can't be compiled",
        ),
        (
            {
                "main.sch": f'<schema {NAMESPACE}><pattern><rule context="*">'
                '<extends rule="none"/></rule></pattern></schema>'
            },
            "is no schematron",
        ),
        (
            {
                "main.sch": '<!DOCTYPE s [<!ENTITY e SYSTEM "/etc/passwd">]>'
                f'<schema {NAMESPACE}><include href="x&e;"/></schema>'
            },
            "",
        ),
    ],
)
def test_a_schematron_that_cannot_be_used_says_why(
    saxon: Saxon,
    tmp_path: Path,
    files: dict[str, str],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, files)
    with pytest.raises(SchematronError, match=r".") as raised:
        saxon.schematron(tmp_path / "main.sch")
    assert said in str(raised.value)
    assert "root:" not in str(raised.value)
    assert capfd.readouterr().err == ""


def test_no_file_of_the_network_is_opened(saxon: Saxon, tmp_path: Path) -> None:
    text = MAIN.replace("'../lists/gone.xml'", "'http://127.0.0.1:9/gone.xml'")
    file = schematron_in(tmp_path)
    file.write_text(text, encoding="utf-8")
    findings = saxon.schematron(file).findings(document())
    assert [f.code for f in findings] == ["test_failed_to_run"]


def test_documents_of_the_simulator_and_their_copies_run(saxon: Saxon, tmp_path: Path) -> None:
    schematron = saxon.schematron(schematron_in(tmp_path))
    writer = CdaWriter(7)
    for planned_document in documents_of(planned(40)):
        root = etree.fromstring(writer.write(planned_document))
        assert [f.code for f in schematron.findings(root)] == ["vocabulary_missing"]


def test_a_schema_finds_faults_with_their_lines(tmp_path: Path) -> None:
    schema = XmlSchema(xsd_in(tmp_path))
    assert schema.findings(document()) == []
    findings = schema.findings(document(realm="279035121518989"))
    assert {f.line for f in findings} == {3}
    assert {f.place for f in findings} == {"realmCode"}
    assert all("279035121518989" not in f.english for f in findings)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "can't be read"),
        ({"main.xsd": "<x"}, "is no schema"),
        ({"main.xsd": "<x/>"}, "is no schema"),
    ],
)
def test_a_schema_that_cannot_be_used_says_why(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    write(tmp_path, files)
    with pytest.raises(XsdError, match=said):
        XmlSchema(tmp_path / "main.xsd")
