"""What a message about a record or an identity comes to (decision 0029; SPEC a.4, d.5).

States of a record: reserved (no event yet), open, opposed, closed, revoked, in any combination; the
first row that holds is the answer. `-`: as the line below; unchanged: nothing to change.

| message | closed | opposed | revoked | else |
|---|---|---|---|---|
| DepositDocument, new | record_closed | opposed | identity_revoked | accepted, opens |
| the same, HISTORICAL | person_deceased when closed by death | - | - | - |
| OpenRecord | opened again | opposed | identity_revoked | opened, or unchanged |
| ActivateRecord | record_closed | activated | activated | activated |
| CloseRecord | unchanged; DEATH: closed by death | closed | closed | closed |
| OpposeFeeding | opposed | unchanged | opposed | opposed |
| WithdrawOpposition | withdrawn | withdrawn | withdrawn | unchanged unless opposed |
| DeclareIdentity, newer answer of INSi | declared | declared | qualified again | declared |
| the same without one | declared | declared | declared, stays revoked | declared |
| the same, strict trait changed | and revoked | and revoked | stays revoked | and revoked |
| RevokeIdentity | revoked | revoked | unchanged | revoked |
| LinkIns, UnlinkIns | linked | linked | linked | linked, or unchanged |
| AuthoriseAccess, DesignateAttendingPhysician | record_closed | given | identity_revoked | given |
| WithdrawAccess, EndAttendingPhysician | taken | taken | taken | taken, or unchanged |
| BlockProfessional, UnblockProfessional | noted | noted | noted | noted, or unchanged |
| OpposeEmergencyAccess, its withdrawal | noted | noted | noted | noted, or unchanged |
| RecordAccess NORMAL, or REFUSED | traced | traced | traced | traced |
| RecordAccess otherwise | record_closed | traced | traced | traced |
| mask, archive, delete a document | as if open | as if open | as if open | done |

OpenRecord on a closed record that is also opposed or revoked is rejected for that. On a reserved
record every line holds, since no order holds between topics, except RecordAccess: `record_unknown`.

- *Opposition* forbids to feed, not to read: two switches (SPEC d.5). *Closed*: no feed, no read by
  anybody but the patient (SPEC d.5; `may_see`).
- *Opening again* needs a message of its own; feeding never does it. After PERSON_ASKED or OTHER
  the person, his representative or a professional may; after DEATH or IDENTITY_ERROR only who
  establishes such facts, a professional or software of identity: the closure was the error.
- *Death*: the record closes; whether a document came before the death does not matter, and the
  recovery of old documents is told `person_deceased` (SPEC c.1, g), and stops asking.
- *Newborn*: a provisional identity feeds nothing (SPEC a.4). Documents on the child wait at their
  producer until his own INS is qualified, then come with the dates of their acts (SPEC c.2). They
  are never filed under the mother's INS, and the two are never linked: LinkIns says that two
  records are one person's, and would show each the other's documents (TRAP 7). What is about the
  mother stands in hers.
"""

from collections.abc import Callable
from typing import TypeVar

from ingest.facts.decision import Decision
from ingest.facts.events.event import Event
from ingest.facts.events.records import (
    identity_declared,
    identity_revoked,
    opposition_withdrawn,
    record_activated,
    record_closed,
    record_opened,
    record_opposed,
)
from ingest.facts.identity import lost_qualification
from ingest.facts.message import AboutPerson, PersonMessage, RecordMessage
from ingest.facts.needs import DECLARED, RECORD, Need, Needs
from ingest.facts.view import View
from schemas.events import RecordFlags
from schemas.feed.messages import (
    ActivateRecord,
    CloseRecord,
    DeclareIdentity,
    OpenRecord,
    OpposeFeeding,
    RevokeIdentity,
    WithdrawOpposition,
)
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.heads import Head
from schemas.rules.table.rejections import Rejection

from .deciders import Result, decides
from .entitlement import needs_of_representative, not_entitled

D = TypeVar("D", bound=AboutPerson)


def needs_of_record(view: View, message: PersonMessage[AboutPerson]) -> Needs:
    """The head of the record, and the age of the person where a representative asks."""
    yield Need(RECORD, view.ref(message.ins).record)
    yield from needs_of_representative(view, message)


def needs_of_declaration(view: View, message: RecordMessage[DeclareIdentity]) -> Needs:
    """The same, and what is declared."""
    yield Need(DECLARED, view.ref(message.ins).record)
    yield from needs_of_record(view, message)


def _decided(
    view: View,
    message: RecordMessage[D],
    operation: Callable[[int, Head, D], Event | Rejection | None],
) -> Result:
    """The one event on the record's stream; or nothing changes; or a rejection."""
    rejection = not_entitled(view, message)
    if rejection is not None:
        return rejection
    record = view.ref(message.ins).record
    change = operation(record, view.record(record), message.datum)
    if isinstance(change, Rejection):
        return change
    if change is None:
        return Decision(UNCHANGED, applies=True, records=(record,))
    return Decision(ACCEPTED, (change,), applies=True, records=(record,))


