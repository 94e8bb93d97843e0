"""Rules on the metadata of a document (SPEC c.1, c.2)."""

from collections.abc import Mapping
from typing import Any, Final

from ..messages import Document
from ..rejections import Rejection, SoftRule
from ..text_forms import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    language_is_fit,
    optional_text_is_fit,
    text_is_fit,
)
from ..times import four_times_exist, is_earlier_day, time_exists
from ..unique_id import canonical_unique_id, unique_id_is_well_formed
from ..valuesets import (
    CLASS_OF_TYPE,
    ENDS,
    FACILITY_CODES_DMP,
    FORMAT_CODES_DMP,
    MIME_TYPES,
    PRACTICE_SETTING_CODES_DMP,
    SIGNATURE_TYPE,
    TYPE_CODES,
    TYPE_CODES_DMP,
)
from .coded_lists import SOFT_RULES_OF_LISTS, event_codes_known, lists_fit
from .plausibility import SOFT_RULES_OF_TIMES, offsets_written
from .technical import technical_entry_right

__all__ = ["lists_fit"]

_XDS_ID_LENGTH_MAX: Final = 64
_PATIENT_SETTING: Final = "EXP_PATIENT"
_PATIENT_TYPES: Final = tuple(f"DOCPAT{number:02}" for number in range(1, 11))
_LANGUAGE: Final = "fr-FR"
_ENDS: Final = tuple((field, ends) for field, ends in ENDS.items() if ends)
_LOOKED_AT: Final = frozenset(
    {
        _PATIENT_SETTING,
        SIGNATURE_TYPE,
        *_PATIENT_TYPES,
        *(code for _, ends in _ENDS for code in ends),
    }
)
"""Codes that some rule below asks more about."""


def unique_id_right(unique_id: str, path: str) -> Rejection | None:
    """An OID or a UUID, 128 characters at most (SPEC c.1)."""
    return None if unique_id_is_well_formed(unique_id) else Rejection("unique_id_malformed", path)


def replaces_right(document: Document) -> Rejection | None:
    """The replaced document is named well, and is another one (SPEC d.2)."""
    replaced = document["replaces"]
    if replaced is None:
        return None
    if not unique_id_is_well_formed(replaced):
        return Rejection("unique_id_malformed", "document.replaces")
    if canonical_unique_id(replaced) == canonical_unique_id(document["uniqueId"]):
        return Rejection("replaces_itself", "document.replaces")
    return None


def type_right(document: Document) -> Rejection | None:
    """The type is one of J66; those of J07 that the DMP does not take are told apart (SPEC c.1)."""
    type_code = document["typeCode"]
    if type_code in TYPE_CODES_DMP:
        return None
    if type_code in TYPE_CODES:
        return Rejection("type_not_in_dmp", "document.typeCode")
    return Rejection("type_unknown", "document.typeCode")


def codes_known(document: Document) -> Rejection | None:
    """Type, class of that type, format, mime type, facility, practice setting (SPEC c.1, TRAPS
    22); and all they must be together in a document that serves others (TRAPS 25).
    """
    rejection = type_right(document)
    if rejection is not None:
        return rejection
    if document["classCode"] != CLASS_OF_TYPE.get(document["typeCode"]):
        return Rejection("class_contradicts_type", "document.classCode")
    if document["formatCode"] not in FORMAT_CODES_DMP:
        return Rejection("format_unknown", "document.formatCode")
    if document["mimeType"] not in MIME_TYPES:
        return Rejection("mime_type_unknown", "document.mimeType")
    if document["healthcareFacilityTypeCode"] not in FACILITY_CODES_DMP:
        return Rejection("facility_unknown", "document.healthcareFacilityTypeCode")
    if document["practiceSettingCode"] not in PRACTICE_SETTING_CODES_DMP:
        return Rejection("practice_setting_unknown", "document.practiceSettingCode")
    if not language_is_fit(document["languageCode"]):
        return Rejection("language_malformed", "document.languageCode")
    return technical_entry_right(document)


