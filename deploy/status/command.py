"""`histoire status`: the same truth as the metrics and the audit, in a terminal.

It asks the store, the feed and the metrics endpoint of the group. It starts and changes nothing but
the embedded database, which every command starts.
"""

from dataclasses import asdict
from typing import Any

import typer
from rich.table import Table

from deploy.status.ask import status_of
from deploy.status.state import Status
from ingest.commands.errors import as_command_errors
from ingest.runtime.console import Exit, out, print_json
from ingest.runtime.options import Json
from ingest.runtime.settings import Settings


def register_status(app: typer.Typer) -> None:
    """Add `histoire status`."""

    @app.command()
    def status(
        as_json: Json = False,
    ) -> None:
        """Show how the system is: feed, store, dead letters, projections, processes.

        Exit codes: 1 when something is halted, missing or down; 2 not migrated; 4 the feed or the
        database is away.
        """
        with as_command_errors():
            found = status_of(Settings.load())
        if as_json:
            print_json({**asdict(found), "healthy": found.exit_code is Exit.OK})
        else:
            _print(found)
        if found.exit_code is not Exit.OK:
            raise typer.Exit(found.exit_code)


def _print(found: Status) -> None:
    console = out()
    kinds = ("fetched", "accepted", "duplicate", "unchanged", "rejected", "lag")
    topics = Table("feed", *kinds, title=f"feed: {found.feed}", title_justify="left")
    for topic in found.topics:
        topics.add_row(topic.topic, *(_shown(getattr(topic, kind)) for kind in kinds))
    console.print(topics)
    table = Table("projection", "build", "position", "lag", "behind", title_justify="left")
    table.title = f"store: {found.events:,} events, position {found.position:,}"
    for row in found.projections:
        behind = "?" if row.behind_seconds is None else f"{row.behind_seconds:,.1f} s"
        table.add_row(row.projection, str(row.build), f"{row.position:,}", f"{row.lag:,}", behind)
    console.print(table)
    for name, value in _lines(found):
        console.print(f"{name}: {value}")


def _shown(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _state(found: Status, process: str, running: bool) -> str:
    if running:
        return f"{process} up"
    end = found.ended.get(process)
    return f"{process} DOWN" + (f" ({end})" if end else "")


def _lines(found: Status) -> list[tuple[str, Any]]:
    waiting = ", ".join(f"{code} {count:,}" for code, count in found.letters_waiting.items())
    up = found.processes
    processes = (
        "no group runs (histoire run)"
        if up is None
        else ", ".join(_state(found, name, running) for name, running in up.items())
    )
    lines: list[tuple[str, Any]] = [
        ("dead letters waiting", waiting or "none"),
        ("outcome batches to publish", f"{found.outcome_batches_waiting:,}"),
        ("processes", processes),
    ]
    lines += [("halted", line) for topic in found.topics for line in topic.halted]
    if found.missing:
        said = f"{', '.join(found.missing)}. Run: histoire migrate"
        lines.append(("topics that do not exist", said))
    if found.feed_error:
        lines.append(("feed", found.feed_error))
    return lines
