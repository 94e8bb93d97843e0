"""Signatures and key object selections: their own formats, flags and references (TRAP 25)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples.deposit import SIGNATURE, deposit, kos
from tests.schemas.rules.deposited import findings, refusal, remarks, with_bytes

XMLDSIG = (
    b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/></ds:Signature>'
)
DICOM = bytes(128) + b"DICM\x02\x00"

KOS = kos("1", "2", "1.2.4")


@pytest.mark.parametrize("format_code", [SIGNATURE["formatCode"], "urn:ihe:iti:dsg:detached:2014"])
def test_the_signature_of_a_set_is_taken(format_code: str) -> None:
    datum = deposit(**{**SIGNATURE, "formatCode": format_code})
    assert refusal(datum) is None
    assert remarks(datum) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("formatCode", "urn:ihe:lab:xd-lab:2008"),
        ("mimeType", "application/dicom"),
        ("mimeType", "application/xslt+xml"),
        ("languageCode", "fr-FR"),
        ("confidentialityCode", "V"),
        ("masquePs", False),
        ("invisiblePatient", False),
    ],
)
def test_a_signature_that_could_be_seen_or_is_none_is_refused(field: str, value: Any) -> None:
    broken = refusal(deposit(**{**SIGNATURE, field: value}))
    assert broken == ("signature_entry_wrong", f"document.{field}")


def test_a_kos_is_taken() -> None:
    assert refusal(deposit(**KOS)) is None
    assert remarks(deposit(**KOS)) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("formatCode", "urn:ihe:iti:xds-sd:pdf:2008", "kos_entry_wrong"),
        ("mimeType", "text/xml", "kos_entry_wrong"),
        ("referenceIdList", [], "kos_reference_missing"),
        ("referenceIdList", KOS["referenceIdList"][:2], "kos_reference_missing"),
        ("referenceIdList", KOS["referenceIdList"][1:], "kos_reference_missing"),
    ],
)
def test_what_a_kos_must_be(field: str, value: Any, code: str) -> None:
    assert refusal(deposit(**{**KOS, field: value})) == (code, f"document.{field}")


@pytest.mark.parametrize(
    "format_code",
    [KOS["formatCode"], SIGNATURE["formatCode"], "urn:ihe:iti:dsg:detached:2014"],
)
def test_other_documents_have_other_formats(format_code: str) -> None:
    broken = refusal(deposit(formatCode=format_code))
    assert broken == ("format_of_technical_type", "document.formatCode")


def codes(datum: dict[str, Any]) -> list[str]:
    return [finding.code for finding in findings(datum)]


def test_the_bytes_of_technical_documents() -> None:
    assert codes(with_bytes(DICOM, **KOS)) == []
    assert codes(with_bytes(XMLDSIG, **SIGNATURE)) == []


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7" + bytes(200),
        DICOM[1:],
        DICOM[:131],
        b"",
        b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>',
    ],
)
def test_what_is_never_listed_must_be_what_it_says(content: bytes) -> None:
    assert codes(with_bytes(content, **KOS)) == ["content_not_dicom"]


@pytest.mark.parametrize(
    "content",
    [
        b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>',
        b"<Signature/>",
        XMLDSIG[:-3],
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + XMLDSIG,
        DICOM,
        b"",
    ],
)
def test_a_signature_is_read_without_danger(content: bytes) -> None:
    assert codes(with_bytes(content, **SIGNATURE)) == ["content_not_signature"]