def times_readable(document: Document) -> Rejection | None:
    """Creation, act and signature are HL7 literals of times that exist (SPEC c.2, TRAPS 8-10)."""
    creation, start = document["creationTime"], document["serviceStartTime"]
    stop, signed = document["serviceStopTime"], document["legalAuthenticationTime"]
    if four_times_exist(
        start, creation, start if stop is None else stop, creation if signed is None else signed
    ):
        return None
    if not time_exists(start):
        return Rejection("time_malformed", "document.serviceStartTime")
    if creation != start and not time_exists(creation):
        return Rejection("time_malformed", "document.creationTime")
    if stop is not None and stop != start and not time_exists(stop):
        return Rejection("time_malformed", "document.serviceStopTime")
    if signed is not None and signed != creation and not time_exists(signed):
        return Rejection("time_malformed", "document.legalAuthenticationTime")
    return None


def texts_fit(document: Document) -> Rejection | None:
    """A title compulsory; texts of bounded length without control characters (SPEC c.1)."""
    if not text_is_fit(document["title"], TITLE_LENGTH_MAX):
        return Rejection("text_malformed", "document.title")
    if not optional_text_is_fit(document["comments"], TEXT_LENGTH_MAX):
        return Rejection("text_malformed", "document.comments")
    if not optional_text_is_fit(document["setId"], 2 * ID_LENGTH_MAX):
        return Rejection("text_malformed", "document.setId")
    if not optional_text_is_fit(document["legalAuthenticatorName"], NAME_LENGTH_MAX):
        return Rejection("text_malformed", "document.legalAuthenticatorName")
    return None


def size_declared(document: Document) -> Rejection | None:
    """A document has at least one byte (SPEC c.1)."""
    return None if document["size"] > 0 else Rejection("size_mismatch", "document.size")


def version_right(document: Document) -> Rejection | None:
    """The number of the version, where it is given, counts from 1 (SPEC d.2, f.1)."""
    number = document["versionNumber"]
    if number is not None and number < 1:
        return Rejection("version_malformed", "document.versionNumber")
    return None


def codes_in_force(datum: Mapping[str, Any]) -> Rejection | None:
    """No code had ended before the document was made; older documents keep theirs (TRAPS 22)."""
    document = datum["document"]
    for field, ends in _ENDS:
        end = ends.get(document[field])
        if end is not None and is_earlier_day(end, document["creationTime"]):
            return Rejection("code_ended", f"document.{field}")
    return None


def unique_id_of_dmp(datum: Mapping[str, Any]) -> Rejection | None:
    """The uniqueId is an OID of at most 64 characters without extension, as the DMP wants it
    (SPEC c.1).
    """
    unique_id = datum["document"]["uniqueId"].removeprefix("urn:oid:")
    if len(unique_id) <= _XDS_ID_LENGTH_MAX and unique_id.replace(".", "").isdigit():
        return None
    return Rejection("unique_id_not_for_dmp", "document.uniqueId")


def level_shared(datum: Mapping[str, Any]) -> Rejection | None:
    """Documents of levels R and V should not be shared (SPEC c.4)."""
    if datum["document"]["confidentialityCode"] == "N":
        return None
    return Rejection("level_should_not_be_shared", "document.confidentialityCode")


def language_expected(datum: Mapping[str, Any]) -> Rejection | None:
    """The language is fr-FR (SPEC c.1); that of a signature has its own rule."""
    document = datum["document"]
    if document["languageCode"] == _LANGUAGE or document["typeCode"] == SIGNATURE_TYPE:
        return None
    return Rejection("language_unexpected", "document.languageCode")


def source_patient_named(datum: Mapping[str, Any]) -> Rejection | None:
    """The patient's local identifier is given, the INS when there is none (SPEC a.5, c.1)."""
    if datum["document"]["sourcePatientId"]:
        return None
    return Rejection("source_patient_id_missing", "document.sourcePatientId")


def patient_settings_right(datum: Mapping[str, Any]) -> Rejection | None:
    """Facility and practice setting are both EXP_PATIENT or neither, and both in what the patient
    deposits himself (SPEC g).
    """
    document = datum["document"]
    facility = document["healthcareFacilityTypeCode"] == _PATIENT_SETTING
    setting = document["practiceSettingCode"] == _PATIENT_SETTING
    if facility != setting:
        return Rejection("patient_settings_contradict", "document.practiceSettingCode")
    if not facility and document["typeCode"] in _PATIENT_TYPES:
        return Rejection("patient_settings_contradict", "document.healthcareFacilityTypeCode")
    return None


def plain_metadata(datum: Mapping[str, Any]) -> bool:
    """Whether one look tells that no rule above is broken, nor one on offsets and event codes."""
    document: Document = datum["document"]
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
