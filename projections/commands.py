"""The commands `histoire project | timeline | notifications | statistics | replay`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from prometheus_client import CollectorRegistry
from rich.table import Table

from ingest.eventstore import StoreError
from ingest.eventstore.find_record import find_record
from ingest.eventstore.migrations import MigrationError
from ingest.runtime.console import Bar, CommandError, Exit, note, out, print_json, progress
from ingest.runtime.database import connect, store_dsn
from ingest.runtime.feed import open_publisher
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.logs import configure_logs
from ingest.runtime.metrics import Metrics, serve
from ingest.runtime.settings import Settings
from schemas.may_see import Reader
from schemas.valuesets import FACILITIES, type_label

from .builds import NotMigrated
from .loop import ProjectionLoop
from .notifications.relay import Notice, notices
from .opened import EventRefused
from .readers import read_ins, reader_named
from .registry import PROJECTIONS, projection_named
from .replay import Replay, ReplayRefused, ReplayResult
from .runner import NotOwner, OtherVersion
from .statistics.figures import Figures, national_figures
from .timeline.display import as_json, print_timeline
from .timeline.query import timeline_of

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, one object per line.")]


def register(app: typer.Typer) -> None:
    """Add the commands of the projections."""
    app.command()(project)
    app.command()(timeline)
    app.command()(notifications)
    app.command()(statistics)
    app.command()(replay)


def project(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when every event has been applied.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run this projection only; may be given again. Default: all."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the metrics; 0: none. Default: HISTOIRE_METRICS_PORT, with --until-idle"
            " none.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Keep the timelines, notifications and figures up to date with the log.

    Due notifications are published too. One process runs a projection at a time. A projection that
    meets an event it cannot apply halts there and says so; the others go on.

    Exit codes: 0 done; 1 another process runs it; 2 not migrated; 5 a projection halted.
    """
    settings = Settings.load()
    _configure_logs(settings, "project", quiet=until_idle)
    chosen = [projection_named(name) for name in only] if only else PROJECTIONS
    metrics = Metrics(CollectorRegistry())
    usual = 0 if until_idle else settings.metrics_port  # else in the way of the group beside it
    port = usual if metrics_port is None else metrics_port
    endpoint = serve(metrics.registry, settings.metrics_host, port) if port else None
    try:
        with (
            StopSignal().installed() as stop,
            progress("projecting", show=until_idle) as bar,
            _clear_errors(),
        ):
            loop = ProjectionLoop(
                settings,
                chosen,
                stop,
                metrics=metrics,
                open_publisher=lambda: open_publisher(settings, client_id="histoire-notify"),
                on_batch=lambda done, end: bar.update(completed=done, total=end),
            )
            done = loop.run(until_idle=until_idle)
    finally:
        if endpoint is not None:
            endpoint.close()
    if json:
        print_json(
            {
                "applied": done.applied,
                "positions": done.positions,
                "notified": done.notified,
                "halted": done.halted,
            }
        )
    else:
        for name, count in done.applied.items():
            note(f"{name}: {count} events, position {done.positions[name]}")
        note(f"notifications published: {done.notified}")
    if done.halted:
        raise CommandError(
            "; ".join(done.halted), "Mend the cause, then run it again.", Exit.HALTED
        )


