"""Value sets of the CI-SIS and the DMP as frozen look-ups, read once at import.

The first line of each table of this folder names the official list and revision. Codes outside the
list of the DMP stay in the tables (`in_dmp` no): old documents carry them (TRAP 22). Displays of
documents are often wrong: labels come from these tables.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .listed import CodeList, FormatCode, ListedCode, formats, listed, rows_of

__all__ = ["CodeList", "FormatCode", "ListedCode"]

NO_OVERRIDE: Final[Mapping[tuple[str, str], str]] = MappingProxyType({})
UNSTRUCTURED_TEMPLATE: Final = "1.3.6.1.4.1.19376.1.2.20"
# Template .51 is the international synthesis. For a type 74207-2 sources disagree (SPEC j.19).
DLU_2024_OVERRIDE: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {("1.2.250.1.213.1.1.1.51", "74207-2"): "urn:asip:ci-sis:dlu:2024"}
)
SIGNATURE_TYPE: Final = "E1762"
KOS_TYPE: Final = "IMG-KOS"
IMAGING_CLASS: Final = "31"
"""Class of imaging reports and KOS (J57)."""
TELECONSULTATION: Final = "SA64"
"""Sector (J61) of téléconsultation companies, which feed under a certificate (SPEC g)."""
TECHNICAL_TYPES: Final = frozenset({SIGNATURE_TYPE, KOS_TYPE})
"""Types of documents that serve others (TRAP 25): the signature of a submission set, the KOS of a
report.
"""
SIGNATURE_FORMATS: Final = frozenset(
    {"http://www.w3.org/2000/09/xmldsig#", "urn:ihe:iti:dsg:detached:2014"}
)
KOS_FORMAT: Final = "1.2.840.10008.5.1.4.1.1.88.59"
UNREFERENCED_FORMAT: Final = "urn:asipSante:modelesHorsProfils:2011"
"""The format of a document whose model is in no list."""


TYPES: Final = listed("type_code")
CLASSES: Final = listed("class_code")
FORMATS: Final = formats()
PRACTICE_SETTINGS: Final = listed("practice_setting_code")
FACILITIES: Final = listed("facility_type_code")
CONFIDENTIALITIES: Final = listed("confidentiality_code")
GENDERS: Final = listed("gender_code")
AUTHOR_ROLES: Final = listed("author_role")
AUTHOR_SPECIALTIES: Final = listed("author_specialty")
SUBJECT_ROLES: Final = listed("subject_role")
CONTENT_TYPES: Final = listed("content_type_code")
REFERENCE_ID_TYPES: Final = listed("reference_id_type")
LANGUAGES: Final = MappingProxyType({row["code"]: row["label"] for row in rows_of("language_code")})
IDENTIFIER_OIDS: Final = MappingProxyType(
    {row["oid"]: (row["name"], row["environment"]) for row in rows_of("identifier_oid")}
)

TYPE_CODES: Final = frozenset(TYPES)
TYPE_CODES_DMP: Final = TYPES.of_dmp()
CLASS_OF_TYPE: Final = MappingProxyType(
    {row["code"]: row["class"] for row in rows_of("type_code") if row["class"]}
)
FORMAT_CODES_DMP: Final = FORMATS.of_dmp()
FACILITY_CODES_DMP: Final = FACILITIES.of_dmp()
PRACTICE_SETTING_CODES: Final = frozenset(PRACTICE_SETTINGS)
PRACTICE_SETTING_CODES_DMP: Final = PRACTICE_SETTINGS.of_dmp()
CONFIDENTIALITY_LEVELS: Final = frozenset(
    row["code"] for row in rows_of("confidentiality_code") if row["kind"] == "level"
)
CONFIDENTIALITY_FLAGS: Final = frozenset(CONFIDENTIALITIES) - CONFIDENTIALITY_LEVELS
MIME_TYPES: Final = frozenset(
    row["code"] for row in rows_of("mime_type") if row["use"] == "document"
)
CONTENT_TYPE_CODES: Final = frozenset(CONTENT_TYPES) | {
    # J61 from SA05 on: hospitals give the kind of activity (J59).
    code
    for code in FACILITY_CODES_DMP
    if code.startswith("SA") and code >= "SA05"
}
REFERENCE_ID_TYPES_DMP: Final = REFERENCE_ID_TYPES.of_dmp()
EVENT_SYSTEMS: Final = MappingProxyType(
    {row["system"]: (row["name"], row["form"]) for row in rows_of("event_system")}
)
"""Systems of event codes: the name, and the pattern of a whole code."""
ENDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "typeCode": TYPES.ends(),
        "formatCode": FORMATS.ends(),
        "healthcareFacilityTypeCode": FACILITIES.ends(),
        "practiceSettingCode": PRACTICE_SETTINGS.ends(),
    }
)
"""By field of a document: the codes that ended, and their last day (`YYYYMMDD`)."""


def _formats_of_templates() -> Mapping[str, tuple[FormatCode, ...]]:
    found: dict[str, tuple[FormatCode, ...]] = {}
    for entry in sorted(FORMATS.values(), key=lambda entry: entry.start):
        for template in entry.templates if entry.n1_media_type is None else ():
            found[template] = (*found.get(template, ()), entry)
    return MappingProxyType(found)


_FORMATS_OF_TEMPLATE: Final = _formats_of_templates()
_FORMAT_OF_N1: Final = MappingProxyType(
    {entry.n1_media_type: entry for entry in FORMATS.values() if entry.n1_media_type}
)


def class_of(type_code: str) -> str | None:
    """The classCode of this type (map X16 of the DMP, else X04). None for a type without map."""
    return CLASS_OF_TYPE.get(type_code)


def type_label(type_code: str, at: str | None = None) -> str | None:
    """The French label of a typeCode at this HL7 literal, the newest for None (TRAP 22).

    None for an unlisted code.
    """
    return TYPES.label(type_code, at)


def class_label(class_code: str, at: str | None = None) -> str | None:
    """The French label of a classCode at this HL7 literal, the newest for None.

    None for an unlisted code.
    """
    return CLASSES.label(class_code, at)


def facility_label(facility_code: str, at: str | None = None) -> str | None:
    """The French label of a sector at this HL7 literal, the newest for None.

    None for an unlisted code.
    """
    return FACILITIES.label(facility_code, at)


def is_dmp_type(type_code: str) -> bool:
    """True when the DMP takes documents of this type (J66)."""
    return type_code in TYPE_CODES_DMP


def is_listed_outside_dmp(type_code: str) -> bool:
    """True when the CI-SIS has this type (J07) and the DMP takes no document of it (J66)."""
    return type_code in TYPE_CODES and type_code not in TYPE_CODES_DMP


def format_of(
    template_roots: tuple[str, ...],
    type_code: str | None,
    media_type: str | None,
    *,
    at: str | None = None,
    overrides: Mapping[tuple[str, str], str] = NO_OVERRIDE,
) -> FormatCode | None:
    """The formatCode of a CDA with these templates, in the order of the file. None without rule.

    The media type of the body gives the format of an N1 (map A12); the template of the model gives
    any other (map A11). The last known template counts, since models follow the profiles that they
    refine. Of formats in use one after the other, that of `at` (HL7 literal) counts, the newest for
    None. `overrides`: a format by template root and typeCode, where sources disagree.
    """
    if UNSTRUCTURED_TEMPLATE in template_roots:
        return _FORMAT_OF_N1.get(media_type or "")
    for root in reversed(template_roots):
        override = overrides.get((root, type_code or ""))
        if override is not None:
            return FORMATS[override]
        found = _FORMATS_OF_TEMPLATE.get(root)
        if found is not None:
            begun = [entry for entry in found if at is None or entry.has_begun(at)]
            return begun[-1] if begun else found[0]
    return None


def formats_of(
    template_roots: tuple[str, ...], type_code: str | None, media_type: str | None
) -> frozenset[str]:
    """Every formatCode that a CDA with these templates may have at any date; empty without rule.

    Where sources disagree (SPEC j.19), the formats of all sources are in it.
    """
    if UNSTRUCTURED_TEMPLATE in template_roots:
        entry = _FORMAT_OF_N1.get(media_type or "")
        return frozenset({entry.code} if entry else ())
    for root in reversed(template_roots):
        found = _FORMATS_OF_TEMPLATE.get(root)
        if found is not None:
            disputed = DLU_2024_OVERRIDE.get((root, type_code or ""))
            return frozenset({entry.code for entry in found} | ({disputed} if disputed else set()))
    return frozenset()
