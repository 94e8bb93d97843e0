"""The acts that open, close and restrict a record: the options of each, and its message."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer

from schemas.forms.paris_days import day_as_typed


class ActMessage(NamedTuple):
    """The message of an act without id, provenance and INS: name of its schema, other fields."""

    schema: str
    fields: Mapping[str, Any]


class Because(StrEnum):
    """Why a record is closed."""

    PERSON_ASKED = "person-asked"
    DEATH = "death"
    IDENTITY_ERROR = "identity-error"
    OTHER = "other"


Reason = Annotated[
    str | None,
    typer.Option("--reason", help="Why, in words; others see it in the list of processes."),
]
BecauseOption = Annotated[
    Because, typer.Option("--because", help="Why the record closes.", show_default=True)
]
ClosureDay = Annotated[
    str | None,
    typer.Option("--on", parser=day_as_typed, metavar="DAY", help="Day of the closure."),
]


def open_(reason: Reason = None) -> ActMessage:
    """Open the record."""
    return ActMessage("OpenRecord", {"reason": reason})


def activate() -> ActMessage:
    """Activate the person's own space; the patient or his representative does."""
    return ActMessage("ActivateRecord", {})


def close(
    because: BecauseOption = Because.PERSON_ASKED, on: ClosureDay = None, reason: Reason = None
) -> ActMessage:
    """Close the record. Death and errors of identity are told by professionals and machines."""
    return ActMessage("CloseRecord", {"reasonCode": because.name, "closedOn": on, "reason": reason})


def oppose(reason: Reason = None) -> ActMessage:
    """Oppose feeding: from then on no document is taken."""
    return ActMessage("OpposeFeeding", {"reason": reason})


def withdraw_opposition(reason: Reason = None) -> ActMessage:
    """Withdraw the opposition to feeding."""
    return ActMessage("WithdrawOpposition", {"reason": reason})
