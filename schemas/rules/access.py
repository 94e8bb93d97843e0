"""Rules on access to a record: who is named, until when, with which motive (SPEC d.5, h)."""

from typing import Final, TypedDict

from schemas.feed.access_messages import (
    AuthoriseAccess,
    DesignateAttendingPhysician,
    RecordAccess,
)
from schemas.feed.messages import Ins, Provenance
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


class WithIns(TypedDict):
    """The person of every message about access."""

    ins: Ins


class WithReason(TypedDict):
    """The field of messages that give access or take it away."""

    reason: str | None


class AboutHolder(WithReason):
    """The fields of messages that name somebody."""

    professionalId: str


class AboutNamedHolder(AboutHolder):
    """The fields of messages that name somebody and tell what he is called."""

    professionalName: str | None


_HOLDER_MALFORMED: Final = Rejection("holder_malformed", "professionalId")
_NAMES_NOBODY: Final = frozenset(
    {"person_id_malformed", "organisation_id_malformed", "organisation_is_person"}
)


def holder_named(professional_id: str) -> Rejection | None:
    """A person or an organisation is named by a national identifier (SPEC b.1, b.2).

    Keys are not looked at.
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


def identity_opens(datum: WithIns) -> Rejection | None:
    """Access is given under a qualified identity only: another one may belong to somebody else
    (SPEC a.4, rule 28).
    """
    qualified = datum["ins"]["status"] == "QUALIFIEE"
    return None if qualified else Rejection("identity_not_qualified", "ins.status")


def given_at_right(provenance: Provenance) -> Rejection | None:
    """Six months can be counted from the moment at which access was given (SPEC d.5)."""
    fit = 0 <= provenance["occurredAt"] <= MILLISECONDS_MAX - _YEAR
    return None if fit else Rejection("access_time_wrong", "provenance.occurredAt")


def until_right(datum: AuthoriseAccess) -> Rejection | None:
    """The end of an authorisation comes after the moment at which it was given (SPEC d.5)."""
    until = datum["until"]
    if until is None or datum["provenance"]["occurredAt"] < until <= MILLISECONDS_MAX:
        return None
    return Rejection("access_time_wrong", "until")


def name_and_reason_fit(datum: AboutNamedHolder) -> Rejection | None:
    """Name and reason, if there are any, are texts (SPEC h.4)."""
    if not optional_text_is_fit(datum["professionalName"], NAME_LENGTH_MAX):
        return Rejection("text_malformed", "professionalName")
    return reason_fits(datum)


def reason_fits(datum: WithReason) -> Rejection | None:
    """The reason, if there is one, is text (SPEC h.4)."""
    fit = optional_text_is_fit(datum["reason"], TEXT_LENGTH_MAX)
    return None if fit else Rejection("text_malformed", "reason")


def motive_given(datum: RecordAccess) -> Rejection | None:
    """Break-glass has a motive, and a motive is text (SPEC h.3)."""
    motive = datum["motive"]
    if datum["mode"] == "BREAK_GLASS" and (motive is None or not motive.strip()):
        return Rejection("motive_missing", "motive")
    fit = optional_text_is_fit(motive, TEXT_LENGTH_MAX)
    return None if fit else Rejection("text_malformed", "motive")


def documents_named(datum: RecordAccess) -> Rejection | None:
    """The documents of a trace have well-formed identifiers, 1000 at most (SPEC h.4)."""
    ids = datum["documentIds"]
    if len(ids) > DOCUMENTS_MAX or not all(map(unique_id_is_well_formed, ids)):
        return Rejection("unique_id_malformed", "documentIds")
    return None


def accessed_at_right(datum: RecordAccess) -> Rejection | None:
    """The access happened before the trace was made (SPEC h.4)."""
    if 0 <= datum["accessedAt"] <= min(datum["provenance"]["occurredAt"], MILLISECONDS_MAX):
        return None
    return Rejection("access_time_wrong", "accessedAt")


def authorisation_right(datum: AuthoriseAccess) -> Rejection | None:
    """All rules on an authorisation (SPEC d.5)."""
    return (
        identity_opens(datum)
        or holder_named(datum["professionalId"])
        or given_at_right(datum["provenance"])
        or until_right(datum)
        or name_and_reason_fit(datum)
    )


def holder_right(datum: AboutHolder) -> Rejection | None:
    """All rules on a message that takes access away or lifts a block (SPEC d.1, h.2)."""
    return holder_named(datum["professionalId"]) or reason_fits(datum)


def block_right(datum: AboutNamedHolder) -> Rejection | None:
    """All rules on a block (SPEC h.2)."""
    return holder_named(datum["professionalId"]) or name_and_reason_fit(datum)


def designation_right(datum: DesignateAttendingPhysician) -> Rejection | None:
    """All rules on the designation of the attending physician (SPEC d.5, h.2)."""
    return (
        identity_opens(datum)
        or physician_named(datum["professionalId"])
        or name_and_reason_fit(datum)
    )


def designation_end_right(datum: AboutHolder) -> Rejection | None:
    """All rules on the end of a designation (SPEC d.5, h.2)."""
    return physician_named(datum["professionalId"]) or reason_fits(datum)


def emergency_right(datum: WithReason) -> Rejection | None:
    """All rules on an opposition to emergency access, and on its withdrawal (SPEC h.3)."""
    return reason_fits(datum)


def access_right(datum: RecordAccess) -> Rejection | None:
    """All rules on the trace of a consultation (SPEC h.3, h.4)."""
    return motive_given(datum) or documents_named(datum) or accessed_at_right(datum)