def timeline(
    ins: Annotated[
        str,
        typer.Option(help="OID|MATRICULE of a test or demo identity; - reads any from stdin."),
    ],
    reader: Annotated[
        str, typer.Option(help="patient, representative, professional or author:ROOT^EXTENSION.")
    ] = "patient",
    archived: Annotated[
        bool, typer.Option("--archived", help="Show the archived documents too, apart.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a person's timeline as one reader may see it, by day of the act, newest first.

    What the reader may not see is absent, from counts too. `professional` is one whom the patient
    authorised; `author:ID` is the same one, with this identifier or of this organisation.

    Exit codes: 0 shown; 2 not an INS, a real one on the command line, or not migrated; 6 no such
    record.
    """
    settings = Settings.load()
    as_reader: Reader = reader_named(reader)
    identity = read_ins(ins)
    now = datetime.fromtimestamp(time.time(), UTC)
    with _clear_errors():
        record = find_record(settings, identity)
        if record is None:
            raise CommandError("there is no record for this INS", code=Exit.NOT_FOUND)
        with connect(store_dsn(settings), application_name="histoire-timeline") as conn:
            seen = timeline_of(conn, record, as_reader, now)
    if json:
        print_json(as_json(seen, reader, now, archived=archived))
    else:
        print_timeline(out(), seen, archived=archived)


def notifications(
    due: Annotated[bool, typer.Option("--due", help="Only those not published yet.")] = False,
    json: Json = False,
) -> None:
    """List the notifications: who is to be told that a document became visible. No name, no title.

    Exit codes: 0 listed; 2 not migrated.
    """
    settings = Settings.load()
    with (
        _clear_errors(),
        connect(store_dsn(settings), application_name="histoire-notifications") as conn,
    ):
        found = notices(conn, due=due)
    if json:
        for notice in found:
            print_json(_notice(notice))
        return
    table = Table("record", "person", "rule", "audience", "type", "position", "published")
    for notice in found:
        table.add_row(
            str(notice.record),
            str(notice.person),
            f"{notice.rule} {notice.rule_version}",
            notice.audience,
            type_label(notice.type_code) or notice.type_code,
            str(notice.position),
            "due" if notice.published_at is None else f"{notice.published_at:%Y-%m-%d %H:%M:%S}",
        )
    out().print(table)
    note(f"{len(found)} notifications")


def statistics(json: Json = False) -> None:
    """Show the national figures: documents per sector, type and month of the act; records.

    Technical documents are not counted. `current` are those neither replaced nor deleted. With
    `--json` one object.

    Exit codes: 0 shown; 2 not migrated.
    """
    settings = Settings.load()
    with (
        _clear_errors(),
        connect(store_dsn(settings), application_name="histoire-statistics") as conn,
    ):
        figures = national_figures(conn)
    if json:
        print_json(figures)
    else:
        _print_figures(figures)


def replay(
    projection: Annotated[str, typer.Argument(help="timeline or statistics.")],
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes of the timeline.")] = 2,
    keep: Annotated[
        bool, typer.Option("--keep", help="Drop no older build, nor one that differs.")
    ] = False,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Switch even when the builds differ.")
    ] = False,
    back: Annotated[
        bool, typer.Option("--back", help="Go back to the build that served before.")
    ] = False,
    json: Json = False,
) -> None:
    """Rebuild a projection from the first event, prove it equal to the live one, and switch.

    The live one serves meanwhile and is kept for the way back. Notifications are never rebuilt.

    Exit codes: 0 switched; 1 the builds differ, or it cannot be done; 2 not migrated.
    """
    settings = Settings.load()
    chosen = projection_named(projection)
    with _clear_errors(), progress(f"{projection}: starting") as bar:
        work = Replay(settings, chosen, _BarReport(bar))
        if back:
            build = work.back()
            result = None
        else:
            result = work.run(workers=workers, keep=keep, accept_differences=accept_differences)
    if result is None:
        answer = {"projection": projection, "build": build.number, "position": build.position}
        print_json(answer) if json else note(f"build {build.number} of {projection} serves again")
        return
    print_json(_replayed(result)) if json else _print_replayed(result)
    if not result.switched:
        raise CommandError(
            f"{result.comparison.differing} of {result.comparison.compared} differ: the build of"
            " before still serves",
            "Look into them; --accept-differences switches all the same.",
        )


class _BarReport:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def stage(self, description: str, total: int | None) -> None:
        """The bar begins again."""
        self._bar.update(completed=0, total=total, description=description)

    def advance(self, count: int) -> None:
        """The bar moves on."""
        self._bar.advance(count)


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (NotMigrated, MigrationError) as error:
        # Not FAILED: started again, a command that lacks its tables would only fail again.
        raise CommandError(str(error), code=Exit.USAGE) from None
    except (NotOwner, OtherVersion, ReplayRefused) as error:
        raise CommandError(str(error)) from None
    except (StoreError, EventRefused) as error:
        raise CommandError(str(error), code=Exit.HALTED) from None


def _configure_logs(settings: Settings, process: str, *, quiet: bool) -> None:
    level = "warning" if quiet and "log_level" not in settings.model_fields_set else None
    configure_logs(
        process=process,
        instance=settings.instance,
        level=level or settings.log_level,
        form=settings.log_format,
    )


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "notificationId": str(notice.notification_id),
        "rule": notice.rule,
        "ruleVersion": notice.rule_version,
        "record": notice.record,
        "person": notice.person,
        "lineage": notice.lineage.hex,
        "audience": notice.audience,
        "typeCode": notice.type_code,
        "position": notice.position,
        "recordedAt": notice.recorded_at,
        "publishedAt": notice.published_at,
    }


def _print_figures(figures: Figures) -> None:
    console = out()
    records = Table("records", "number")
    for name, count in figures.records.items():
        records.add_row(name, str(count))
    console.print(records)
    table = Table("sector", "type", "month", "fed", "replaced", "deleted", "current")
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


def _replayed(result: ReplayResult) -> dict[str, Any]:
    return {
        "projection": result.projection,
        "build": result.build,
        "previous": result.previous,
        "position": result.position,
        "events": result.events,
        "seconds": round(result.seconds, 3),
        "eventsPerSecond": round(result.events / result.seconds) if result.seconds else None,
        "compared": result.comparison.compared,
        "differing": result.comparison.differing,
        "differences": result.comparison.keys,
        "switched": result.switched,
    }


def _print_replayed(result: ReplayResult) -> None:
    rate = result.events / result.seconds if result.seconds else 0
    note(
        f"{result.projection}: build {result.build} from {result.events:,} events in"
        f" {result.seconds:.1f} s ({rate:,.0f}/s), position {result.position}"
    )
    note(f"compared: {result.comparison.compared:,}; differing: {result.comparison.differing:,}")
    for key in result.comparison.keys:
        note(f"  differs: {key}")
    if result.switched:
        note(f"build {result.build} serves; build {result.previous} is kept (--back)")
