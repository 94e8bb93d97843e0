"""Rules on access to a record: who is named, until when, on what grounds (SPEC d.5, h)."""

from collections.abc import Mapping
from typing import Any, Final

from schemas.forms.health_identifiers import (
    ORGANISATION_ROOT,
    PERSON_ROOT,
    organisation_id_flaw,
    person_id_flaw,
)
from schemas.forms.texts import (
    NAME_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    identifier_is_fit,
    optional_text_is_fit,
)
from schemas.forms.unique_id import unique_id_is_well_formed
from schemas.policy.access_term import MILLISECONDS_MAX
from schemas.rules.table.rejections import Rejection

DOCUMENTS_MAX: Final = 1000
_YEAR: Final = 366 * 24 * 3600 * 1000


_HOLDER_MALFORMED: Final = Rejection("holder_malformed", "professionalId")
_NAMES_NOBODY: Final = frozenset(
    {"person_id_malformed", "organisation_id_malformed", "organisation_is_person"}
)


def holder_named(professional_id: str) -> Rejection | None:
    """A person or an organisation by its national identifier; keys are not looked at (SPEC b.1,
    b.2).
    """
    root, _, extension = professional_id.partition("^")
    if root != ORGANISATION_ROOT:
        return physician_named(professional_id)
    fit = extension and organisation_id_flaw(extension) not in _NAMES_NOBODY
    return None if fit and identifier_is_fit(professional_id) else _HOLDER_MALFORMED


def physician_named(professional_id: str) -> Rejection | None:
    """The attending physician is a person (SPEC b.1, h.2)."""
    root, _, extension = professional_id.partition("^")
    fit = root == PERSON_ROOT and extension and person_id_flaw(extension) not in _NAMES_NOBODY
    return None if fit and identifier_is_fit(professional_id) else _HOLDER_MALFORMED


def identity_opens(datum: Mapping[str, Any]) -> Rejection | None:
    """Only under a qualified identity is access given: another one may be somebody
    else's (SPEC a.4, rule 28).
    """
    qualified = datum["ins"]["status"] == "QUALIFIEE"
    return None if qualified else Rejection("identity_not_qualified", "ins.status")


def said_at_right(datum: Mapping[str, Any]) -> Rejection | None:
    """When it was said is a moment from which six months can be counted (SPEC d.5)."""
    said_at = datum["provenance"]["occurredAt"]
    fit = 0 <= said_at <= MILLISECONDS_MAX - _YEAR
    return None if fit else Rejection("access_time_wrong", "provenance.occurredAt")


def until_right(datum: Mapping[str, Any]) -> Rejection | None:
    """The end of an authorisation comes after it was said (SPEC d.5)."""
    until = datum["until"]
    if until is None or datum["provenance"]["occurredAt"] < until <= MILLISECONDS_MAX:
        return None
    return Rejection("access_time_wrong", "until")


def texts_of_access_fit(datum: Mapping[str, Any]) -> Rejection | None:
    """Name and reason, where there are any, are texts (SPEC h.4)."""
    if not optional_text_is_fit(datum.get("professionalName"), NAME_LENGTH_MAX):
        return Rejection("text_malformed", "professionalName")
    fit = optional_text_is_fit(datum["reason"], TEXT_LENGTH_MAX)
    return None if fit else Rejection("text_malformed", "reason")


def motive_given(datum: Mapping[str, Any]) -> Rejection | None:
    """Break-glass needs a recorded motive (SPEC h.3)."""
    motive = datum["motive"]
    if datum["mode"] == "BREAK_GLASS" and (motive is None or not motive.strip()):
        return Rejection("motive_missing", "motive")
    fit = optional_text_is_fit(motive, TEXT_LENGTH_MAX)
    return None if fit else Rejection("text_malformed", "motive")


def documents_named(datum: Mapping[str, Any]) -> Rejection | None:
    """The documents of a trace are named well, and there is an end to them (SPEC h.4)."""
    ids = datum["documentIds"]
    if len(ids) > DOCUMENTS_MAX or not all(map(unique_id_is_well_formed, ids)):
        return Rejection("unique_id_malformed", "documentIds")
    return None


def accessed_at_right(datum: Mapping[str, Any]) -> Rejection | None:
    """What is traced has happened: not after the trace was made (SPEC h.4)."""
    if 0 <= datum["accessedAt"] <= min(datum["provenance"]["occurredAt"], MILLISECONDS_MAX):
        return None
    return Rejection("access_time_wrong", "accessedAt")


def authorisation_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on a given authorisation (SPEC d.5)."""
    return (
        identity_opens(datum)
        or holder_named(datum["professionalId"])
        or said_at_right(datum)
        or until_right(datum)
        or texts_of_access_fit(datum)
    )


def holder_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on a message that takes access away or blocks (SPEC d.1, h.2)."""
    return holder_named(datum["professionalId"]) or texts_of_access_fit(datum)


def designation_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on the naming of the attending physician (SPEC d.5, h.2)."""
    return (
        identity_opens(datum)
        or physician_named(datum["professionalId"])
        or texts_of_access_fit(datum)
    )


def designation_end_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on the end of it (SPEC d.5, h.2)."""
    return physician_named(datum["professionalId"]) or texts_of_access_fit(datum)


def emergency_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on an opposition to emergency access, and on its withdrawal (SPEC h.3)."""
    return texts_of_access_fit(datum)


def access_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on the trace of a consultation (SPEC h.3, h.4)."""
    return motive_given(datum) or documents_named(datum) or accessed_at_right(datum)
