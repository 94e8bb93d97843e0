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
| BlockProfessional, UnblockProfessional | said | said | said | said, or unchanged |
| OpposeEmergencyAccess, its withdrawal | said | said | said | said, or unchanged |
| RecordAccess NORMAL, or REFUSED | traced | traced | traced | traced |
| RecordAccess otherwise | record_closed | traced | traced | traced |
| mask, archive, delete a document | as if open | as if open | as if open | done |

OpenRecord on a closed record that is also opposed or revoked is refused for that. On a reserved
record every line holds, for no order holds between topics, but RecordAccess: `record_unknown`.

- *Opposition* forbids to feed, not to read: two switches (SPEC d.5). *Closed*: no feed, no read by
  anybody but the patient (SPEC d.5; `may_see`).
- *Opening again* is always said, never done by feeding. After PERSON_ASKED or OTHER by the person,
  his representative or a professional; after DEATH or IDENTITY_ERROR only by who establishes such
  facts, a professional or software of identity: the closure was the error.
- *Death*: the record closes; whether a document came before the death does not matter, and the
  recovery of old documents is told `person_deceased` (SPEC c.1, g), so that it stops asking.
- *Newborn*: a provisional identity feeds nothing (SPEC a.4). Documents on the child wait at their
  producer until his own INS is qualified, then come with the dates of their acts (SPEC c.2). They
  are never filed under the mother's INS, and the two are never linked: LinkIns says that two
  records are one person's, and would show each the other's documents (TRAP 7). What is about the
  mother stands in hers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ingest.facts.identity import disqualified
from ingest.facts.view import Decision, Event, Known, RecordHead
from ingest.read.interpret import Interpreted
from schemas.events import (
    IDENTITY_DECLARED,
    IDENTITY_REVOKED,
    OPPOSITION_WITHDRAWN,
    RECORD_ACTIVATED,
    RECORD_CLOSED,
    RECORD_LINKED,
    RECORD_OPENED,
    RECORD_OPPOSED,
    RECORD_UNLINKED,
    RecordFlags,
)
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.forms.stream_ids import record_stream
from schemas.rules.table.rejections import Rejection

from .versions import join_versions

_Said = tuple[str, Mapping[str, Any]] | Rejection | None
"""Name and datum of the one event, a refusal, or None: nothing changes."""


def decide_record_operation(known: Known, message: Interpreted) -> Decision | Rejection:
    """One event on the record, or on both records of a link; or nothing changes; or a refusal."""
    record = known.refs[message.ins].record
    if message.other_ins is not None:
        return _link(known, message, record)
    if message.name == "DeclareIdentity":
        return _declare(known, message, record)
    said = _OPERATIONS[message.name](known.record_head(record), message.datum)
    if isinstance(said, Rejection):
        return said
    if said is None:
        return Decision(UNCHANGED, applies=True, records=(record,))
    event = Event(record_stream(record), record, *said)
    return Decision(ACCEPTED, (event,), applies=True, records=(record,))


def _link(known: Known, message: Interpreted, record: int) -> Decision | Rejection:
    """Both records' streams get the event; no event and no key moves, so undo is one message.

    A link also settles versions of documents that lie on both (`join_versions`).
    """
    assert message.other_ins is not None
    other = known.refs[message.other_ins]
    if other.erased:
        return Rejection("record_erased", "otherMatricule")
    linked = other.record in known.links.get(record, ())
    name = RECORD_LINKED if message.name == "LinkIns" else RECORD_UNLINKED
    records = (record, other.record)
    if linked is (name == RECORD_LINKED):
        return Decision(UNCHANGED, applies=True, records=records)
    events = tuple(
        Event(
            record_stream(one),
            one,
            name,
            {
                "provenance": message.datum["provenance"],
                "otherRecord": two,
                "reason": message.datum["reason"],
            },
        )
        for one, two in (records, records[::-1])
    )
    if name == RECORD_UNLINKED:
        return Decision(ACCEPTED, events, applies=True, records=records)
    rests_on = tuple(sorted(known.person(record) | known.person(other.record)))
    joined = join_versions(known, record, other.record, message.datum["provenance"])
    changed = (*events, *joined.events)
    return Decision(ACCEPTED, changed, applies=True, records=rests_on, absent=joined.absent)


