"""What a message about access to a record comes to (decision 0029; SPEC d.5, h; TRAP 17, 19).

The table of states and messages is in `record`. Why it is as it is:

- What only forbids is never rejected for the state of the record; what gives access is.
- An opposition to feeding says nothing about reading: two switches (SPEC d.5).
- A block takes the authorisation and the attending physician away too, as events: undoing the block
  gives nothing back by itself. To give access to somebody who is blocked is rejected.
- The trace of an ordinary consultation is a fact, and is kept whatever the state of the record. In
  the other modes the message itself grants access; it is rejected when access is not allowed: to a
  blocked professional, to break-glass or regulation that the person opposed beforehand (SPEC h.3),
  to a secret connection unless the installation has the function and the person is known to be a
  minor at that moment (SPEC h.3). A refused attempt may be traced in any case.
- A record that has no event has nothing to consult: `record_unknown`. It passes once a document has
  come, since documents are on another topic (decision 0002).
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from ingest.facts.access import AccessFacts
from ingest.facts.decision import Decision
from ingest.facts.events.access import (
    access_authorised,
    access_withdrawn,
    attending_physician_designated,
    attending_physician_ended,
    emergency_access_opposed,
    emergency_opposition_withdrawn,
    professional_blocked,
    professional_unblocked,
    record_accessed,
)
from ingest.facts.events.event import Event
from ingest.facts.message import AboutHolder, AboutPerson, AccessMessage
from ingest.facts.needs import RECORD, Need, Needs
from ingest.facts.view import View
from schemas.events import RecordFlags
from schemas.feed.access_messages import (
    AuthoriseAccess,
    BlockProfessional,
    DesignateAttendingPhysician,
    EndAttendingPhysician,
    OpposeEmergencyAccess,
    RecordAccess,
    UnblockProfessional,
    WithdrawAccess,
    WithdrawEmergencyOpposition,
)
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.heads import Head
from schemas.policy.access_term import default_until
from schemas.rules.table.rejections import Rejection

from .deciders import Result, decides
from .entitlement import is_minor_at, needs_of_access_facts, not_entitled

D_co = TypeVar("D_co", bound=AboutPerson, covariant=True)
D = TypeVar("D", bound=AboutPerson)


class _Case(NamedTuple, Generic[D_co]):
    """What one decision looks at."""

    record: int
    head: Head
    facts: AccessFacts
    datum: D_co


_Changes = list[Event] | Rejection
"""The events, none when nothing changes, or a rejection."""


def needs_of_access(view: View, message: AccessMessage[AboutPerson]) -> Needs:
    """The record, and who has access to the records of the person."""
    record = view.ref(message.ins).record
    yield Need(RECORD, record)
    yield from needs_of_access_facts(view, record)


def _decided(
    view: View, message: AccessMessage[D], operation: Callable[[_Case[D]], _Changes]
) -> Result:
    """The events on the record's stream, or nothing changes, or a rejection.

    Who asks is entitled (`not_entitled`). The decision rests on the records of the whole person.
    """
    rejection = not_entitled(view, message)
    if rejection is not None:
        return rejection
    record = view.ref(message.ins).record
    case = _Case(record, view.record(record), view.access_facts(record), message.datum)
    changes = operation(case)
    if isinstance(changes, Rejection):
        return changes
    status = ACCEPTED if changes else UNCHANGED
    records = tuple(sorted(view.person(record)))
    return Decision(status, tuple(changes), applies=True, records=records)


def _giving_rejected(case: _Case[AboutHolder]) -> Rejection | None:
    if case.head.flags & RecordFlags.CLOSED:
        return Rejection("record_closed", "ins")
    if case.head.flags & RecordFlags.REVOKED:
        return Rejection("identity_revoked", "ins")
    blocked = case.datum["professionalId"] in case.facts.blocked
    return Rejection("professional_blocked", "professionalId") if blocked else None


@decides("AuthoriseAccess", needs=needs_of_access)
def authorise_access(view: View, message: AccessMessage[AuthoriseAccess]) -> Result:
    """Six months unless another end is named; a renewal is an event of its own (SPEC d.5)."""

    def operation(case: _Case[AuthoriseAccess]) -> _Changes:
        rejection = _giving_rejected(case)
        if rejection is not None:
            return rejection
        until = case.datum["until"]
        if until is None:
            until = default_until(case.datum["provenance"]["occurredAt"])
        if case.facts.authorised.get(case.datum["professionalId"]) == until:
            return []
        return [access_authorised(case.record, case.datum, until)]

    return _decided(view, message, operation)


@decides("WithdrawAccess", needs=needs_of_access)
def withdraw_access(view: View, message: AccessMessage[WithdrawAccess]) -> Result:
    """Whoever has an authorisation has it no longer."""
    return _decided(view, message, _authorisation_ends)


@decides("BlockProfessional", needs=needs_of_access)
def block_professional(view: View, message: AccessMessage[BlockProfessional]) -> Result:
    """The block, and the end of what the holder had: undoing it must not give that back."""

    def operation(case: _Case[BlockProfessional]) -> _Changes:
        if case.datum["professionalId"] in case.facts.blocked:
            return []
        return [professional_blocked(case.record, case.datum), *_all_ends(case)]

    return _decided(view, message, operation)


@decides("UnblockProfessional", needs=needs_of_access)
def unblock_professional(view: View, message: AccessMessage[UnblockProfessional]) -> Result:
    """What the holder had under another INS, linked since the block, ends with it too."""

    def operation(case: _Case[UnblockProfessional]) -> _Changes:
        datum = case.datum
        if datum["professionalId"] not in case.facts.blocked:
            return []
        holder, reason = datum["professionalId"], datum["reason"]
        unblocked = professional_unblocked(case.record, holder, datum["provenance"], reason)
        return [unblocked, *_all_ends(case)]

    return _decided(view, message, operation)


@decides("DesignateAttendingPhysician", needs=needs_of_access)
def designate_attending_physician(
    view: View, message: AccessMessage[DesignateAttendingPhysician]
) -> Result:
    """A record has one attending physician; designating another ends the first by a separate event
    (SPEC d.5, h.2).
    """

    def operation(case: _Case[DesignateAttendingPhysician]) -> _Changes:
        rejection = _giving_rejected(case)
        if rejection is not None:
            return rejection
        before, datum = case.facts.attending, case.datum
        if datum["professionalId"] == before:
            return []
        designated = attending_physician_designated(case.record, datum)
        if before is None:
            return [designated]
        provenance = datum["provenance"]
        ended = attending_physician_ended(case.record, before, provenance, None)
        return [ended, designated]

    return _decided(view, message, operation)


@decides("EndAttendingPhysician", needs=needs_of_access)
def end_attending_physician(view: View, message: AccessMessage[EndAttendingPhysician]) -> Result:
    """Whoever is the attending physician is not any more."""
    return _decided(view, message, _attendance_ends)


def _all_ends(case: _Case[AboutHolder]) -> list[Event]:
    return [*_authorisation_ends(case), *_attendance_ends(case)]


def _authorisation_ends(case: _Case[AboutHolder]) -> list[Event]:
    datum = case.datum
    holder = datum["professionalId"]
    if holder not in case.facts.authorised:
        return []
    return [access_withdrawn(case.record, holder, datum["provenance"], datum["reason"])]


def _attendance_ends(case: _Case[AboutHolder]) -> list[Event]:
    datum = case.datum
    holder = datum["professionalId"]
    if holder != case.facts.attending:
        return []
    return [attending_physician_ended(case.record, holder, datum["provenance"], datum["reason"])]


@decides("OpposeEmergencyAccess", needs=needs_of_access)
def oppose_emergency_access(view: View, message: AccessMessage[OpposeEmergencyAccess]) -> Result:
    """Two switches: break-glass and regulation (SPEC h.3)."""

    def operation(case: _Case[OpposeEmergencyAccess]) -> _Changes:
        opposed = case.datum["access"] in case.facts.opposed
        return [] if opposed else [emergency_access_opposed(case.record, case.datum)]

    return _decided(view, message, operation)


@decides("WithdrawEmergencyOpposition", needs=needs_of_access)
def withdraw_emergency_opposition(
    view: View, message: AccessMessage[WithdrawEmergencyOpposition]
) -> Result:
    """The other way round."""

    def operation(case: _Case[WithdrawEmergencyOpposition]) -> _Changes:
        opposed = case.datum["access"] in case.facts.opposed
        return [emergency_opposition_withdrawn(case.record, case.datum)] if opposed else []

    return _decided(view, message, operation)


@decides("RecordAccess", needs=needs_of_access)
def record_access(view: View, message: AccessMessage[RecordAccess]) -> Result:
    """The trace of a consultation (SPEC h.4), rejected where it would give what nobody may have."""

    def operation(case: _Case[RecordAccess]) -> _Changes:
        if case.head.version == 0:
            return Rejection("record_unknown", "ins")
        if case.datum["mode"] != "NORMAL" and case.datum["outcome"] == "GRANTED":
            rejection = _exception_rejected(case, view.installation.policy.secret_access)
            if rejection is not None:
                return rejection
        return [record_accessed(case.record, case.datum)]

    return _decided(view, message, operation)


def _exception_rejected(case: _Case[RecordAccess], secret_access: bool) -> Rejection | None:
    """A closed record, a block, an opposition made beforehand, no ground for secrecy (SPEC h.3)."""
    mode, facts = case.datum["mode"], case.facts
    actor = case.datum["provenance"]["actor"]
    if case.head.flags & RecordFlags.CLOSED:
        return Rejection("record_closed", "ins")
    if not facts.blocked.isdisjoint((actor["id"], actor["organisationId"])):
        return Rejection("professional_blocked", "provenance.actor")
    if mode in facts.opposed:
        return Rejection("emergency_opposed", "mode")
    if mode != "SECRET":
        return None
    if not secret_access:
        return Rejection("secret_access_disabled", "mode")
    minor = is_minor_at(facts, case.datum["accessedAt"])
    return None if minor else Rejection("person_not_minor", "mode")
