"""Who may do what to a document: one pure, table-driven function (SPEC d.1, b.4, TRAP 14).

An act that the tables do not allow is refused. The claims of the caller decide, never the authors
written in a new document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from schemas.feed.messages import Actor, Ins


class ActorKind(StrEnum):
    """The capacity in which somebody acts (`Actor.roleCode`)."""

    PROFESSIONAL = "professional"
    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    MACHINE = "machine"
    UNKNOWN = "unknown"
    """Claims to be a patient, and is another one."""


class Operation(StrEnum):
    """What somebody can ask for a document that is already there."""

    REPLACE = "replace"
    MASK = "mask"
    HIDE_FROM_PATIENT = "hide_from_patient"
    HIDE_FROM_REPRESENTATIVES = "hide_from_representatives"
    ARCHIVE = "archive"
    DELETE = "delete"


class Authorship(StrEnum):
    """The relation of somebody to a document."""

    NEITHER = "neither"
    ORGANISATION = "organisation"
    """He acts for the organisation of an author, and is no author himself."""
    AUTHOR = "author"


@dataclass(frozen=True, slots=True)
class Policy:
    """Choices that the sources leave to the installation. The defaults are those of the sources.

    `organisation_replaces`: the author and his organisation may replace and delete; false: the
    author alone (SPEC j.29). `patient_deletes`: the patient may have documents of others taken out
    of his record; false: his own alone (SPEC d.1, j.22). `professionals_mask`: any professional may
    mask on behalf of the patient; false: only the patient, his representatives, the author and his
    organisation (SPEC c.4, d.1). `secret_access`: professionals may open the record of a minor in a
    secret connection (SPEC h.3: "only if the function is enabled").
    """

    organisation_replaces: bool = True
    patient_deletes: bool = True
    professionals_mask: bool = True
    secret_access: bool = False

    @property
    def parts_author_from_organisation(self) -> bool:
        """True when the author may do more than his organisation."""
        return not (self.organisation_replaces and self.patient_deletes)


DEFAULT_POLICY: Final = Policy()
_ALL: Final = frozenset(Operation)
_NOTHING: Final[frozenset[Operation]] = frozenset()
REPLACES_OR_DELETES: Final = frozenset({Operation.REPLACE, Operation.DELETE})

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
    # record. He never sees what is hidden from him, and never changes that.
    ActorKind.PATIENT: frozenset({Operation.MASK, Operation.DELETE}),
    # SPEC h.3: representatives manage the account of a minor: they mask. No source gives more.
    ActorKind.REPRESENTATIVE: frozenset({Operation.MASK}),
    ActorKind.MACHINE: _NOTHING,
    ActorKind.UNKNOWN: _NOTHING,
}
"""Acts allowed to a capacity that is neither the author nor of his organisation."""

BY_AUTHORSHIP: Final[Mapping[ActorKind, frozenset[Operation]]] = {
    # SPEC d.1, b.4, j.29: replace and delete belong to the author or to his organisation.
    ActorKind.PROFESSIONAL: _ALL,
    ActorKind.MACHINE: _ALL,
    # SPEC j.22: only the patient may replace or delete his own document. Nobody hides a document
    # from himself (SPEC c.4).
    ActorKind.PATIENT: frozenset(
        {Operation.REPLACE, Operation.MASK, Operation.ARCHIVE, Operation.DELETE}
    ),
    ActorKind.REPRESENTATIVE: frozenset({Operation.MASK}),
    ActorKind.UNKNOWN: _NOTHING,
}
"""Acts allowed to a capacity that is the author of the document or of his organisation."""

FORBIDDEN_BY: Final[Mapping[str, Mapping[tuple[ActorKind, Authorship], frozenset[Operation]]]] = {
    "organisation_replaces": {
        (kind, Authorship.ORGANISATION): REPLACES_OR_DELETES
        for kind in ActorKind
        if kind is not ActorKind.PATIENT
    },
    "patient_deletes": {
        (ActorKind.PATIENT, authorship): frozenset({Operation.DELETE})
        for authorship in (Authorship.NEITHER, Authorship.ORGANISATION)
    },
    "professionals_mask": {
        (ActorKind.PROFESSIONAL, Authorship.NEITHER): frozenset({Operation.MASK})
    },
}
"""Acts that each choice of the policy takes away when it is false."""


def may_do(
    actor_kind: ActorKind,
    operation: Operation,
    authorship: Authorship,
    policy: Policy = DEFAULT_POLICY,
) -> bool:
    """True when somebody in this capacity and relation to a document may do this under `policy`."""
    return operation in _allowed(policy)[actor_kind, authorship]


@lru_cache(maxsize=16)
def _allowed(policy: Policy) -> Mapping[tuple[ActorKind, Authorship], frozenset[Operation]]:
    """The whole table under one policy."""
    off = [switch for switch in FORBIDDEN_BY if not getattr(policy, switch)]
    return {
        (kind, authorship): table[kind].difference(
            *(FORBIDDEN_BY[switch].get((kind, authorship), _NOTHING) for switch in off)
        )
        for authorship, table in _TABLES.items()
        for kind in ActorKind
    }


_TABLES: Final = {
    Authorship.NEITHER: BY_CAPACITY,
    Authorship.ORGANISATION: BY_AUTHORSHIP,
    Authorship.AUTHOR: BY_AUTHORSHIP,
}


PATIENT_ROLE: Final = "PATIENT"
REPRESENTATIVE_ROLE: Final = "REPRESENTANT"
MACHINE_ROLE: Final = "AUTOMATE"


def actor_kind(actor: Actor, ins: Ins) -> ActorKind:
    """The capacity that an actor claims; UNKNOWN for a patient who is another one.

    The identifier of a patient is his INS as root^extension (`Actor.id`). An actor without role is
    a system, which has the rights of its organisation and no others.
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
