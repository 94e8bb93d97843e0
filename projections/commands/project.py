"""The commands of the projections; here those that make them: `histoire project | replay`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from prometheus_client import CollectorRegistry

from ingest.feed import open_publisher
from ingest.runtime.console import Bar, CommandError, Exit, note, print_json, progress
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.logs import configure_logs
from ingest.runtime.metrics import Metrics, serve
from ingest.runtime.options import JsonLines
from ingest.runtime.settings import Settings
from projections.all_projections import PROJECTIONS, projection_named
from projections.live.loop import ProjectionLoop
from projections.replay import Replay, ReplayResult

from .errors import as_command_errors
from .habilitation import register_habilitation
from .listing import register_listing
from .reading import register_reading


def register(app: typer.Typer) -> None:
    """Add the commands of the projections."""
    app.command()(project)
    register_reading(app)
    register_listing(app)
    app.command()(replay)
    register_habilitation(app)


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
    json: JsonLines = False,
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
            as_command_errors(),
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


def replay(
    projection: Annotated[str, typer.Argument(help="timeline, statistics or access.")],
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
    json: JsonLines = False,
) -> None:
    """Rebuild a projection from the first event, prove it equal to the live one, and switch.

    The live one serves meanwhile and is kept for the way back. Notifications are never rebuilt.

    Exit codes: 0 switched; 1 the builds differ, or it cannot be done; 2 not migrated.
    """
    settings = Settings.load()
    chosen = projection_named(projection)
    with as_command_errors(), progress(f"{projection}: starting") as bar:
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


def _configure_logs(settings: Settings, process: str, *, quiet: bool) -> None:
    level = "warning" if quiet and "log_level" not in settings.model_fields_set else None
    configure_logs(
        process=process,
        instance=settings.instance,
        level=level or settings.log_level,
        form=settings.log_format,
    )


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
