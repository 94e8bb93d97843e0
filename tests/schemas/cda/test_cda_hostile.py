"""Bytes of anybody end as a document or a refusal, whatever they are, and cost little."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cda import (
    MAX_ATTRIBUTES,
    MAX_BYTES,
    MAX_MARKUP,
    CdaDocument,
    CdaUnreadable,
    Subject,
    read_cda,
    read_subject,
)

HL7 = b"urn:hl7-org:v3"
MATRICULE = "279035121518989"
DOCUMENT = (
    f'<ClinicalDocument xmlns="{HL7.decode()}"><id root="1.2.3"/><title>t</title><recordTarget>'
    f'<patientRole><id root="1.2.250.1.213.1.4.10" extension="{MATRICULE}"/></patientRole>'
    "</recordTarget><author/></ClinicalDocument>"
).encode()


def refusal(data: bytes) -> str:
    """The code of the refusal, after checking that both readings refuse alike."""
    found = read_cda(data)
    assert isinstance(found, CdaUnreadable), found
    assert isinstance(read_subject(data), CdaUnreadable)
    assert MATRICULE not in found.detail
    return found.code


def wrapped(inner: bytes) -> bytes:
    return b'<ClinicalDocument xmlns="' + HL7 + b'">' + inner + b"</ClinicalDocument>"


LAUGHS = b"".join(
    b'<!ENTITY e%d "%s">' % (level, b"&e%d;" % (level - 1) * 10) for level in range(1, 12)
)


@pytest.mark.parametrize(
    "prolog",
    [
        b'<!DOCTYPE x [<!ENTITY e0 "ha">' + LAUGHS + b"]>",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        b"<!-- a --> <?b?> \n<!DOCTYPE x>",
        b'<?xml version="1.0"?>\n<!DOCTYPE x>',
        b"\xef\xbb\xbf<!DOCTYPE x>",
    ],
)
def test_every_dtd_is_refused(prolog: bytes) -> None:
    assert refusal(prolog + wrapped(b"<title>&e11;&e;</title>")) == "doctype"


def test_a_dtd_word_in_the_content_is_only_content() -> None:
    found = read_cda(wrapped(b"<title><![CDATA[<!DOCTYPE x>]]></title><!-- <!DOCTYPE y> -->"))
    assert isinstance(found, CdaDocument)
    assert found.title == "<!DOCTYPE x>"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"%PDF-1.7 not xml", "not_xml"),
        (wrapped(b"<title>"), "not_xml"),
        (wrapped(b"<title>&undeclared;</title>"), "not_xml"),
        (wrapped(b"<title>\xff\xfe</title>"), "not_xml"),
        (b"<ClinicalDocument/>", "no_clinical_document"),
        (b'<envelope><ClinicalDocument xmlns="' + HL7 + b'"/></envelope>', "no_clinical_document"),
        (wrapped(DOCUMENT), "several_clinical_documents"),
        (wrapped(b"<a>" * 300 + b"</a>" * 300), "too_deep"),
        (DOCUMENT.decode().encode("utf-16"), "encoding_not_accepted"),
        (DOCUMENT.decode().encode("utf-16-le"), "encoding_not_accepted"),
        (b'<?xml version="1.0" encoding="UTF-7"?>' + DOCUMENT, "encoding_not_accepted"),
        (b'<?xml version="1.0" encoding="EBCDIC-CP-FR"?>' + DOCUMENT, "encoding_not_accepted"),
        (wrapped(b"<a/>" * (MAX_MARKUP + 1)), "too_many_elements"),
        (
            wrapped(b"<a " + b" ".join(b'a%d=""' % n for n in range(MAX_ATTRIBUTES)) + b"/>"),
            "too_many_attributes",
        ),
        (wrapped(b"x" * MAX_BYTES), "too_large"),
    ],
)
def test_each_kind_of_bad_file_has_its_refusal(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_many_attributes_below_the_bound_are_read() -> None:
    attributes = b" ".join(b'a%d=""' % number for number in range(20_000))
    assert isinstance(read_cda(wrapped(b"<a " + attributes + b"/>")), CdaDocument)


def test_a_header_of_faults_tells_only_the_first_places() -> None:
    fault = b'<id root="1.2.250.1.71.4.2.1" extension="?"/>'
    found = read_cda(
        wrapped(b"<author>" + b"<x>" * 200 + fault * 50_000 + b"</x>" * 200 + b"</author>")
    )
    assert isinstance(found, CdaDocument)
    assert max(len(problem.detail) for problem in found.problems) < 2_000


def test_a_document_of_the_largest_size_is_read() -> None:
    padding = MAX_BYTES - len(wrapped(b"<title></title>"))
    found = read_cda(wrapped(b"<title>" + b"x" * padding + b"</title>"))
    assert isinstance(found, CdaDocument)
    assert found.size == MAX_BYTES


def test_stylesheets_are_never_resolved_or_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    sheet = (
        f'<?xml-stylesheet type="text/xsl" href="file://{tmp_path}/s.xsl"?>'
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
        'xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">'
        f'<xsl:import href="file://{tmp_path}/s.xsl"/>'
        f'<xsl:template match="/"><exsl:document href="{proof}">x</exsl:document></xsl:template>'
    ).encode()
    found = read_cda(sheet + DOCUMENT + b"</xsl:stylesheet>")
    assert isinstance(found, CdaDocument)
    assert found.mime_type == "application/xslt+xml"
    assert found.unique_id == "1.2.3"
    assert list(tmp_path.iterdir()) == []


PATIENT = DOCUMENT.index(b"<recordTarget>"), DOCUMENT.index(b"<author/>")
OTHER = DOCUMENT[slice(*PATIENT)].replace(MATRICULE.encode(), b"124018852493334")


@pytest.mark.parametrize("hidden_behind", [b"<author/>", b"<component/>"])
def test_a_second_patient_is_never_overlooked(hidden_behind: bytes) -> None:
    data = DOCUMENT.replace(b"<author/>", hidden_behind + OTHER)
    assert refusal(data) == "several_of_one"


def test_a_second_ins_of_one_patient_is_no_ins() -> None:
    second = b'<id root="1.2.250.1.213.1.4.10" extension="124018852493334"/></patientRole>'
    data = DOCUMENT.replace(b"</patientRole>", second)
    whole = read_cda(data)
    assert isinstance(whole, CdaDocument)
    assert whole.ins is None
    assert "ins_ambiguous" in {problem.code for problem in whole.problems}
    assert read_subject(data) == Subject("1.2.3", None)


FRAGMENTS = st.sampled_from(
    [
        DOCUMENT[slice(*PATIENT)],
        OTHER,
        b"<recordTarget/>",
        b"<author/>",
        b"<author><recordTarget><author/></recordTarget></author>",
        b"<component><structuredBody/></component>",
        b'<id root="1.2.4"/>',
        b"<!-- <recordTarget> <ClinicalDocument> -->",
        b"<![CDATA[<recordTarget>]]>",
        b"<p:recordTarget xmlns:p='urn:hl7-org:v3'/>",
    ]
)


@given(st.lists(FRAGMENTS, max_size=8))
def test_the_quick_reading_agrees_with_the_whole_one(fragments: list[bytes]) -> None:
    data = wrapped(b"".join(fragments))
    whole, quick = read_cda(data), read_subject(data)
    if isinstance(whole, CdaDocument):
        assert quick == Subject(whole.unique_id, whole.ins)
    elif isinstance(quick, Subject):  # what stands twice stands behind the patient
        assert "recordTarget" not in whole.detail


@given(st.binary(max_size=400))
def test_any_bytes_end_as_document_or_refusal(data: bytes) -> None:
    assert isinstance(read_cda(data), CdaDocument | CdaUnreadable)
    assert isinstance(read_subject(data), Subject | CdaUnreadable)


@given(st.integers(0, len(DOCUMENT)), st.binary(max_size=12), st.integers(0, 12))
def test_damaged_documents_end_as_document_or_refusal(at: int, put: bytes, cut: int) -> None:
    data = DOCUMENT[:at] + put + DOCUMENT[at + cut :]
    whole, quick = read_cda(data), read_subject(data)
    assert isinstance(whole, CdaDocument | CdaUnreadable)
    if isinstance(whole, CdaDocument):
        assert quick == Subject(whole.unique_id, whole.ins)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_any_text_in_any_place_gives_problems_that_do_not_repeat_it(text: str) -> None:
    marked = "Zq7" + text.translate({ord(c): None for c in "<>&\"'\ufffe\uffff"})
    data = (
        f'<ClinicalDocument xmlns="{HL7.decode()}"><id root="{marked}"/><code code="{marked}"/>'
        f'<effectiveTime value="{marked}"/><versionNumber value="{marked}"/><recordTarget>'
        f'<patientRole><id root="1.2.250.1.213.1.4.10" extension="{marked}"/><patient><name>'
        f'<family qualifier="{marked}">{marked}</family></name></patient></patientRole>'
        f'</recordTarget><author><functionCode code="{marked}"/><assignedAuthor>'
        f'<id root="1.2.250.1.71.4.2.1" extension="{marked}"/></assignedAuthor></author>'
        "</ClinicalDocument>"
    ).encode()
    found = read_cda(data)
    assert isinstance(found, CdaDocument)
    assert not any("Zq7" in problem.code + problem.detail for problem in found.problems)
