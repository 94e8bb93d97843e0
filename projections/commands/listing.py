"""The commands `histoire notifications | statistics`: lists without a person's name."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from ingest.runtime.console import CommandError, Exit, note, out, print_json
from ingest.runtime.options import Json, JsonLines, Limit, Since, since_given
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.notifications.relay import OutboxRow, newest_outbox_rows
from projections.statistics.figures import (
    Figure,
    Figures,
    NoSuchFigure,
    chosen,
    national_figures,
    totals,
)
from schemas.valuesets import FACILITIES, type_label

from .errors import as_command_errors


def register_listing(app: typer.Typer) -> None:
    """Add `notifications` and `statistics` to `app`."""
    app.command()(notifications)
    app.command()(statistics)


def notifications(
    due: Annotated[bool, typer.Option("--due", help="Only those not published yet.")] = False,
    limit: Limit = None,
    since: Since = None,
    json: JsonLines = False,
) -> None:
    """List the notifications: who is to be told what, such as a new document. No name, no title.

    `--since` looks at when the event was recorded that made it due.

    Exit codes: 0 listed; 2 not migrated, or not a moment.
    """
    settings = Settings.load()
    moment = since_given(since)
    with (
        as_command_errors(),
        connect(store_dsn(settings), application_name="histoire-notifications") as conn,
    ):
        found = newest_outbox_rows(conn, due=due, limit=limit, since=moment)
    if json:
        for row in found:
            print_json(_as_json(row))
        return
    table = Table("record", "person", "rule", "audience", "type", "position", "published")
    for row in found:
        table.add_row(
            str(row.record),
            str(row.person),
            f"{row.rule} {row.rule_version}",
            row.audience,
            type_label(row.type_code) or row.type_code or "-",
            str(row.position),
            "due" if row.published_at is None else f"{row.published_at:%Y-%m-%d %H:%M:%S}",
        )
    out().print(table)
    note(f"{len(found)} notifications")


def statistics(
    sector: Annotated[
        list[str] | None,
        typer.Option(help="Only this healthcareFacilityTypeCode, e.g. SA25; may be given again."),
    ] = None,
    type_code: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this typeCode, e.g. 11502-2; may be given again."),
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY[-MM]", help="Only acts of this month or year.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the national figures: documents per sector, type and month of the act; records.

    Technical documents are not counted. `current` are those neither replaced nor deleted. Filters
    choose documents, never records; the totals are those of what is shown.

    Exit codes: 0 shown; 2 not migrated, or a sector, type or month that does not exist.
    """
    settings = Settings.load()
    with (
        as_command_errors(),
        connect(store_dsn(settings), application_name="histoire-statistics") as conn,
    ):
        figures = national_figures(conn)
    try:
        figures = chosen(figures, sector or (), type_code or (), month)
    except NoSuchFigure as error:
        raise CommandError(error.sentence, error.repair, Exit.USAGE) from None
    if json:
        print_json(
            {
                "position": figures.position,
                "records": figures.records,
                "documents": [_cell(figure) for figure in figures.documents],
                "totals": totals(figures),
            }
        )
    else:
        _print_figures(figures)


def _cell(figure: Figure) -> dict[str, Any]:
    return {
        "sector": figure.sector,
        "typeCode": figure.type_code,
        "month": figure.month,
        "fed": figure.fed,
        "replaced": figure.replaced,
        "deleted": figure.deleted,
        "current": figure.current,
    }


def _as_json(row: OutboxRow) -> dict[str, Any]:
    return {
        **row.as_told(),
        "recordedAt": row.recorded_at,
        "publishedAt": row.published_at,
    }


def _print_figures(figures: Figures) -> None:
    console = out()
    records = Table("records", "number")
    for name, count in figures.records.items():
        records.add_row(name, str(count))
    console.print(records)
    table = Table("sector", "type", "month", show_footer=True)
    table.columns[0].footer = "total"
    for name, total in totals(figures).items():
        table.add_column(name, footer=str(total), justify="right")
    for figure in figures.documents:
        sector = FACILITIES.get(figure.sector)
        counts = (figure.fed, figure.replaced, figure.deleted, figure.current)
        table.add_row(
            sector.label if sector else figure.sector,
            type_label(figure.type_code) or figure.type_code,
            figure.month,
            *map(str, counts),
        )
    console.print(table)
