"""Who may do what to a record: one pure, table-driven function (SPEC a.4, d.1, d.5, h; TRAP 14).

What the table does not allow is refused. No source gives the whole table, so it is built from what
each act does to the person: whoever forbids needs little, whoever gives access needs the patient,
or a professional who declares his consent for himself and for nobody else.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .may_do import ActorKind


class RecordOperation(StrEnum):
    """What can be asked for a record."""

    OPEN = "open"
    REOPEN = "reopen"
    REOPEN_AFTER_FACT = "reopen_after_fact"
    """After a closure by death or for an error of identity, which was itself an error."""
    ACTIVATE = "activate"
    CLOSE = "close"
    CLOSE_BY_FACT = "close_by_fact"
    """By death, or for an error of identity: a fact that somebody establishes."""
    OPPOSE = "oppose"
    WITHDRAW_OPPOSITION = "withdraw_opposition"
    IDENTIFY = "identify"
    """Declare or revoke an identity, link or unlink an INS."""
    GIVE_ACCESS = "give_access"
    """Authorise somebody, or name the attending physician."""
    GIVE_ACCESS_TO_SELF = "give_access_to_self"
    TAKE_ACCESS = "take_access"
    TAKE_ACCESS_FROM_SELF = "take_access_from_self"
    BLOCK = "block"
    """Block or unblock."""
    OPPOSE_EMERGENCY = "oppose_emergency"
    WITHDRAW_EMERGENCY_OPPOSITION = "withdraw_emergency_opposition"
    CONSULT = "consult"
    CONSULT_EXCEPTIONALLY = "consult_exceptionally"
    """Break-glass, regulation centre, secret connection."""


_BY_THE_PERSON: Final = frozenset(
    {
        RecordOperation.OPEN,
        RecordOperation.REOPEN,
        RecordOperation.ACTIVATE,
        RecordOperation.CLOSE,
        RecordOperation.OPPOSE,
        RecordOperation.WITHDRAW_OPPOSITION,
        RecordOperation.GIVE_ACCESS,
        RecordOperation.TAKE_ACCESS,
        RecordOperation.BLOCK,
        RecordOperation.OPPOSE_EMERGENCY,
        RecordOperation.WITHDRAW_EMERGENCY_OPPOSITION,
        RecordOperation.CONSULT,
    }
)

BY_KIND: Final[Mapping[ActorKind, frozenset[RecordOperation]]] = {
    # SPEC d.1: declares an authorisation "after the patient's consent" (TD0.3, which concerns who
    # asks: himself or his organisation). SPEC d.5: records what the patient said about feeding.
    # Never a block and never the end of an opposition to emergency access: those two protect the
    # patient from professionals (SPEC h.2, h.3). The space is activated by its owner.
    ActorKind.PROFESSIONAL: frozenset(
        {
            RecordOperation.OPEN,
            RecordOperation.REOPEN,
            RecordOperation.REOPEN_AFTER_FACT,
            RecordOperation.CLOSE,
            RecordOperation.CLOSE_BY_FACT,
            RecordOperation.OPPOSE,
            RecordOperation.WITHDRAW_OPPOSITION,
            RecordOperation.IDENTIFY,
            RecordOperation.GIVE_ACCESS_TO_SELF,
            RecordOperation.TAKE_ACCESS_FROM_SELF,
            RecordOperation.OPPOSE_EMERGENCY,
            RecordOperation.CONSULT,
            RecordOperation.CONSULT_EXCEPTIONALLY,
        }
    ),
    # SPEC h.2, h.3: the patient decides; nobody declares his own death or identity (SPEC a.4).
    ActorKind.PATIENT: _BY_THE_PERSON,
    # SPEC h.3: representatives manage the account until majority (`needs_minor`).
    ActorKind.REPRESENTATIVE: _BY_THE_PERSON,
    # Software of an identity service, of a hub or of the national space: identity (SPEC a.4), the
    # opening "by default" and the activation (SPEC d.5), deaths from the civil register, and an
    # opposition that an establishment relays (ZFA-8), since it only forbids. Nothing that gives.
    ActorKind.MACHINE: frozenset(
        {
            RecordOperation.OPEN,
            RecordOperation.REOPEN_AFTER_FACT,
            RecordOperation.ACTIVATE,
            RecordOperation.CLOSE_BY_FACT,
            RecordOperation.OPPOSE,
            RecordOperation.IDENTIFY,
            RecordOperation.CONSULT,
        }
    ),
    ActorKind.UNKNOWN: frozenset(),
}
"""What each capacity allows."""


def may_do_to_record(kind: ActorKind, operation: RecordOperation) -> bool:
    """Whether somebody in this capacity may do this to a record. A representative moreover needs a
    person who is known to be a minor (`needs_minor`).
    """
    return operation in BY_KIND[kind]


def needs_minor(kind: ActorKind) -> bool:
    """Whether this capacity ends with the majority of the person (SPEC h.3, TRAP 19)."""
    return kind is ActorKind.REPRESENTATIVE
