"""Rules on the metadata of a document that may only warn (SPEC c.1, c.4, g; TRAP 22)."""

from collections.abc import Mapping
from typing import Final, Literal, cast

from schemas.feed.messages import DepositDocument
from schemas.forms.time_order import is_earlier_day
from schemas.rules.table.rejections import Rejection, SoftRule
from schemas.valuesets import ENDS, SIGNATURE_TYPE

from .coded_lists import SOFT_RULES_OF_LISTS, event_codes_known
from .plausibility import SOFT_RULES_OF_TIMES, offsets_written

_XDS_ID_LENGTH_MAX: Final = 64
_LANGUAGE: Final = "fr-FR"
_PATIENT_SETTING: Final = "EXP_PATIENT"
_PATIENT_TYPES: Final = tuple(f"DOCPAT{number:02}" for number in range(1, 11))
_CodeField = Literal["typeCode", "formatCode", "healthcareFacilityTypeCode", "practiceSettingCode"]
_ENDS: Final[tuple[tuple[_CodeField, Mapping[str, str]], ...]] = tuple(
    (cast(_CodeField, field), ends) for field, ends in ENDS.items() if ends
)
_LOOKED_AT: Final = frozenset(
    {
        _PATIENT_SETTING,
        SIGNATURE_TYPE,
        *_PATIENT_TYPES,
        *(code for _, ends in _ENDS for code in ends),
    }
)
"""Codes that a rule below looks at more closely."""


def codes_in_force(datum: DepositDocument) -> Rejection | None:
    """No code had ended when the document was made. Older documents keep their codes (TRAP 22)."""
    document = datum["document"]
    for field, ends in _ENDS:
        end = ends.get(document[field])
        if end is not None and is_earlier_day(end, document["creationTime"]):
            return Rejection("code_ended", f"document.{field}")
    return None


def unique_id_of_dmp(datum: DepositDocument) -> Rejection | None:
    """For the DMP, the uniqueId is an OID of at most 64 characters, no extension (SPEC c.1)."""
    unique_id = datum["document"]["uniqueId"].removeprefix("urn:oid:")
    if len(unique_id) <= _XDS_ID_LENGTH_MAX and unique_id.replace(".", "").isdigit():
        return None
    return Rejection("unique_id_not_for_dmp", "document.uniqueId")


def level_shared(datum: DepositDocument) -> Rejection | None:
    """Documents of levels R and V should not be shared (SPEC c.4)."""
    if datum["document"]["confidentialityCode"] == "N":
        return None
    return Rejection("level_should_not_be_shared", "document.confidentialityCode")


def language_expected(datum: DepositDocument) -> Rejection | None:
    """The language is fr-FR (SPEC c.1). A signature has its own rule."""
    document = datum["document"]
    if document["languageCode"] == _LANGUAGE or document["typeCode"] == SIGNATURE_TYPE:
        return None
    return Rejection("language_unexpected", "document.languageCode")


def source_patient_named(datum: DepositDocument) -> Rejection | None:
    """There is a local identifier of the patient; the INS when he has no other (SPEC a.5, c.1)."""
    if datum["document"]["sourcePatientId"]:
        return None
    return Rejection("source_patient_id_missing", "document.sourcePatientId")


def patient_settings_right(datum: DepositDocument) -> Rejection | None:
    """Facility and practice setting are both EXP_PATIENT or neither; both in documents that the
    patient deposits himself (SPEC g).
    """
    document = datum["document"]
    facility = document["healthcareFacilityTypeCode"] == _PATIENT_SETTING
    setting = document["practiceSettingCode"] == _PATIENT_SETTING
    if facility != setting:
        return Rejection("patient_settings_contradict", "document.practiceSettingCode")
    if not facility and document["typeCode"] in _PATIENT_TYPES:
        return Rejection("patient_settings_contradict", "document.healthcareFacilityTypeCode")
    return None


def plain_metadata(datum: DepositDocument) -> bool:
    """True: one look tells that all rules above are kept, and those on offsets and event codes."""
    document = datum["document"]
    facility, setting = document["healthcareFacilityTypeCode"], document["practiceSettingCode"]
    unique_id = document["uniqueId"]
    return (
        document["confidentialityCode"] == "N"
        and document["languageCode"] == _LANGUAGE
        and bool(document["sourcePatientId"])
        and len(unique_id) <= _XDS_ID_LENGTH_MAX
        and unique_id.replace(".", "").isdigit()
        and document["typeCode"] not in _LOOKED_AT
        and document["formatCode"] not in _LOOKED_AT
        and facility not in _LOOKED_AT
        and setting not in _LOOKED_AT
        and offsets_written(datum) is None
        and event_codes_known(datum) is None
    )


SOFT_DEPOSIT_RULES: Final[tuple[SoftRule, ...]] = (
    codes_in_force,
    unique_id_of_dmp,
    level_shared,
    language_expected,
    source_patient_named,
    patient_settings_right,
    *SOFT_RULES_OF_LISTS,
    *SOFT_RULES_OF_TIMES,
)
"""The soft rules on the metadata of a deposit (SPEC c.1, c.2, c.4, g)."""
