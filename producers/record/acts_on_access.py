"""The acts that say who may read a record and who did: the options of each, and its message."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ingest.runtime.console import CommandError, Exit
from schemas.forms.paris_days import day_as_typed, day_exists, end_ms

from .acts_on_record import ActMessage, Reason


class Mode(StrEnum):
    """On what grounds a record was consulted."""

    NORMAL = "normal"
    BREAK_GLASS = "break-glass"
    REGULATION = "regulation"
    SECRET = "secret"


class EmergencyMode(StrEnum):
    """The accesses in an emergency, which a person may oppose."""

    BREAK_GLASS = "break-glass"
    REGULATION = "regulation"


Holder = Annotated[
    str,
    typer.Argument(
        metavar="HOLDER",
        help="Who gets or loses access: a professional or an organisation, root^extension.",
    ),
]
HolderName = Annotated[str | None, typer.Option("--name", help="Name of HOLDER, for display.")]
LastDayOfAccess = Annotated[
    str | None,
    typer.Option(
        "--until",
        parser=day_as_typed,
        metavar="DAY",
        help="Last day of access; six months without it.",
    ),
]
EmergencyModeOption = Annotated[
    EmergencyMode, typer.Option("--mode", help="Which emergency access.")
]
ModeOption = Annotated[Mode, typer.Option("--mode", help="On what grounds.")]
Motive = Annotated[str | None, typer.Option("--motive", help="Why the glass was broken.")]
DocumentsRead = Annotated[
    list[str] | None,
    typer.Option("--document", help="uniqueId of a document that was read; may be given again."),
]
NotGiven = Annotated[bool, typer.Option("--refused", help="The access was not given.")]


def authorise(
    holder: Holder,
    name: HolderName = None,
    until: LastDayOfAccess = None,
    reason: Reason = None,
) -> ActMessage:
    """Authorise HOLDER to read.

    A professional declares it for himself or his organisation, after the patient's consent.
    """
    end = None if until is None else _end_of(until)
    fields = {"professionalId": holder, "professionalName": name, "until": end, "reason": reason}
    return ActMessage("AuthoriseAccess", fields)


def withdraw(holder: Holder, reason: Reason = None) -> ActMessage:
    """Withdraw the authorisation of HOLDER."""
    return ActMessage("WithdrawAccess", {"professionalId": holder, "reason": reason})


def block(holder: Holder, name: HolderName = None, reason: Reason = None) -> ActMessage:
    """Block HOLDER as a reader; the patient or his representative does."""
    fields = {"professionalId": holder, "professionalName": name, "reason": reason}
    return ActMessage("BlockProfessional", fields)


def unblock(holder: Holder, reason: Reason = None) -> ActMessage:
    """Take the block of HOLDER back; the patient or his representative does."""
    return ActMessage("UnblockProfessional", {"professionalId": holder, "reason": reason})


def attending(holder: Holder, name: HolderName = None, reason: Reason = None) -> ActMessage:
    """Designate HOLDER as the attending physician (médecin traitant)."""
    fields = {"professionalId": holder, "professionalName": name, "reason": reason}
    return ActMessage("DesignateAttendingPhysician", fields)


def end_attending(holder: Holder, reason: Reason = None) -> ActMessage:
    """HOLDER is no longer the attending physician."""
    return ActMessage("EndAttendingPhysician", {"professionalId": holder, "reason": reason})


def oppose_emergency(
    mode: EmergencyModeOption = EmergencyMode.BREAK_GLASS, reason: Reason = None
) -> ActMessage:
    """Oppose an emergency access."""
    return ActMessage("OpposeEmergencyAccess", {"access": mode.name, "reason": reason})


def allow_emergency(
    mode: EmergencyModeOption = EmergencyMode.BREAK_GLASS, reason: Reason = None
) -> ActMessage:
    """Take the opposition to an emergency access back; the patient or his representative does."""
    return ActMessage("WithdrawEmergencyOpposition", {"access": mode.name, "reason": reason})


def access(
    mode: ModeOption = Mode.NORMAL,
    motive: Motive = None,
    documents: DocumentsRead = None,
    refused: NotGiven = False,
) -> ActMessage:
    """Trace a consultation: of the list, or of the documents named."""
    fields = {
        "mode": mode.name,
        "motive": motive,
        "action": "READ" if documents else "LIST",
        "outcome": "REFUSED" if refused else "GRANTED",
        "documentIds": list(documents or ()),
    }
    return ActMessage("RecordAccess", fields)


def _end_of(day: str) -> int:
    """The end of this day in Paris, milliseconds since 1970. Raises CommandError."""
    if not day_exists(day):
        raise CommandError("--until is no day", "Give YYYY-MM-DD.", Exit.USAGE)
    return end_ms(day)