@decides("DeclareIdentity", needs=needs_of_declaration)
def declare_identity(view: View, message: RecordMessage[DeclareIdentity]) -> Result:
    """Each declaration is a fact of its day and is kept; it gives qualification back, or takes it
    when a strict trait changed without a newer answer of INSi (SPEC a.4, rule 27; TRAP 6).
    """
    rejection = not_entitled(view, message)
    if rejection is not None:
        return rejection
    record, datum = view.ref(message.ins).record, message.datum
    events = [identity_declared(record, datum)]
    revoked = bool(view.record(record).flags & RecordFlags.REVOKED)
    lost = lost_qualification(view.declared_identity(record), datum, revoked)
    if lost is None:
        return Decision(ACCEPTED, tuple(events), applies=True, records=(record,))
    reason = f"{lost.rule.french} ({lost.path})"
    events.append(identity_revoked(record, datum["provenance"], reason))
    return Decision(ACCEPTED, tuple(events), applies=True, records=(record,), warnings=(lost,))


@decides("RevokeIdentity", needs=needs_of_record)
def revoke_identity(view: View, message: RecordMessage[RevokeIdentity]) -> Result:
    """Also for an INS not met before: nothing may be fed under it (TRAP 6)."""

    def operation(record: int, head: Head, datum: RevokeIdentity) -> Event | None:
        if head.flags & RecordFlags.REVOKED:
            return None
        return identity_revoked(record, datum["provenance"], datum["reason"])

    return _decided(view, message, operation)


@decides("OpenRecord", needs=needs_of_record)
def open_record(view: View, message: RecordMessage[OpenRecord]) -> Result:
    """Opens or opens again, which no deposit does; an opposition or a revoked identity stands above
    it. Who may open again after a death: `schemas.policy.may_do_record`.
    """

    def operation(record: int, head: Head, datum: OpenRecord) -> Event | Rejection | None:
        if head.flags & RecordFlags.OPPOSED:
            return Rejection("opposed", "ins")
        if head.flags & RecordFlags.REVOKED:
            return Rejection("identity_revoked", "ins")
        if head.flags & RecordFlags.OPENED and not head.flags & RecordFlags.CLOSED:
            return None
        provenance, reason = datum["provenance"], datum["reason"]
        return record_opened(record, provenance, datum["ins"], implicit=False, reason=reason)

    return _decided(view, message, operation)


@decides("ActivateRecord", needs=needs_of_record)
def activate_record(view: View, message: RecordMessage[ActivateRecord]) -> Result:
    """Also for an INS not met before: the document that opens the record may be read later, since
    it comes on another topic (decision 0018).
    """

    def operation(record: int, head: Head, datum: ActivateRecord) -> Event | Rejection | None:
        if head.flags & RecordFlags.CLOSED:
            return Rejection("record_closed", "ins")
        if head.flags & RecordFlags.ACTIVATED:
            return None
        return record_activated(record, datum["provenance"])

    return _decided(view, message, operation)


@decides("CloseRecord", needs=needs_of_record)
def close_record(view: View, message: RecordMessage[CloseRecord]) -> Result:
    """Also for an INS not met before: what is deposited later finds a closed record (decision
    0018).

    Were it rejected, the order in which two topics are read would leave the record open. A death is
    a new fact on a closed record too: its owner cannot have it opened again any more.
    """

    def operation(record: int, head: Head, datum: CloseRecord) -> Event | None:
        by_fact = head.flags & (RecordFlags.DECEASED | RecordFlags.IDENTITY_ERROR)
        if head.flags & RecordFlags.CLOSED and (by_fact or datum["reasonCode"] != "DEATH"):
            return None
        return record_closed(record, datum)

    return _decided(view, message, operation)


@decides("OpposeFeeding", needs=needs_of_record)
def oppose_feeding(view: View, message: RecordMessage[OpposeFeeding]) -> Result:
    """Also for an INS not met before: the record is made as an opposed one (decision 0029)."""

    def operation(record: int, head: Head, datum: OpposeFeeding) -> Event | None:
        if head.flags & RecordFlags.OPPOSED:
            return None
        return record_opposed(record, datum["provenance"], datum["reason"])

    return _decided(view, message, operation)


@decides("WithdrawOpposition", needs=needs_of_record)
def withdraw_opposition(view: View, message: RecordMessage[WithdrawOpposition]) -> Result:
    """The record may be fed again, if it was opposed."""

    def operation(record: int, head: Head, datum: WithdrawOpposition) -> Event | None:
        if not head.flags & RecordFlags.OPPOSED:
            return None
        return opposition_withdrawn(record, datum["provenance"], datum["reason"])

    return _decided(view, message, operation)
