"""Who may do what to a record: one pure, table-driven function (SPEC a.4, d.1, d.5, h; TRAP 14).

An act that the table does not allow is refused. No source gives the whole table. It is built from
the effect of each act on the person: to forbid needs little; to give access needs the patient, or a
professional who declares the patient's consent for himself and for nobody else.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .may_do import ActorKind


class RecordOperation(StrEnum):
    """What somebody can ask for a record."""

    OPEN = "open"
    REOPEN = "reopen"
    REOPEN_AFTER_FACT = "reopen_after_fact"
    """After a closure, by death or for an error of identity, that was itself an error."""
    ACTIVATE = "activate"
    CLOSE = "close"
    CLOSE_BY_FACT = "close_by_fact"
    """By death, or for an error of identity: somebody establishes a fact."""
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
    # SPEC d.1: a professional declares an authorisation "after the patient's consent", for himself
    # or his organisation (TD0.3). SPEC d.5: he records the patient's will about feeding. He never
    # blocks and never ends an opposition to emergency access: these two protect the patient from
    # professionals (SPEC h.2, h.3). The owner activates the space himself.
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
    # Software of an identity service, of a hub or of the national space: identity (SPEC a.4),
    # opening "by default" and activation (SPEC d.5), deaths from the civil register, and an
    # opposition that an establishment relays (ZFA-8), which only forbids. Nothing gives access.
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
"""Acts allowed to each capacity."""


def may_do_to_record(kind: ActorKind, operation: RecordOperation) -> bool:
    """True when somebody in this capacity may do this to a record.

    A representative needs moreover a person known to be a minor (`needs_minor`).
    """
    return operation in BY_KIND[kind]


def needs_minor(kind: ActorKind) -> bool:
    """True when this capacity ends with the majority of the person (SPEC h.3, TRAP 19)."""
    return kind is ActorKind.REPRESENTATIVE
