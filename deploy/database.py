"""`histoire database`: the embedded PostgreSQL, which outlives the commands that use it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.options import Json
from ingest.runtime.postgres.embedded import embedded_status, start_embedded, stop_embedded
from ingest.runtime.settings import Settings


def register_database(app: typer.Typer) -> None:
    """Add `database start|stop|status` to `app`."""
    group = typer.Typer(
        no_args_is_help=True,
        help="The embedded PostgreSQL 18 below home/postgres; commands start it when they need it.",
    )
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    app.add_typer(group, name="database")


def start() -> None:
    """Start the embedded PostgreSQL and print its DSN. Nothing changes when it runs already."""
    with progress("starting PostgreSQL"):
        dsn = start_embedded(_embedded().home)
    out().print(dsn)


def stop() -> None:
    """Stop the embedded PostgreSQL; its data stays. Exit 0 also when it did not run."""
    with progress("stopping PostgreSQL"):
        was_running = stop_embedded(_embedded().home)
    note("PostgreSQL is stopped." if was_running else "PostgreSQL was not running.")


def status(as_json: Json = False) -> None:
    """Say whether the embedded PostgreSQL runs, and where. Exit 4 when it does not."""
    found = embedded_status(_embedded().home)
    if as_json:
        print_json(asdict(found))
    elif found.running:
        out().print(f"PostgreSQL runs: process {found.pid}, data {found.data}")
        out().print(f"DSN: {found.dsn}")
    else:
        out().print(f"PostgreSQL does not run; data {found.data}")
    if not found.running:
        raise typer.Exit(Exit.UNAVAILABLE)


def _embedded() -> Settings:
    settings = Settings.load()
    if settings.database_dsn is not None:
        raise CommandError(
            "HISTOIRE_DATABASE_DSN names a server of your own",
            "This command is for the embedded one: unset it.",
            Exit.USAGE,
        )
    return settings
