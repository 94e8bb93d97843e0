"""`histoire outcomes`: what became of the messages sent."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.text import Text

from ingest.feed import check_topics
from ingest.runtime.console import note, out, print_json
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings
from schemas.feed.messages import OUTCOMES

from .explained import ExplainedOutcome
from .reader import OutcomeReader

_WAIT_SECONDS: Final = 0.5
_COLOURS: Final = {"ACCEPTED": "green", "REJECTED": "red"}


def outcomes(
    software: Annotated[
        str | None, typer.Option(help="Only outcomes of messages of the software with this id.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Show the outcomes on the topic `outcomes`, oldest first within each partition.

    Exit codes: 0 shown, also when there are none; 4 the feed is away or refuses this user; 5 the
    topic does not exist.
    """
    settings = Settings.load()
    check_topics(settings, [OUTCOMES])
    stop = StopSignal()
    reader = OutcomeReader(settings, client_id="histoire-outcomes", from_end=False)
    shown = 0
    try:
        with stop.installed():
            while not stop.is_set() and (follow or not reader.at_end):
                for found in reader.read(_WAIT_SECONDS):
                    if software is None or found.outcome["softwareId"] == software:
                        print_json(found.as_json()) if as_json else _show(found)
                        shown += 1
    finally:
        reader.close()
    if reader.unreadable:
        note(f"{reader.unreadable} records of the topic could not be read")
    if not shown and not follow:
        note("no outcomes")


def _show(found: ExplainedOutcome) -> None:
    outcome = found.outcome
    offset = f"{outcome['topic']}/{outcome['partition']}/{outcome['offset']}"
    out().print(
        Text.assemble(
            (f"{outcome['status']:<9}", _COLOURS.get(outcome["status"], "yellow")),
            f" {found.message_id or '-'} {outcome['softwareId']} {offset}",
            *(f"\n          {line}" for line in found.lines()),
        )
    )


def register_outcomes(app: typer.Typer) -> None:
    """Add `outcomes` to the application."""
    app.command("outcomes")(outcomes)
