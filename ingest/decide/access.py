"""What a message about access to a record comes to (decision 0029; SPEC d.5, h; TRAP 17, 19).

The table of states and messages is in `ingest.decide.record`. Why it is as it is:

- What only forbids is never refused for the state of the record; what gives access is.
- An opposition to feeding says nothing about reading: two switches (SPEC d.5).
- A block takes the authorisation and the attending physician away too, as events: undoing the block
  gives nothing back by itself. To give access to somebody who is blocked is refused.
- The trace of an ordinary consultation is a fact, and is kept whatever the record says. In the
  other modes the message is itself what gives the access, so it is refused where nobody may have
  it: to a blocked professional, to break-glass or regulation that the person opposed beforehand
  (SPEC h.3), to a secret connection unless the installation has the function and the person is
  known to be a minor at that moment (SPEC h.3). A refused attempt may be traced in any case.
- A record that has no event has nothing to consult: `record_unknown`. It passes once a document has
  come, since documents are on another topic (decision 0002).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ingest.facts.access import AccessFacts
from ingest.facts.view import Decision, Event, Known, RecordHead
from ingest.read.interpret import Interpreted
from schemas import events as names
from schemas.events import RecordFlags
from schemas.feed.messages import Actor
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.forms.stream_ids import record_stream
from schemas.policy.access_term import default_until
from schemas.rules.table.rejections import Rejection

from .entitlement import is_minor_at

_GIVES: Final = frozenset({"AuthoriseAccess", "DesignateAttendingPhysician"})


class _Case(NamedTuple):
    """What one decision looks at."""

    head: RecordHead
    facts: AccessFacts
    datum: Mapping[str, Any]
    secret_access: bool

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor: Actor = self.datum["provenance"]["actor"]
        return actor

    @property
    def holder(self) -> str:
        """Whom the message is about."""
        return str(self.datum["professionalId"])


_Said = Sequence[tuple[str, Mapping[str, Any]]] | Rejection
"""Names and datums of the events, none when nothing changes, or a refusal."""


def decide_access(known: Known, message: Interpreted) -> Decision | Rejection:
    """The events on the record's stream, or nothing changes, or a refusal: the table above.

    Who asks is entitled (`not_entitled`). It rests on the records of the whole person.
    """
    record = known.refs[message.ins].record
    case = _Case(
        known.record_head(record),
        known.access_facts(record),
        message.datum,
        known.policy.secret_access,
    )
    refused = _giving_refused(case) if message.name in _GIVES else None
    said = refused or _OPERATIONS[message.name](case)
    if isinstance(said, Rejection):
        return said
    stream = record_stream(record)
    events = tuple(Event(stream, record, *one) for one in said)
    status = ACCEPTED if events else UNCHANGED
    return Decision(status, events, applies=True, records=tuple(sorted(known.person(record))))


def _giving_refused(case: _Case) -> Rejection | None:
    if case.head.state & RecordFlags.CLOSED:
        return Rejection("record_closed", "ins")
    if case.head.state & RecordFlags.REVOKED:
        return Rejection("identity_revoked", "ins")
    blocked = case.holder in case.facts.blocked
    return Rejection("professional_blocked", "professionalId") if blocked else None


def _authorise(case: _Case) -> _Said:
    """Six months unless another end was said; a renewal is an event of its own (SPEC d.5)."""
    until = case.datum["until"]
    if until is None:
        until = default_until(case.datum["provenance"]["occurredAt"])
    if case.facts.authorised.get(case.holder) == until:
        return []
    return [(names.ACCESS_AUTHORISED, {**_holder(case, named=True), "until": until})]


def _withdraw(case: _Case) -> _Said:
    known = case.holder in case.facts.authorised
    return [(names.ACCESS_WITHDRAWN, _holder(case))] if known else []


def _block(case: _Case) -> _Said:
    """The block, and the end of what the holder had: undoing it must not give that back."""
    if case.holder in case.facts.blocked:
        return []
    return [(names.PROFESSIONAL_BLOCKED, _holder(case, named=True)), *_taken(case)]


def _unblock(case: _Case) -> _Said:
    """What the holder had under another INS, linked since the block, ends with it too."""
    if case.holder not in case.facts.blocked:
        return []
    return [(names.PROFESSIONAL_UNBLOCKED, _holder(case)), *_taken(case)]


def _taken(case: _Case) -> list[tuple[str, Mapping[str, Any]]]:
    said: list[tuple[str, Mapping[str, Any]]] = []
    if case.holder in case.facts.authorised:
        said.append((names.ACCESS_WITHDRAWN, _holder(case)))
    if case.holder == case.facts.attending:
        said.append((names.ATTENDING_PHYSICIAN_ENDED, _holder(case)))
    return said


def _designate(case: _Case) -> _Said:
    """There is one: the one before no longer is, by an event of its own (SPEC d.5, h.2)."""
    before = case.facts.attending
    if case.holder == before:
        return []
    named = (names.ATTENDING_PHYSICIAN_DESIGNATED, _holder(case, named=True))
    if before is None:
        return [named]
    ended = {"provenance": case.datum["provenance"], "professionalId": before, "reason": None}
    return [(names.ATTENDING_PHYSICIAN_ENDED, ended), named]


def _end(case: _Case) -> _Said:
    is_it = case.holder == case.facts.attending
    return [(names.ATTENDING_PHYSICIAN_ENDED, _holder(case))] if is_it else []


def _oppose_emergency(case: _Case) -> _Said:
    """Two switches: break-glass and regulation (SPEC h.3)."""
    opposed = case.datum["access"] in case.facts.opposed
    return [] if opposed else [(names.EMERGENCY_ACCESS_OPPOSED, _emergency(case))]


def _withdraw_emergency(case: _Case) -> _Said:
    opposed = case.datum["access"] in case.facts.opposed
    return [(names.EMERGENCY_OPPOSITION_WITHDRAWN, _emergency(case))] if opposed else []


def _access(case: _Case) -> _Said:
    """The trace of a consultation (SPEC h.4), refused where it would give what nobody may have."""
    if case.head.version == 0:
        return Rejection("record_unknown", "ins")
    if case.datum["mode"] != "NORMAL" and case.datum["outcome"] == "GRANTED":
        refused = _exception_refused(case)
        if refused is not None:
            return refused
    fields = ("provenance", "mode", "motive", "action", "outcome", "documentIds", "accessedAt")
    return [(names.RECORD_ACCESSED, {field: case.datum[field] for field in fields})]


def _exception_refused(case: _Case) -> Rejection | None:
    """A closed record, a block, an opposition made beforehand, no ground for secrecy (SPEC h.3)."""
    mode, facts = case.datum["mode"], case.facts
    if case.head.state & RecordFlags.CLOSED:
        return Rejection("record_closed", "ins")
    if not facts.blocked.isdisjoint((case.actor["id"], case.actor["organisationId"])):
        return Rejection("professional_blocked", "provenance.actor")
    if mode in facts.opposed:
        return Rejection("emergency_opposed", "mode")
    if mode != "SECRET":
        return None
    if not case.secret_access:
        return Rejection("secret_access_disabled", "mode")
    minor = is_minor_at(facts, case.datum["accessedAt"])
    return None if minor else Rejection("person_not_minor", "mode")


def _holder(case: _Case, *, named: bool = False) -> dict[str, Any]:
    fields = ("provenance", "professionalId", "reason", *(("professionalName",) * named))
    return {field: case.datum[field] for field in fields}


def _emergency(case: _Case) -> dict[str, Any]:
    return {field: case.datum[field] for field in ("provenance", "access", "reason")}


_OPERATIONS: Final[Mapping[str, Callable[[_Case], _Said]]] = {
    "AuthoriseAccess": _authorise,
    "WithdrawAccess": _withdraw,
    "BlockProfessional": _block,
    "UnblockProfessional": _unblock,
    "DesignateAttendingPhysician": _designate,
    "EndAttendingPhysician": _end,
    "OpposeEmergencyAccess": _oppose_emergency,
    "WithdrawEmergencyOpposition": _withdraw_emergency,
    "RecordAccess": _access,
}
