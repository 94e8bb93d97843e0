"""Options that several commands have, declared once: one name, one meaning, one help text."""

import sys
from datetime import datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from schemas.forms.identity import INS_NIR_DEMO, INS_NIR_TEST, InsError, parse_ins

from .console import CommandError, Exit

_PARIS: Final = ZoneInfo("Europe/Paris")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
"""The answer of the command is one object."""
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
"""The answer of the command is a list: a program reads it line by line."""
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the newest N.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Only those from this moment on: YYYY-MM-DD or YYYY-MM-DDTHH:MM[:SS][+HH:MM]; in Paris"
        " when there is no offset.",
    ),
]
"""`since_given` reads its text."""
Ins = Annotated[
    str,
    typer.Option(
        "--ins",
        help="OID|MATRICULE of a test or demo identity; `-` reads any from standard input.",
    ),
]
"""`read_ins` reads its text."""


def since_given(text: str | None) -> datetime | None:
    """The moment (aware) that `--since` names; None when it was not given. Raises CommandError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            "--since is no moment", "Give YYYY-MM-DD or YYYY-MM-DDTHH:MM.", Exit.USAGE
        ) from None
    return moment.replace(tzinfo=_PARIS) if moment.tzinfo is None else moment


def read_ins(given: str) -> tuple[str, str]:
    """OID and matricule from the option or, for `-`, the first line of standard input.

    Arguments of a process are seen by others: those name test and demo identities only. Raises
    CommandError, which never repeats the value.
    """
    text = sys.stdin.readline().strip() if given == "-" else given
    try:
        oid, matricule = parse_ins(text)
    except InsError as error:
        raise CommandError(str(error), "Give OID|MATRICULE.", Exit.USAGE) from None
    if given != "-" and oid not in (INS_NIR_TEST, INS_NIR_DEMO):
        raise CommandError(
            "an INS of a real person must not stand on a command line",
            "Give --ins - and write it to standard input.",
            Exit.USAGE,
        )
    return oid, matricule
