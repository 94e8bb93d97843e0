"""The rules on the metadata of a document (SPEC c.1, c.3, c.4, g; TRAP 16, 22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import valuesets
from schemas.rules.of_messages import RULES_OF, SOFT_RULES_OF
from tests.samples.deposit import deposit
from tests.schemas.rules.deposited import refusal, remarks


def test_the_deposit_of_these_tests_breaks_no_rule() -> None:
    assert refusal(deposit()) is None
    assert remarks(deposit()) == []


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"typeCode": "no-such-type"}, "type_unknown", "typeCode"),
        ({"typeCode": "11526-1", "classCode": "10"}, "type_unknown", "typeCode"),  # SPEC j.17
        ({"classCode": "11"}, "class_contradicts_type", "classCode"),
        ({"formatCode": "urn:x"}, "format_unknown", "formatCode"),
        ({"mimeType": "application/pdf"}, "mime_type_unknown", "mimeType"),
        ({"mimeType": "application/dicom"}, "mime_type_contradicts_format", "mimeType"),
        ({"healthcareFacilityTypeCode": "SA66"}, "facility_unknown", "healthcareFacilityTypeCode"),
        ({"practiceSettingCode": "ESSMS"}, "practice_setting_unknown", "practiceSettingCode"),
        ({"languageCode": "french"}, "language_malformed", "languageCode"),
        ({"title": " "}, "text_malformed", "title"),
        ({"versionNumber": 0}, "version_malformed", "versionNumber"),
        ({"creationTime": "20241301"}, "time_malformed", "creationTime"),
        ({"serviceStartTime": ""}, "time_malformed", "serviceStartTime"),
        ({"size": 0}, "size_mismatch", "size"),
        ({"authors": []}, "author_missing", "authors"),
    ],
)
def test_what_refuses_a_document(changes: dict[str, Any], code: str, path: str) -> None:
    assert refusal(deposit(**changes)) == (code, f"document.{path}")


@pytest.mark.parametrize(
    "code",
    ["EXPORT_DUI", "PIECE-IDENTITE", "FICHE-CONTACTS", "FEUILLE-DE-STYLE", "51851-4", "56446-8"],
)
def test_types_of_the_ci_sis_that_are_not_for_the_dmp_are_refused_as_such(code: str) -> None:
    datum = deposit(typeCode=code, classCode=valuesets.class_of(code) or "10")
    assert refusal(datum) == ("type_not_in_dmp", "document.typeCode")


@given(st.sampled_from(sorted(valuesets.TYPE_CODES_DMP - valuesets.TECHNICAL_TYPES)))
def test_every_type_of_the_dmp_is_taken_with_its_class_and_with_no_other(code: str) -> None:
    right = valuesets.class_of(code)
    assert refusal(deposit(typeCode=code, classCode=right)) is None
    for other in valuesets.CLASSES:
        if other != right:
            broken = refusal(deposit(typeCode=code, classCode=other))
            assert broken == ("class_contradicts_type", "document.classCode")


@pytest.mark.parametrize("level", ["N", "R", "V"])
@given(st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_a_level_goes_with_any_of_the_three_flags(
    level: str, flags: tuple[bool, bool, bool]
) -> None:
    named = zip(
        ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"), flags, strict=True
    )
    datum = deposit(confidentialityCode=level, **dict(named))
    assert refusal(datum) is None
    shared = [] if level == "N" else ["level_should_not_be_shared"]
    assert [code for code, _ in remarks(datum)] == shared


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"uniqueId": "1.2.250.1.999.1^42"}, "unique_id_not_for_dmp", "uniqueId"),
        (
            {"uniqueId": "urn:uuid:6f5f3b1e-9c55-5a0b-8a31-7a1f1f0d4c2e"},
            "unique_id_not_for_dmp",
            "uniqueId",
        ),
        ({"languageCode": "en-US"}, "language_unexpected", "languageCode"),
        ({"languageCode": "art"}, "language_unexpected", "languageCode"),
        ({"sourcePatientId": None}, "source_patient_id_missing", "sourcePatientId"),
        (
            {"practiceSettingCode": "EXP_PATIENT"},
            "patient_settings_contradict",
            "practiceSettingCode",
        ),
        (
            {"healthcareFacilityTypeCode": "EXP_PATIENT"},
            "patient_settings_contradict",
            "practiceSettingCode",
        ),
        (
            {"typeCode": "DOCPAT04", "classCode": "31"},
            "patient_settings_contradict",
            "healthcareFacilityTypeCode",
        ),
    ],
)
def test_what_warns(changes: dict[str, Any], code: str, path: str) -> None:
    datum = deposit(**changes)
    assert refusal(datum) is None
    assert (code, f"document.{path}") in remarks(datum)


def test_an_oid_as_a_urn_is_an_oid() -> None:
    assert remarks(deposit(uniqueId="urn:oid:1.2.250.1.999.1.7")) == []


# Codes that ended (TRAP 22)


@pytest.mark.parametrize(
    ("field", "code", "beside", "last"),
    [
        ("typeCode", "ATTEST-VITALE", {"classCode": "95"}, "20240126"),
        ("formatCode", "urn:asip:ci-sis:sap:2012", {}, "20230630"),
        ("formatCode", "urn:asip:ci-sis:dlu:2024", {}, "20251029"),
        ("healthcareFacilityTypeCode", "SA11", {}, "20200626"),
    ],
)
def test_a_code_that_ended_stays_good_for_older_documents_only(
    field: str, code: str, beside: dict[str, Any], last: str
) -> None:
    def said(day: str) -> list[str]:
        moment = f"{day}090000+0100"
        datum = deposit(
            **{field: code, **beside},
            creationTime=moment,
            serviceStartTime=moment,
            serviceStopTime=None,
            legalAuthenticationTime=moment,
        )
        datum["provenance"]["occurredAt"] = 1_795_000_000_000
        assert refusal(datum) is None
        return [code for code, _ in remarks(datum)]

    assert "code_ended" not in said(last)
    next_day = datetime.strptime(last, "%Y%m%d").replace(tzinfo=UTC) + timedelta(days=1)
    assert "code_ended" in said(f"{next_day:%Y%m%d}")
    assert "code_ended" not in said("20100101")


# What a document is about


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("HBQK002", "1.2.250.1.213.2.5"),
        ("J02.0", "2.16.840.1.113883.6.3"),
        ("J020", "2.16.840.1.113883.6.3"),
        ("18725-2", "2.16.840.1.113883.6.1"),
        ("CT", "1.2.840.10008.2.16.4"),
        ("774007", "2.16.840.1.113883.6.96"),
        ("EXP_PATIENT", "1.2.250.1.213.1.1.4.6"),
        ("MED-1176", "1.2.250.1.213.1.1.4.322"),
        ("REMB", "1.2.250.1.213.1.1.4.12"),
    ],
)
def test_event_codes_of_known_systems(code: str, system: str) -> None:
    assert remarks(deposit(eventCodeList=[{"code": code, "system": system}])) == []


@pytest.mark.parametrize(
    ("code", "system", "said"),
    [
        ("XYZ", "1.2.250.1.213.2.5", "event_code_malformed"),
        ("HBQK002", "2.16.840.1.113883.6.3", "event_code_malformed"),
        ("18725", "2.16.840.1.113883.6.1", "event_code_malformed"),
        ("18725-2", "1.2.3", "event_system_unknown"),
        ("18725-2", "", "event_system_unknown"),
    ],
)
def test_event_codes_of_other_systems_or_forms_warn(code: str, system: str, said: str) -> None:
    datum = deposit(eventCodeList=[{"code": code, "system": system}])
    assert refusal(datum) is None
    assert remarks(datum) == [(said, "document.eventCodeList")]
    assert remarks(datum) == [(said, "document.eventCodeList")], "not remembered as fit"


@pytest.mark.parametrize(
    "kind",
    [
        "urn:ihe:iti:xds:2013:uniqueId",
        "urn:ihe:iti:xds:2013:referral",
        "urn:ihe:iti:xds:2015:encounterId",
        "accession",
        "",
    ],
)
def test_reference_identifiers_are_of_the_types_of_the_dmp(kind: str) -> None:
    reference = {"value": "1", "authority": None, "typeCode": kind}
    broken = refusal(deposit(referenceIdList=[reference]))
    assert broken == ("reference_type_unknown", "document.referenceIdList")


def test_lists_are_bounded() -> None:
    code = {"code": "18725-2", "system": "2.16.840.1.113883.6.1"}
    assert refusal(deposit(eventCodeList=[code] * 256)) is None
    assert refusal(deposit(eventCodeList=[code] * 257)) == (
        "text_malformed",
        "document.eventCodeList",
    )
    assert refusal(deposit(eventCodeList=[{"code": "", "system": "1.2"}])) is not None


# Submission sets (SPEC c.3)


@pytest.mark.parametrize("code", ["03", "11", "97", "SA05", "SA69", "EXP_PATIENT"])
def test_content_types_of_the_dmp(code: str) -> None:
    datum = deposit()
    datum["submissionSet"]["contentTypeCode"] = code
    assert refusal(datum) is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("contentTypeCode", "SA01", "content_type_unknown"),
        ("contentTypeCode", "99", "content_type_unknown"),
        ("contentTypeCode", "", "content_type_unknown"),
        ("uniqueId", "1.2.3^4", "set_identifier_malformed"),
        ("uniqueId", "lot-1", "set_identifier_malformed"),
        ("sourceId", "6f5f3b1e-9c55-5a0b-8a31-7a1f1f0d4c2e", "set_identifier_malformed"),
        ("sourceId", "1.02.3", "set_identifier_malformed"),
        ("sourceId", "1." + "2" * 200, "set_identifier_malformed"),
        ("title", "\0", "text_malformed"),
    ],
)
def test_what_refuses_a_submission_set(field: str, value: str, code: str) -> None:
    datum = deposit()
    datum["submissionSet"][field] = value
    assert refusal(datum) == (code, f"submissionSet.{field}")


CODES = ("typeCode", "classCode", "formatCode", "mimeType", "languageCode", "practiceSettingCode")
texts = st.text(max_size=30) | st.sampled_from(["", "1979", "20240104160527+0100", "E1762", "N"])


@given(
    st.dictionaries(
        st.sampled_from([*CODES, "uniqueId", "creationTime", "serviceStartTime", "title"]),
        texts,
    )
)
def test_any_text_is_answered_by_every_rule(changes: dict[str, str]) -> None:
    datum = deposit(**changes)
    if RULES_OF["DepositDocument"](datum) is None:  # soft rules suppose that the hard ones hold
        for rule in SOFT_RULES_OF["DepositDocument"]:
            rule(datum)
