"""In what capacity somebody acts on a record, and who is named as the actor then."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ingest.runtime.console import CommandError, Exit
from schemas.feed.messages import Actor, Ins
from schemas.policy.may_do import MACHINE_ROLE, PATIENT_ROLE, REPRESENTATIVE_ROLE

_NO_PROFESSION: Final = frozenset({None, "", MACHINE_ROLE, PATIENT_ROLE, REPRESENTATIVE_ROLE})


class Capacity(StrEnum):
    """In what capacity somebody acts."""

    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    PROFESSIONAL = "professional"
    MACHINE = "machine"


def actor_in_capacity(
    capacity: Capacity | None, actor: Actor, ins: Ins, role: str | None = None
) -> Actor:
    """The actor of a message by somebody in this capacity; None: the capacity of his role.

    The patient is named by his INS alone (SPEC b.3). `role`: the profession of a professional.
    Raises CommandError for a capacity and a role that do not fit.
    """
    if capacity in (Capacity.PATIENT, Capacity.REPRESENTATIVE):
        return _in_person(capacity, actor, ins, role)
    if capacity is Capacity.MACHINE:
        role = MACHINE_ROLE
    found: Actor = {**actor, "roleCode": role or actor["roleCode"]}
    if capacity is Capacity.PROFESSIONAL and found["roleCode"] in _NO_PROFESSION:
        raise misused("a professional needs a profession: give --role, a code of J65")
    return found


def misused(sentence: str) -> CommandError:
    """Ends the command: the options do not go together, or not with the act."""
    return CommandError(sentence, "See `histoire record --help`.", Exit.USAGE)


def _in_person(capacity: Capacity | None, actor: Actor, ins: Ins, role: str | None) -> Actor:
    if role is not None:
        raise misused(f"--role does not go with --by {capacity}")
    patient = capacity is Capacity.PATIENT
    return {
        "id": f"{ins['oid']}^{ins['matricule']}" if patient else actor["id"],
        "name": None,
        "roleCode": PATIENT_ROLE if patient else REPRESENTATIVE_ROLE,
        "organisationId": None,
        "organisationName": None,
        "sectorCode": None,
    }