def _declare(known: Known, message: Interpreted, record: int) -> Decision:
    """Each declaration is a fact of its day and is kept; it gives qualification back, or takes it
    when a strict trait changed without a newer answer of INSi (SPEC a.4, rule 27; TRAP 6).
    """
    datum, stream = message.datum, record_stream(record)
    fields = ("provenance", "ins", "traits", "insiRequestedAt")
    declared = {field: datum[field] for field in fields}
    events = [Event(stream, record, IDENTITY_DECLARED, declared)]
    revoked = bool(known.record_head(record).state & RecordFlags.REVOKED)
    lost = disqualified(known.declared.get(record), datum, revoked)
    if lost is None:
        return Decision(ACCEPTED, tuple(events), applies=True, records=(record,))
    reason = f"{lost.rule.french} ({lost.path})"
    told = {"provenance": datum["provenance"], "reason": reason}
    events.append(Event(stream, record, IDENTITY_REVOKED, told))
    return Decision(ACCEPTED, tuple(events), applies=True, records=(record,), warnings=(lost,))


def _revoke(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: nothing may be fed under it (TRAP 6)."""
    return None if head.state & RecordFlags.REVOKED else (IDENTITY_REVOKED, _with_reason(datum))


def _open(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Opens or opens again, which no deposit does; an opposition or a revoked identity stands above
    it. Who may open again after a death: `schemas.policy.may_do_record`.
    """
    if head.state & RecordFlags.OPPOSED:
        return Rejection("opposed", "ins")
    if head.state & RecordFlags.REVOKED:
        return Rejection("identity_revoked", "ins")
    if head.state & RecordFlags.OPENED and not head.state & RecordFlags.CLOSED:
        return None
    return RECORD_OPENED, {**_with_reason(datum), "ins": datum["ins"], "implicit": False}


def _activate(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: the document that opens the record may be read later, since
    it comes on another topic (decision 0018).
    """
    if head.state & RecordFlags.CLOSED:
        return Rejection("record_closed", "ins")
    if head.state & RecordFlags.ACTIVATED:
        return None
    return RECORD_ACTIVATED, {"provenance": datum["provenance"]}


def _close(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: what is deposited later finds a closed record (decision
    0018).

    Were it refused, the order in which two topics are read would leave the record open. A death is
    a new fact on a closed record too: its owner cannot have it opened again any more.
    """
    known = head.state & (RecordFlags.DECEASED | RecordFlags.IDENTITY_ERROR)
    if head.state & RecordFlags.CLOSED and (known or datum["reasonCode"] != "DEATH"):
        return None
    fields = ("reasonCode", "closedOn")
    return RECORD_CLOSED, {**_with_reason(datum), **{field: datum[field] for field in fields}}


def _oppose(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: the record is made as an opposed one (decision 0029)."""
    return None if head.state & RecordFlags.OPPOSED else (RECORD_OPPOSED, _with_reason(datum))


def _withdraw(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    if not head.state & RecordFlags.OPPOSED:
        return None
    return OPPOSITION_WITHDRAWN, _with_reason(datum)


def _with_reason(datum: Mapping[str, Any]) -> dict[str, Any]:
    return {"provenance": datum["provenance"], "reason": datum["reason"]}


_OPERATIONS: Final[Mapping[str, Callable[[RecordHead, Mapping[str, Any]], _Said]]] = {
    "RevokeIdentity": _revoke,
    "OpenRecord": _open,
    "ActivateRecord": _activate,
    "CloseRecord": _close,
    "OpposeFeeding": _oppose,
    "WithdrawOpposition": _withdraw,
}

RECORD_MESSAGES: Final = frozenset({*_OPERATIONS, "DeclareIdentity", "LinkIns", "UnlinkIns"})
