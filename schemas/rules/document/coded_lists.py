"""Rules on the event codes and reference identifiers of a document (SPEC c.1).

The same acts come again and again: codes that are fit are remembered.
"""

import re
from typing import Final

from schemas.feed.messages import DepositDocument, Document
from schemas.forms.texts import ID_LENGTH_MAX, NAME_LENGTH_MAX, optional_text_is_fit, text_is_fit
from schemas.rules.table.rejections import Rejection, SoftRule
from schemas.valuesets import EVENT_SYSTEMS, REFERENCE_ID_TYPES_DMP

CODES_MAX: Final = 256
REMEMBERED_MAX: Final = 20_000
_FORMS: Final = {system: re.compile(form) for system, (_, form) in EVENT_SYSTEMS.items()}
_FIT_CODES: Final[set[tuple[str, str]]] = set()


def lists_fit(document: Document) -> Rejection | None:
    """Event codes and reference identifiers are fit, 256 of each at most (SPEC c.1)."""
    codes, references = document["eventCodeList"], document["referenceIdList"]
    if len(codes) > CODES_MAX:
        return Rejection("text_malformed", "document.eventCodeList")
    if len(references) > CODES_MAX:
        return Rejection("text_malformed", "document.referenceIdList")
    return event_codes_fit(document) or references_right(document)


def event_codes_fit(document: Document) -> Rejection | None:
    """Code and system of each event are texts (SPEC c.1)."""
    for coded in document["eventCodeList"]:
        if (coded["code"], coded["system"]) in _FIT_CODES:
            continue
        if not (
            text_is_fit(coded["code"], ID_LENGTH_MAX)
            and optional_text_is_fit(coded["system"], ID_LENGTH_MAX)
        ):
            return Rejection("text_malformed", "document.eventCodeList")
    return None


def references_right(document: Document) -> Rejection | None:
    """Reference identifiers have a value and a type of J231: accession, order, study (SPEC c.1)."""
    for reference in document["referenceIdList"]:
        if reference["typeCode"] not in REFERENCE_ID_TYPES_DMP:
            return Rejection("reference_type_unknown", "document.referenceIdList")
        if not (
            text_is_fit(reference["value"], NAME_LENGTH_MAX)
            and optional_text_is_fit(reference["authority"], ID_LENGTH_MAX)
        ):
            return Rejection("text_malformed", "document.referenceIdList")
    return None


def event_codes_known(datum: DepositDocument) -> Rejection | None:
    """Each event code has a known system and the form of that system (SPEC c.1)."""
    for coded in datum["document"]["eventCodeList"]:
        code, system = coded["code"], coded["system"]
        if (code, system) in _FIT_CODES:
            continue
        form = _FORMS.get(system)
        if form is None:
            return Rejection("event_system_unknown", "document.eventCodeList")
        if form.fullmatch(code) is None:
            return Rejection("event_code_malformed", "document.eventCodeList")
        if len(_FIT_CODES) >= REMEMBERED_MAX:
            _FIT_CODES.clear()
        _FIT_CODES.add((code, system))
    return None


SOFT_RULES_OF_LISTS: Final[tuple[SoftRule, ...]] = (event_codes_known,)
"""The soft rules on the lists of a deposit."""
