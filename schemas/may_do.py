"""Who may do what to a document: one pure, table-driven function (SPEC d.1, b.4, TRAPS 14).

What the tables do not allow is refused. The claims of the caller decide, never the authors written
inside a new document.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .messages import Actor, Ins


class ActorKind(StrEnum):
    """In what capacity somebody speaks (`Actor.roleCode`)."""

    PROFESSIONAL = "professional"
    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    MACHINE = "machine"
    UNKNOWN = "unknown"
    """Claims to be somebody he is not."""


class Operation(StrEnum):
    """What can be asked for a document that is already there."""

    REPLACE = "replace"
    MASK = "mask"
    HIDE_FROM_PATIENT = "hide_from_patient"
    HIDE_FROM_REPRESENTATIVES = "hide_from_representatives"
    ARCHIVE = "archive"
    DELETE = "delete"


_ALL: Final = frozenset(Operation)

BY_CAPACITY: Final[Mapping[ActorKind, frozenset[Operation]]] = {
    # SPEC d.1: mask and unmask, hide and show, archive: any professional (TD3.3a, b, d), since he
    # acts in care and may mask on behalf of the patient. Not delete, not replace.
    ActorKind.PROFESSIONAL: frozenset(
        {
            Operation.MASK,
            Operation.HIDE_FROM_PATIENT,
            Operation.HIDE_FROM_REPRESENTATIVES,
            Operation.ARCHIVE,
        }
    ),
    # SPEC d.1: the patient masks and unmasks in MES. He may have a document taken out of his
    # record; he never sees, so never changes, what is hidden from him.
    ActorKind.PATIENT: frozenset({Operation.MASK, Operation.DELETE}),
    # SPEC h.3: representatives manage the account of a minor, so they mask; no source gives more.
    ActorKind.REPRESENTATIVE: frozenset({Operation.MASK}),
    ActorKind.MACHINE: frozenset(),
    ActorKind.UNKNOWN: frozenset(),
}
"""What a capacity allows to somebody who is neither author nor of the author's organisation."""

BY_AUTHORSHIP: Final[Mapping[ActorKind, frozenset[Operation]]] = {
    # SPEC d.1, b.4, j.29: replace and delete belong to the author or to his organisation.
    ActorKind.PROFESSIONAL: _ALL,
    ActorKind.MACHINE: _ALL,
    # SPEC j.22: only the patient may replace or delete his own document. What is hidden from
    # somebody stays out of his own hands (SPEC c.4).
    ActorKind.PATIENT: frozenset(
        {Operation.REPLACE, Operation.MASK, Operation.ARCHIVE, Operation.DELETE}
    ),
    ActorKind.REPRESENTATIVE: frozenset({Operation.MASK}),
    ActorKind.UNKNOWN: frozenset(),
}
"""What a capacity allows to the author of the document or to his organisation."""


def may_do(actor_kind: ActorKind, operation: Operation, is_author_or_org: bool) -> bool:
    """Whether somebody in this capacity may do this to a document.

    `is_author_or_org`: he is an author of it or acts for the organisation of one.
    """
    table = BY_AUTHORSHIP if is_author_or_org else BY_CAPACITY
    return operation in table[actor_kind]


PATIENT_ROLE: Final = "PATIENT"
REPRESENTATIVE_ROLE: Final = "REPRESENTANT"
MACHINE_ROLE: Final = "AUTOMATE"


def actor_kind(actor: Actor, ins: Ins) -> ActorKind:
    """The capacity an actor claims; UNKNOWN for a patient who is not this one.

    The patient's identifier is his INS as root^extension (`Actor.id`). Without a role it is a
    system, which has the rights of the organisation it speaks for and no others.
    """
    role = actor["roleCode"]
    if not role:
        return ActorKind.MACHINE
    if role == PATIENT_ROLE:
        is_this_one = actor["id"] == f"{ins['oid']}^{ins['matricule']}"
        return ActorKind.PATIENT if is_this_one else ActorKind.UNKNOWN
    if role == REPRESENTATIVE_ROLE:
        return ActorKind.REPRESENTATIVE
    return ActorKind.MACHINE if role == MACHINE_ROLE else ActorKind.PROFESSIONAL
