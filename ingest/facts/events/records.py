"""The events of records and of the identities they belong to."""

from schemas import events as names
from schemas.events import (
    IdentityDeclared,
    IdentityRevoked,
    OppositionWithdrawn,
    RecordActivated,
    RecordClosed,
    RecordLinked,
    RecordOpened,
    RecordOpposed,
    RecordUnlinked,
)
from schemas.feed.messages import CloseRecord, DeclareIdentity, Ins, Provenance
from schemas.forms.stream_ids import record_stream

from .event import Event


def record_opened(
    record: int, provenance: Provenance, ins: Ins, *, implicit: bool, reason: str | None
) -> Event:
    """The record is open. `implicit`: its first document opened it."""
    opened: RecordOpened = {
        "provenance": provenance,
        "ins": ins,
        "implicit": implicit,
        "reason": reason,
    }
    return Event(record_stream(record), record, names.RECORD_OPENED, opened)


def record_activated(record: int, provenance: Provenance) -> Event:
    """The person uses the space."""
    datum: RecordActivated = {"provenance": provenance}
    return Event(record_stream(record), record, names.RECORD_ACTIVATED, datum)


def record_closed(record: int, datum: CloseRecord) -> Event:
    """The record is closed."""
    closed: RecordClosed = {
        "provenance": datum["provenance"],
        "reasonCode": datum["reasonCode"],
        "closedOn": datum["closedOn"],
        "reason": datum["reason"],
    }
    return Event(record_stream(record), record, names.RECORD_CLOSED, closed)


def record_opposed(record: int, provenance: Provenance, reason: str | None) -> Event:
    """Nothing is fed from now on."""
    datum: RecordOpposed = {"provenance": provenance, "reason": reason}
    return Event(record_stream(record), record, names.RECORD_OPPOSED, datum)


def opposition_withdrawn(record: int, provenance: Provenance, reason: str | None) -> Event:
    """The record may be fed again."""
    datum: OppositionWithdrawn = {"provenance": provenance, "reason": reason}
    return Event(record_stream(record), record, names.OPPOSITION_WITHDRAWN, datum)


def identity_declared(record: int, datum: DeclareIdentity) -> Event:
    """The traits of the identity are these."""
    declared: IdentityDeclared = {
        "provenance": datum["provenance"],
        "ins": datum["ins"],
        "traits": datum["traits"],
        "insiRequestedAt": datum["insiRequestedAt"],
    }
    return Event(record_stream(record), record, names.IDENTITY_DECLARED, declared)


def identity_revoked(record: int, provenance: Provenance, reason: str | None) -> Event:
    """The identity is no longer qualified."""
    datum: IdentityRevoked = {"provenance": provenance, "reason": reason}
    return Event(record_stream(record), record, names.IDENTITY_REVOKED, datum)


def record_linked(record: int, other: int, provenance: Provenance, reason: str | None) -> Event:
    """The record and the other are one person's; the other has such an event too."""
    datum: RecordLinked = {"provenance": provenance, "otherRecord": other, "reason": reason}
    return Event(record_stream(record), record, names.RECORD_LINKED, datum)


def record_unlinked(record: int, other: int, provenance: Provenance, reason: str | None) -> Event:
    """The record and the other are no longer linked; the other has such an event too."""
    datum: RecordUnlinked = {"provenance": provenance, "otherRecord": other, "reason": reason}
    return Event(record_stream(record), record, names.RECORD_UNLINKED, datum)
