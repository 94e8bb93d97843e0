"""Value sets of the CI-SIS and the DMP as frozen look-ups, read once at import.

Each table of this folder says in its first line which official list and revision it comes
from. Codes that are not in the DMP's list stay in the tables (`in_dmp` no): old documents
carry them (TRAPS 22). Displays found in documents are often wrong: labels come from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

NO_OVERRIDE: Final[Mapping[tuple[str, str], str]] = MappingProxyType({})
UNSTRUCTURED_TEMPLATE: Final = "1.3.6.1.4.1.19376.1.2.20"
# Template .51 is the international synthesis; for a type 74207-2 sources disagree (SPEC j.19).
DLU_2024_OVERRIDE: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {("1.2.250.1.213.1.1.1.51", "74207-2"): "urn:asip:ci-sis:dlu:2024"}
)
TECHNICAL_TYPES: Final = frozenset({"E1762"})


@dataclass(frozen=True, slots=True)
class ListedCode:
    """A code of a value set: its system (OID where one is known) and its French label."""

    code: str
    system: str
    label: str
    in_dmp: bool = True


@dataclass(frozen=True, slots=True)
class FormatCode:
    """A formatCode (J60): the CDA templates that give it and, for an N1, the media type of the
    body.
    """

    code: str
    system: str
    label: str
    in_dmp: bool
    templates: frozenset[str]
    n1_media_type: str | None


def _rows(name: str) -> list[dict[str, str]]:
    lines = files(__name__).joinpath(f"{name}.tsv").read_text("utf-8").splitlines()
    columns = lines[1].split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[2:]]


def _listed(name: str) -> Mapping[str, ListedCode]:
    rows = (
        ListedCode(row["code"], row["system"], row["label"], row.get("in_dmp", "yes") == "yes")
        for row in _rows(name)
    )
    return MappingProxyType({entry.code: entry for entry in rows})


def _formats() -> Mapping[str, FormatCode]:
    return MappingProxyType(
        {
            row["code"]: FormatCode(
                row["code"],
                row["system"],
                row["label"],
                row["in_dmp"] == "yes",
                frozenset(row["templates"].split()),
                row["n1_media_type"] or None,
            )
            for row in _rows("format_code")
        }
    )


def _in_dmp(listed: Mapping[str, ListedCode]) -> frozenset[str]:
    return frozenset(code for code, entry in listed.items() if entry.in_dmp)


TYPES: Final = _listed("type_code")
CLASSES: Final = _listed("class_code")
FORMATS: Final = _formats()
PRACTICE_SETTINGS: Final = _listed("practice_setting_code")
FACILITIES: Final = _listed("facility_type_code")
CONFIDENTIALITIES: Final = _listed("confidentiality_code")
GENDERS: Final = _listed("gender_code")
AUTHOR_ROLES: Final = _listed("author_role")
AUTHOR_SPECIALTIES: Final = _listed("author_specialty")
SUBJECT_ROLES: Final = _listed("subject_role")
LANGUAGES: Final = MappingProxyType({row["code"]: row["label"] for row in _rows("language_code")})
IDENTIFIER_OIDS: Final = MappingProxyType(
    {row["oid"]: (row["name"], row["environment"]) for row in _rows("identifier_oid")}
)

TYPE_CODES: Final = frozenset(TYPES)
TYPE_CODES_DMP: Final = _in_dmp(TYPES)
CLASS_OF_TYPE: Final = MappingProxyType(
    {row["code"]: row["class"] for row in _rows("type_code") if row["class"]}
)
FORMAT_CODES: Final = frozenset(FORMATS)
FORMAT_CODES_DMP: Final = frozenset(code for code, entry in FORMATS.items() if entry.in_dmp)
FACILITY_CODES: Final = frozenset(FACILITIES)
FACILITY_CODES_DMP: Final = _in_dmp(FACILITIES)
PRACTICE_SETTING_CODES: Final = frozenset(PRACTICE_SETTINGS)
PRACTICE_SETTING_CODES_DMP: Final = _in_dmp(PRACTICE_SETTINGS)
CONFIDENTIALITY_LEVELS: Final = frozenset(
    row["code"] for row in _rows("confidentiality_code") if row["kind"] == "level"
)
CONFIDENTIALITY_FLAGS: Final = frozenset(CONFIDENTIALITIES) - CONFIDENTIALITY_LEVELS
MIME_TYPES: Final = frozenset(row["code"] for row in _rows("mime_type") if row["use"] == "document")
N1_MEDIA_TYPES: Final = frozenset(
    row["code"] for row in _rows("mime_type") if row["use"] == "n1_body"
)
_FORMAT_OF_TEMPLATE: Final = MappingProxyType(
    {
        template: entry
        for entry in FORMATS.values()
        if entry.n1_media_type is None
        for template in entry.templates
    }
)
_FORMAT_OF_N1: Final = MappingProxyType(
    {entry.n1_media_type: entry for entry in FORMATS.values() if entry.n1_media_type}
)


def class_of(type_code: str) -> str | None:
    """The classCode of this type (map X16 of the DMP, else X04); None for an unknown or
    unmapped type.
    """
    return CLASS_OF_TYPE.get(type_code)


def type_label(type_code: str) -> str | None:
    """The French label of a typeCode, None when it is in no list."""
    entry = TYPES.get(type_code)
    return entry.label if entry else None


def class_label(class_code: str) -> str | None:
    """The French label of a classCode, None when it is in no list."""
    entry = CLASSES.get(class_code)
    return entry.label if entry else None


def is_dmp_type(type_code: str) -> bool:
    """True when the DMP takes documents of this type (J66)."""
    return type_code in TYPE_CODES_DMP


def format_of(
    template_roots: tuple[str, ...],
    type_code: str | None,
    media_type: str | None,
    *,
    overrides: Mapping[tuple[str, str], str] = NO_OVERRIDE,
) -> FormatCode | None:
    """The formatCode of a CDA with these templates, in the order of the file; None when no
    rule gives one.

    An N1 takes it from the media type of its body (map A12), any other from its model
    template (map A11): the last one known, since models stand after the profiles they
    refine. `overrides` names a format by (template root, typeCode) where sources disagree.
    """
    if UNSTRUCTURED_TEMPLATE in template_roots:
        return _FORMAT_OF_N1.get(media_type or "")
    for root in reversed(template_roots):
        override = overrides.get((root, type_code or ""))
        found = FORMATS.get(override) if override else _FORMAT_OF_TEMPLATE.get(root)
        if found is not None:
            return found
    return None
