"""Metadata against the header of the CDA they came with (SPEC c.1, TRAP 21, 22)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cda import CdaDocument, read_cda
from schemas.cda.identification import Identification, read_identification
from schemas.rules.of_messages import content_right
from schemas.rules.table.rejections import REJECTIONS
from tests.samples.deposit import ANNA, DOCTOR, author
from tests.schemas.rules.deposited import cda, findings, refusal, with_bytes

N1: dict[str, Any] = {
    "template": "1.3.6.1.4.1.19376.1.2.20",
    "body": '<nonXMLBody><text mediaType="application/pdf" representation="B64">JVBE</text>'
    "</nonXMLBody>",
}
STYLESHEET = (
    b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    b'<xsl:template match="/"/>%s</xsl:stylesheet>'
)
COLLEAGUE = "1.2.250.1.71.4.2.1^899999999994"
RPLC = (
    '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.250.1.999.1.0"/>'
    "</parentDocument></relatedDocument>"
)


def said(content: bytes, **changes: Any) -> list[tuple[str, str | None]]:
    datum = with_bytes(content, **changes)
    assert refusal(datum) is None, "the metadata alone are right"
    return [(finding.code, finding.path) for finding in findings(datum)]


def test_a_document_that_says_the_same() -> None:
    assert said(cda()) == []
    assert said(cda(), mimeType="application/xml") == []  # SPEC j.13
    assert said(STYLESHEET % cda(), mimeType="application/xslt+xml") == []
    assert said(cda(**N1), formatCode="urn:ihe:iti:xds-sd:pdf:2008") == []


@pytest.mark.parametrize(
    ("content", "changes", "code", "field"),
    [
        (cda(), {"formatCode": "urn:ihe:iti:xds-sd:pdf:2008"}, "format_mismatch", "formatCode"),
        (cda(**N1), {}, "format_mismatch", "formatCode"),
        (
            cda(**N1),
            {"formatCode": "urn:ihe:iti:xds-sd:text:2008"},
            "format_mismatch",
            "formatCode",
        ),
        (
            cda(),
            {"formatCode": "urn:asipSante:modelesHorsProfils:2011"},
            "format_mismatch",
            "formatCode",
        ),
        (cda(), {"mimeType": "application/xslt+xml"}, "mime_type_mismatch", "mimeType"),
        (STYLESHEET % cda(), {}, "mime_type_mismatch", "mimeType"),
        (cda(creation="20240104170527+0100"), {}, "time_mismatch", "creationTime"),
        (cda(), {"creationTime": "20240104150527"}, "time_mismatch", "creationTime"),
        (cda(start="20240103150000+0100"), {}, "time_mismatch", "serviceStartTime"),
        (cda(), {"serviceStopTime": "20240104153100+0100"}, "time_mismatch", "serviceStopTime"),
        (cda(facility="SA07"), {}, "setting_mismatch", "healthcareFacilityTypeCode"),
        (cda(setting="ETABLISSEMENT"), {}, "setting_mismatch", "practiceSettingCode"),
        (cda(level="R"), {}, "confidentiality_lowered", "confidentialityCode"),
        (
            cda(level="V"),
            {"confidentialityCode": "R"},
            "confidentiality_lowered",
            "confidentialityCode",
        ),
    ],
)
def test_what_is_computed_from_the_document_is_refused_when_it_differs(
    content: bytes, changes: dict[str, Any], code: str, field: str
) -> None:
    assert said(content, **changes) == [(code, f"document.{field}")]
    assert (REJECTIONS[code].severity, REJECTIONS[code].changeable) == ("reject", False)
    datum = with_bytes(content, **changes)
    refused = content_right(content, datum["document"], datum["ins"], 1 << 23)
    assert refused is not None
    assert refused.code == code


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (cda(), {"creationTime": "20240104150527+0000"}),  # the same instant
        (cda(creation="202401041605+0100"), {}),  # to the lesser precision
        (cda(start="20240104"), {}),
        (cda(), {"serviceStartTime": "2024", "serviceStopTime": None}),
        (cda(start="not a time"), {}),
        (cda(level="U"), {}),
        (cda(), {"confidentialityCode": "V"}),  # stricter is the producer's right
        (cda(title=" Compte rendu\n d'examens  biologiques"), {}),
        (cda(), {"title": "Compte rendu  d'examens biologiques "}),
        (cda(), {"authors": [author(), author(COLLEAGUE)]}),  # SPEC b.4: the legal entity added
        (cda(), {"setId": None, "versionNumber": None}),
        (cda(), {"replaces": "1.2.250.1.999.1.0"}),  # often absent from the document (SPEC d.2)
        (cda(related=RPLC), {"replaces": "urn:oid:1.2.250.1.999.1.0"}),
    ],
)
def test_what_contradicts_nothing(content: bytes, changes: dict[str, Any]) -> None:
    assert said(content, **changes) == []


@pytest.mark.parametrize(
    ("content", "changes", "code", "field"),
    [
        (cda(template="1.2.3"), {}, "format_unfounded", "formatCode"),
        (cda(title="Lettre"), {}, "title_mismatch", "title"),
        (cda(language="en-US"), {}, "language_mismatch", "languageCode"),
        (cda(related=RPLC), {}, "replaces_mismatch", "replaces"),
        (cda(related=RPLC), {"replaces": "1.2.250.1.999.9"}, "replaces_mismatch", "replaces"),
        (cda(version=2), {}, "version_mismatch", "versionNumber"),
        (cda(), {"setId": "1.2.250.1.999.9"}, "version_mismatch", "setId"),
        (cda(signer=COLLEAGUE), {}, "signer_mismatch", "legalAuthenticatorId"),
        (cda(authors=(DOCTOR, COLLEAGUE)), {}, "author_mismatch", "authors"),
    ],
)
def test_what_only_differs_warns(
    content: bytes, changes: dict[str, Any], code: str, field: str
) -> None:
    assert said(content, **changes) == [(code, f"document.{field}")]
    assert REJECTIONS[code].severity == "warn"
    datum = with_bytes(content, **changes)
    assert content_right(content, datum["document"], datum["ins"], 1 << 23) is None


def test_all_differences_are_told_and_none_beside_a_contradiction() -> None:
    told = said(cda(title="Lettre", language="en-US", version=3))
    assert [code for code, _ in told] == ["title_mismatch", "language_mismatch", "version_mismatch"]
    told = said(cda(title="Lettre", facility="SA07"))
    assert [code for code, _ in told] == ["setting_mismatch"]


def test_an_unreferenced_model_may_say_so() -> None:
    unlisted = {"formatCode": "urn:asipSante:modelesHorsProfils:2011"}
    assert said(cda(template="1.2.3"), **unlisted) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size": 3}, "size_mismatch"),
        ({"sha256": b"\0" * 32}, "hash_mismatch"),
        ({"hash": b"\0" * 20}, "hash_mismatch"),
        ({"uniqueId": "1.2.250.1.999.1.2"}, "unique_id_mismatch"),
        ({"typeCode": "60568-3"}, "type_mismatch"),
    ],
)
def test_bytes_are_recomputed_before_they_are_read(changes: dict[str, Any], code: str) -> None:
    assert [found.code for found in findings(with_bytes(cda(), **changes))] == [code]


def test_a_document_of_somebody_else_is_refused_before_all_else() -> None:
    other = cda(matricule="124018852493334", facility="SA07", title="Lettre")
    assert said(other) == [("patient_mismatch", "ins")]
    assert said(cda().replace(ANNA.encode(), b"")) == [("patient_mismatch", "ins")]


elements = st.sampled_from(
    ["title", "code", "id", "effectiveTime", "component", "author", "recordTarget", "templateId"]
)


@given(st.lists(elements, max_size=3), st.integers(0, 900), st.binary(max_size=4))
def test_the_quick_reading_says_what_the_whole_one_says(
    dropped: list[str], at: int, new: bytes
) -> None:
    content = cda(related=RPLC, **N1)
    for name in dropped:
        content = content.replace(b"<" + name.encode(), b"<x" + name.encode())
    content = content[:at] + new + content[at + len(new) :]
    quick, whole = read_identification(content), read_cda(content)
    if not isinstance(quick, Identification):
        assert not isinstance(whole, CdaDocument)
        return
    assert isinstance(whole, CdaDocument)
    assert (quick.unique_id, quick.ins) == (whole.unique_id, whole.ins)
    assert (quick.type_code is None) == (whole.type is None)
    assert quick.title == whole.title
    assert quick.creation_time == whole.creation_time
    assert (quick.service_start, quick.service_stop) == (whole.service_start, whole.service_stop)
    assert quick.practice_setting == whole.practice_setting
    assert quick.facility_type == whole.facility_type
    assert quick.authors == tuple(a.id for a in whole.authors if a.id is not None)
    signer = whole.legal_authenticator
    assert quick.legal_authenticator == (signer.id if signer else None)
    assert (quick.set_id, quick.version) == (whole.set_id, whole.version)
    assert (quick.replaces, quick.mime_type) == (whole.replaces, whole.mime_type)
    assert quick.body.kind == whole.body.kind
    assert list(quick.templates) == [t.partition("^")[0] for t in whole.templates]
