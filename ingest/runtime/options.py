"""Options that several commands have, declared once: one name, one meaning, one help text."""

from typing import Annotated

import typer

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
