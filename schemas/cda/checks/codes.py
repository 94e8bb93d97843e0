"""Checks of a document's codes against the value sets."""

from collections.abc import Callable, Iterator
from typing import Final

from schemas import valuesets
from schemas.cda.document import CdaDocument, CdaRemark
from schemas.cda.elements import Element

Check = Callable[[Element, CdaDocument], Iterator[CdaRemark]]


def _type(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if found.type is None:
        return
    listed = valuesets.TYPES.get(found.type.code)
    if listed is None:
        yield CdaRemark("type_unknown", "The code of the document is in no list of types (J07).")
        return
    if listed.system != found.type.system:
        yield CdaRemark("type_system_wrong", "The code of the document comes with another system.")
    if not listed.in_dmp:
        yield CdaRemark("type_not_in_dmp", "The DMP takes no document of this type (J66).")


def _format(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if found.format_code is None:
        yield CdaRemark(
            "format_unknown",
            "No templateId, or media type of an N1 body, gives a formatCode (J60).",
        )
    elif found.format_code not in valuesets.FORMAT_CODES_DMP:
        yield CdaRemark("format_not_in_dmp", "The DMP takes no document of this format (J60).")


def _settings(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    rules = (
        ("practice_setting", found.practice_setting, valuesets.PRACTICE_SETTINGS, "J62"),
        ("facility_type", found.facility_type, valuesets.FACILITIES, "J61"),
        ("sex", found.sex, valuesets.GENDERS, "J143"),
    )
    for name, code, listed, list_name in rules:
        if code is None:
            continue
        entry = listed.get(code)
        if entry is None:
            yield CdaRemark(f"{name}_unknown", f"The code is not in the value set {list_name}.")
        elif not entry.in_dmp:
            yield CdaRemark(f"{name}_not_in_dmp", f"The code is not in the DMP's list {list_name}.")


def _confidentiality(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    level = found.confidentiality
    if level is not None and level not in valuesets.CONFIDENTIALITY_LEVELS:
        yield CdaRemark("confidentiality_unknown", "confidentialityCode is none of N, R and V.")


def _language(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if found.language is not None and found.language not in valuesets.LANGUAGES:
        yield CdaRemark("language_unexpected", "languageCode is not fr-FR.")


def _authors(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    for author in found.authors:
        if author.specialty and author.specialty not in valuesets.AUTHOR_SPECIALTIES:
            yield CdaRemark("specialty_unknown", "The code of an author is not in J01.")
        if author.function_code and author.function_code not in valuesets.AUTHOR_ROLES:
            yield CdaRemark("role_unknown", "The functionCode of an author is not in J47.")


CODE_CHECKS: Final[tuple[Check, ...]] = (
    _type,
    _format,
    _settings,
    _confidentiality,
    _language,
    _authors,
)
