"""`histoire check` on messages of HL7 v2: what their ACK would refuse, and the CDA they carry."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.runtime.settings import Settings
from producers.check.checker import Checker, CheckPlan
from producers.check.finding import FileReport
from producers.simulator.cda.document import CdaWriter
from schemas.cda import CdaDocument, read_cda
from schemas.rules.table.severities import AS_THE_TABLE_SAYS
from tests.missing import OFFICIAL
from tests.producers.hl7v2.hl7_messages import Written
from tests.producers.samples_of_plan import documents_of, planned

CHECKER = Checker(CheckPlan(Settings(), AS_THE_TABLE_SAYS, 1_790_000_000.0))
SAMPLES = OFFICIAL / "hl7v2"
STRANGER = "1.2.250.1.71.4.2.1^810000000013"


@pytest.fixture(scope="module")
def deposit() -> Written:
    document = next(one for one in documents_of(planned(100, 7)) if one.replaces is None)
    content = CdaWriter(7).write(document)
    found = read_cda(content)
    assert isinstance(found, CdaDocument)
    assert found.ins is not None
    assert found.type is not None
    return Written(
        found.ins.matricule,
        found.type.code,
        content,
        unique_id=str(found.unique_id),
        author=STRANGER,
    )


def checked(written: Written) -> FileReport:
    return CHECKER.check("m", written.bytes())


def rejects(report: FileReport) -> list[tuple[str | None, str]]:
    return [(f.path, f.code) for f in report.findings if f.severity == "reject"]


def test_a_message_that_would_be_taken_passes(deposit: Written) -> None:
    report = checked(deposit)
    assert (report.kind, report.message, rejects(report)) == ("hl7", "DepositDocument", [])
    gone = checked(replace(deposit, action="delete", content=None))
    assert (gone.message, rejects(gone)) == ("DeleteDocument", [])
    flags = replace(deposit, action="replace", flags={"MODIF_CONF_CODE": "Y", "MASQUE_PS": "Y"})
    assert (checked(flags).message, rejects(checked(flags))) == ("ChangeVisibility", [])


def test_the_rule_of_the_volet_that_is_broken_is_named_with_its_place(deposit: Written) -> None:
    report = checked(replace(deposit, order="XX"))
    assert rejects(report) == [("ORC^1^1", "hl7_value")]
    assert report.unlooked != ()
    other = checked(replace(deposit, matricule="279035121518989"))
    assert rejects(other) == [("PID^1^3", "patient_mismatch")]


def test_what_only_warns_is_a_warning(deposit: Written) -> None:
    mailed = checked(replace(deposit, flags={"INVISIBLE_PATIENT": "Y", "DESTMSSANTEPAT": "Y"}))
    assert mailed.passes(strict=False)
    assert "hl7_flags_mail" in [f.code for f in mailed.findings if f.severity == "warn"]


def test_all_that_is_wrong_with_the_document_is_named(deposit: Written) -> None:
    assert deposit.content is not None
    content = deposit.content.replace(b'<languageCode code="fr-FR"', b'<languageCode code="?"')
    content = re.sub(rb"<title>[^<]*</title>", b"<title> </title>", content)
    codes = {code for _, code in rejects(checked(replace(deposit, content=content)))}
    assert codes == {"language_malformed", "text_malformed"}


def test_who_sends_it_is_looked_at_too(deposit: Written) -> None:
    found = rejects(checked(replace(deposit, author="1.2.250.1.71.4.2.1^8\x01")))
    assert found == [("provenance.actor.id", "identifier_malformed")]
    assert deposit.content is not None
    untitled = re.sub(rb"<title>[^<]*</title>", b"<title> </title>", deposit.content)
    both = replace(deposit, author="1.2.250.1.71.4.2.1^8\x01", content=untitled)
    assert {code for _, code in rejects(checked(both))} == {
        "identifier_malformed",
        "text_malformed",
    }
    report = checked(replace(deposit, author="1.2.250.1.71.4.2.1^nobody"))
    warned = [(f.path, f.code) for f in report.findings if f.severity == "warn"]
    assert ("provenance.actor.id", "person_id_unknown_form") in warned


@given(st.binary(max_size=200))
def test_any_message_gets_a_report(data: bytes) -> None:
    assert not CHECKER.check("m", b"MSH" + data).passes(strict=False)


@pytest.mark.samples("hl7v2")
def test_the_official_messages() -> None:
    report = CHECKER.check("m", (SAMPLES / "message_ORU_CR_Bio_INIT_N3_SEGUR.hl7").read_bytes())
    assert (report.message, rejects(report)) == ("DepositDocument", [])
    imaging = CHECKER.check("m", (SAMPLES / "message_MDM_CR_Radio_INIT_N1.er7").read_bytes())
    assert rejects(imaging) == [("content", "content_refused")]  # its document is no CDA
