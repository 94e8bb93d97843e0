"""Rules on the metadata of a document (SPEC c.1, c.2)."""

from schemas.feed.messages import Document
from schemas.forms.texts import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    language_is_fit,
    optional_text_is_fit,
    text_is_fit,
)
from schemas.forms.times import four_times_exist, time_exists
from schemas.forms.unique_id import canonical_unique_id, unique_id_is_well_formed
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import (
    CLASS_OF_TYPE,
    FACILITY_CODES_DMP,
    FORMAT_CODES_DMP,
    MIME_TYPES,
    PRACTICE_SETTING_CODES_DMP,
    TYPE_CODES_DMP,
    is_listed_outside_dmp,
)

from .coded_lists import lists_fit
from .technical import technical_entry_right

__all__ = ["lists_fit"]


def unique_id_right(unique_id: str, path: str) -> Rejection | None:
    """An OID or a UUID, 128 characters at most (SPEC c.1)."""
    return None if unique_id_is_well_formed(unique_id) else Rejection("unique_id_malformed", path)


def replaces_right(document: Document) -> Rejection | None:
    """The uniqueId of the replaced document is well formed, and another one (SPEC d.2)."""
    replaced = document["replaces"]
    if replaced is None:
        return None
    if not unique_id_is_well_formed(replaced):
        return Rejection("unique_id_malformed", "document.replaces")
    if canonical_unique_id(replaced) == canonical_unique_id(document["uniqueId"]):
        return Rejection("replaces_itself", "document.replaces")
    return None


def type_right(document: Document) -> Rejection | None:
    """The type is one of J66 (SPEC c.1). Types of J07 outside the DMP have their own code."""
    type_code = document["typeCode"]
    if type_code in TYPE_CODES_DMP:
        return None
    code = "type_not_in_dmp" if is_listed_outside_dmp(type_code) else "type_unknown"
    return Rejection(code, "document.typeCode")


def codes_known(document: Document) -> Rejection | None:
    """Type, its class, format, mime type, facility, practice setting and language are listed codes
    (SPEC c.1, TRAP 22), and fit together in a document that serves others (TRAP 25).
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
    """Creation, act and signature are HL7 literals of times that exist (SPEC c.2, TRAP 8 to 10)."""
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
    """There is a title. Texts have bounded length and no control characters (SPEC c.1)."""
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
    """The number of the version, if there is one, counts from 1 (SPEC d.2, f.1)."""
    number = document["versionNumber"]
    if number is not None and number < 1:
        return Rejection("version_malformed", "document.versionNumber")
    return None
