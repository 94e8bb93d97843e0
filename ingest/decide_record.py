"""What a message about a record or an identity comes to (DESIGN 6.3; SPEC a.4, d.5)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

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
    RecordState,
)
from schemas.rejections import Rejection

from .interpret import Interpreted
from .state import ACCEPTED, UNCHANGED, Decision, Event, Known, RecordHead, record_stream

_Said = tuple[str, Mapping[str, Any]] | Rejection | None
"""Name and datum of the one event, a refusal, or None: nothing changes."""


def decide_record_operation(known: Known, message: Interpreted) -> Decision | Rejection:
    """One event on the record, or on both records of a link; or nothing changes; or a refusal."""
    record = known.refs[message.ins].record
    if message.other_ins is not None:
        return _link(known, message, record)
    said = _OPERATIONS[message.name](known.record_head(record), message.datum)
    if isinstance(said, Rejection):
        return said
    if said is None:
        return Decision(UNCHANGED, applies=True, records=(record,))
    event = Event(record_stream(record), record, *said)
    return Decision(ACCEPTED, (event,), applies=True, records=(record,))


def _link(known: Known, message: Interpreted, record: int) -> Decision | Rejection:
    """Both records' streams get the event; no event and no key moves, so undo is one message."""
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
    return Decision(ACCEPTED, events, applies=True, records=records)


def _declare(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Each declaration is a fact of its day and is kept; it gives qualification back (SPEC a.4)."""
    fields = ("provenance", "ins", "traits", "insiRequestedAt")
    return IDENTITY_DECLARED, {field: datum[field] for field in fields}


def _revoke(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: nothing may be fed under it (TRAPS 6)."""
    return None if head.state & RecordState.REVOKED else (IDENTITY_REVOKED, _with_reason(datum))


def _open(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Opens or opens again; an opposition or a revoked identity stands above it."""
    if head.state & RecordState.OPPOSED:
        return Rejection("opposed", "ins")
    if head.state & RecordState.REVOKED:
        return Rejection("identity_revoked", "ins")
    if head.state & RecordState.OPENED and not head.state & RecordState.CLOSED:
        return None
    return RECORD_OPENED, {**_with_reason(datum), "ins": datum["ins"], "implicit": False}


def _activate(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: the document that opens the record may be read later, since
    it comes on another topic (DESIGN 6.6).
    """
    if head.state & RecordState.CLOSED:
        return Rejection("record_closed", "ins")
    if head.state & RecordState.ACTIVATED:
        return None
    return RECORD_ACTIVATED, {"provenance": datum["provenance"]}


def _close(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: what is deposited later finds a closed record (DESIGN 6.6).

    Were it refused, the order in which two topics are read would leave the record open.
    """
    if head.state & RecordState.CLOSED:
        return None
    fields = ("reasonCode", "closedOn")
    return RECORD_CLOSED, {**_with_reason(datum), **{field: datum[field] for field in fields}}


def _oppose(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    """Also for an INS not met before: the record is made as an opposed one (DESIGN 6.3)."""
    return None if head.state & RecordState.OPPOSED else (RECORD_OPPOSED, _with_reason(datum))


def _withdraw(head: RecordHead, datum: Mapping[str, Any]) -> _Said:
    if not head.state & RecordState.OPPOSED:
        return None
    return OPPOSITION_WITHDRAWN, _with_reason(datum)


def _with_reason(datum: Mapping[str, Any]) -> dict[str, Any]:
    return {"provenance": datum["provenance"], "reason": datum["reason"]}


_OPERATIONS: Final[Mapping[str, Callable[[RecordHead, Mapping[str, Any]], _Said]]] = {
    "DeclareIdentity": _declare,
    "RevokeIdentity": _revoke,
    "OpenRecord": _open,
    "ActivateRecord": _activate,
    "CloseRecord": _close,
    "OpposeFeeding": _oppose,
    "WithdrawOpposition": _withdraw,
}

RECORD_MESSAGES: Final = frozenset({*_OPERATIONS, "LinkIns", "UnlinkIns"})
