"""Commands that are composed of what several packages contribute."""

from __future__ import annotations

import typer

import ingest.commands.ingest
import ingest.commands.registry
import producers.registry.command
from ingest.runtime.postgres.database import store_dsn
from ingest.runtime.settings import Settings
from projections import migrate_projections, timeline_audit


def register_ingestion(app: typer.Typer) -> None:
    """Add the commands of ingestion; `audit` and `migrate` have the part of the projections."""
    ingest.commands.ingest.register(app, audits=[timeline_audit], migrations=[_projection_tables])


def register_registry(app: typer.Typer) -> None:
    """Add the group `registry`: what reads the store, and what publishes."""
    group = typer.Typer(
        name="registry",
        no_args_is_help=True,
        help="Which software, services and téléconsultation companies are referenced.",
    )
    ingest.commands.registry.register_registry(group)
    producers.registry.command.register_registry(group)
    app.add_typer(group)


def _projection_tables(settings: Settings) -> list[str]:
    return migrate_projections(store_dsn(settings))
