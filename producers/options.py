"""Options that several commands of producers have, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.forms.paris_days import day_as_typed

Actor = Annotated[
    str | None,
    typer.Option(
        "--actor",
        help="Who answers for the message, root^extension. "
        "Default: HISTOIRE_SENDER_ACTOR_ID, else the author of the document.",
    ),
]
Organisation = Annotated[
    str | None,
    typer.Option("--organisation", help="The organisation acted for, root^extension."),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait for outcomes; ingestion and relay must be running.")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0.1, help="Seconds to wait for the feed, and for outcomes."),
]
FirstDay = Annotated[
    str | None,
    typer.Option(
        "--from",
        parser=day_as_typed,
        metavar="DAY",
        help="First day, YYYY-MM-DD; today without it.",
    ),
]
LastDay = Annotated[
    str | None,
    typer.Option("--until", parser=day_as_typed, metavar="DAY", help="Last day, YYYY-MM-DD."),
]
