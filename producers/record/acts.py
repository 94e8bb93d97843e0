"""The acts on a record as words of the command line, and the message each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from schemas.feed.messages import Actor, Ins, Provenance
from schemas.forms.identity import Environment, accepted_oids
from schemas.policy.may_do import MACHINE_ROLE, PATIENT_ROLE, REPRESENTATIVE_ROLE
from schemas.rules.of_messages import RULES_OF, ins_accepted, provenance_complete, qualified
from schemas.rules.table.rejections import Rejection


class Act(StrEnum):
    """What can be said of a record."""

    OPEN = "open"
    ACTIVATE = "activate"
    CLOSE = "close"
    OPPOSE = "oppose"
    WITHDRAW_OPPOSITION = "withdraw-opposition"
    AUTHORISE = "authorise"
    WITHDRAW = "withdraw"
    BLOCK = "block"
    UNBLOCK = "unblock"
    ATTENDING = "attending"
    END_ATTENDING = "end-attending"
    OPPOSE_EMERGENCY = "oppose-emergency"
    ALLOW_EMERGENCY = "allow-emergency"
    ACCESS = "access"


class Speaker(StrEnum):
    """In what capacity somebody speaks."""

    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    PROFESSIONAL = "professional"
    MACHINE = "machine"


class Because(StrEnum):
    """Why a record is closed."""

    PERSON_ASKED = "person-asked"
    DEATH = "death"
    IDENTITY_ERROR = "identity-error"
    OTHER = "other"


class Mode(StrEnum):
    """On what grounds a record was consulted."""

    NORMAL = "normal"
    BREAK_GLASS = "break-glass"
    REGULATION = "regulation"
    SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Said:
    """What the options say. `until`, `accessed_at`: milliseconds since 1970."""

    holder: str | None = None
    name: str | None = None
    reason: str | None = None
    until: int | None = None
    because: Because | None = None
    on: str | None = None
    mode: Mode | None = None
    motive: str | None = None
    documents: tuple[str, ...] = ()
    refused: bool = False


_SCHEMA_OF: Final[Mapping[Act, str]] = {
    Act.OPEN: "OpenRecord",
    Act.ACTIVATE: "ActivateRecord",
    Act.CLOSE: "CloseRecord",
    Act.OPPOSE: "OpposeFeeding",
    Act.WITHDRAW_OPPOSITION: "WithdrawOpposition",
    Act.AUTHORISE: "AuthoriseAccess",
    Act.WITHDRAW: "WithdrawAccess",
    Act.BLOCK: "BlockProfessional",
    Act.UNBLOCK: "UnblockProfessional",
    Act.ATTENDING: "DesignateAttendingPhysician",
    Act.END_ATTENDING: "EndAttendingPhysician",
    Act.OPPOSE_EMERGENCY: "OpposeEmergencyAccess",
    Act.ALLOW_EMERGENCY: "WithdrawEmergencyOpposition",
    Act.ACCESS: "RecordAccess",
}
_OF_HOLDER: Final = frozenset(
    {Act.AUTHORISE, Act.WITHDRAW, Act.BLOCK, Act.UNBLOCK, Act.ATTENDING, Act.END_ATTENDING}
)
_NAMED: Final = frozenset({Act.AUTHORISE, Act.BLOCK, Act.ATTENDING})
_EMERGENCY: Final = frozenset({Act.OPPOSE_EMERGENCY, Act.ALLOW_EMERGENCY})
_TAKES: Final[Mapping[str, frozenset[Act]]] = {
    "HOLDER": _OF_HOLDER,
    "--name": _NAMED,
    "--until": frozenset({Act.AUTHORISE}),
    "--because": frozenset({Act.CLOSE}),
    "--on": frozenset({Act.CLOSE}),
    "--mode": _EMERGENCY | {Act.ACCESS},
    "--motive": frozenset({Act.ACCESS}),
    "--document": frozenset({Act.ACCESS}),
    "--refused": frozenset({Act.ACCESS}),
    "--reason": frozenset(Act) - {Act.ACTIVATE, Act.ACCESS},
}
"""Which acts each option is for."""


class Misused(ValueError):
    """The options do not go with the act; the sentence says which."""


def message_of(
    act: Act, said: Said, ins: Ins, provenance: Provenance
) -> tuple[str, dict[str, Any]]:
    """Name and datum of the message, without its `messageId`. Raises Misused."""
    _check_options(act, said)
    datum: dict[str, Any] = {"provenance": provenance, "ins": ins}
    if act is Act.ACCESS:
        datum |= _access(said, provenance["occurredAt"])
    elif act is not Act.ACTIVATE:
        datum["reason"] = said.reason
    if act is Act.CLOSE:
        datum |= {"reasonCode": (said.because or Because.PERSON_ASKED).name, "closedOn": said.on}
    if act in _OF_HOLDER:
        datum["professionalId"] = said.holder
    if act in _NAMED:
        datum["professionalName"] = said.name
    if act is Act.AUTHORISE:
        datum["until"] = said.until
    if act in _EMERGENCY:
        datum["access"] = (said.mode or Mode.BREAK_GLASS).name
    return _SCHEMA_OF[act], datum


def fault_of(name: str, datum: Mapping[str, Any], environment: Environment) -> Rejection | None:
    """Why ingestion would refuse it whatever the record is like; None when it would not."""
    ins: Ins = datum["ins"]
    return (
        ins_accepted(ins["oid"], ins["matricule"], accepted_oids(environment), "ins.")
        or qualified(name, ins)
        or provenance_complete(datum["provenance"])
        or RULES_OF[name](datum)
    )


def speaking(speaker: Speaker | None, actor: Actor, ins: Ins, role: str | None = None) -> Actor:
    """The actor in this capacity, None: that of his role; the patient is named by his INS alone
    (SPEC b.3). `role`: the profession of a professional. Raises Misused.
    """
    if speaker in (Speaker.PATIENT, Speaker.REPRESENTATIVE):
        return _in_person(speaker, actor, ins, role)
    if speaker is Speaker.MACHINE:
        role = MACHINE_ROLE
    found: Actor = {**actor, "roleCode": role or actor["roleCode"]}
    if speaker is Speaker.PROFESSIONAL and found["roleCode"] in _NO_PROFESSION:
        raise Misused("a professional needs a profession: give --role, a code of J65")
    return found


def _in_person(speaker: Speaker | None, actor: Actor, ins: Ins, role: str | None) -> Actor:
    if role is not None:
        raise Misused(f"--role does not go with --by {speaker}")
    patient = speaker is Speaker.PATIENT
    return {
        "id": f"{ins['oid']}^{ins['matricule']}" if patient else actor["id"],
        "name": None,
        "roleCode": PATIENT_ROLE if patient else REPRESENTATIVE_ROLE,
        "organisationId": None,
        "organisationName": None,
        "sectorCode": None,
    }


_NO_PROFESSION: Final = frozenset({None, "", MACHINE_ROLE, PATIENT_ROLE, REPRESENTATIVE_ROLE})


def _check_options(act: Act, said: Said) -> None:
    given = {
        "HOLDER": said.holder is not None,
        "--name": said.name is not None,
        "--until": said.until is not None,
        "--because": said.because is not None,
        "--on": said.on is not None,
        "--mode": said.mode is not None,
        "--motive": said.motive is not None,
        "--document": bool(said.documents),
        "--refused": said.refused,
        "--reason": said.reason is not None,
    }
    for option, is_given in given.items():
        if is_given and act not in _TAKES[option]:
            acts = ", ".join(sorted(_TAKES[option]))
            raise Misused(f"{option} does not go with {act}: it is for {acts}")
    if act in _OF_HOLDER and said.holder is None:
        raise Misused(f"{act} needs HOLDER, whom it is about, as root^extension")
    if act in _EMERGENCY and said.mode not in (None, Mode.BREAK_GLASS, Mode.REGULATION):
        raise Misused(f"--mode of {act} is break-glass or regulation")


def _access(said: Said, now: int) -> dict[str, Any]:
    return {
        "mode": (said.mode or Mode.NORMAL).name,
        "motive": said.motive,
        "action": "READ" if said.documents else "LIST",
        "outcome": "REFUSED" if said.refused else "GRANTED",
        "documentIds": list(said.documents),
        "accessedAt": now,
    }
