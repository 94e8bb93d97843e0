"""`histoire run`: the whole system on this machine, one command."""

from contextlib import suppress
from typing import Annotated

import psycopg
import typer
from prometheus_client import CollectorRegistry

from deploy.group.metrics import ChildrenCollector
from deploy.group.supervisor import Child, Supervisor
from deploy.version import program_version
from ingest.commands.errors import as_command_errors
from ingest.eventstore import EventStore
from ingest.runtime.console import CommandError, Exit, note
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.logs import configure_logs, get_logger
from ingest.runtime.metrics import Metrics, serve
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings, child_environment
from projections import PROJECTIONS
from projections.builds import live_build

PORT_LAST = 65_535


def children_of(settings: Settings, ingestors: int) -> list[Child]:
    """The processes of the group, each with a metrics port of its own after the group's."""
    commands = [(f"ingest-{n}", ["ingest"]) for n in range(1, ingestors + 1)]
    commands += [("relay", ["relay"]), ("project", ["project"])]
    return [
        Child(
            name,
            arguments,
            child_environment(metrics_port=str(port), metrics_host="127.0.0.1"),
        )
        for (name, arguments), port in zip(commands, _ports(settings, len(commands)), strict=True)
    ]


def _ports(settings: Settings, count: int) -> list[int]:
    first = settings.metrics_port
    if first + count > PORT_LAST:
        raise CommandError(
            f"HISTOIRE_METRICS_PORT leaves no room for a port for each of {count} processes after"
            " it",
            f"Set it to {PORT_LAST - count} or less, or to 0: no endpoints.",
            Exit.USAGE,
        )
    return [first + n if first else 0 for n in range(1, count + 1)]


def check_migrated(settings: Settings) -> None:
    """Store and projections have their tables. Raises CommandError or NotMigrated otherwise.

    A database that is away passes: the processes of the group wait for it.
    """
    with suppress(psycopg.OperationalError), as_command_errors():
        EventStore.open(settings).close()
        application = f"{settings.instance}-run"
        with connect(store_dsn(settings), application_name=application) as conn:
            for projection in PROJECTIONS:
                live_build(conn.cursor(), projection.name)


def register_run(app: typer.Typer) -> None:
    """Add `histoire run`."""

    @app.command()
    def run(
        ingestors: Annotated[
            int, typer.Option(min=1, max=64, help="Ingestion processes; they share the partitions.")
        ] = 1,
    ) -> None:
        """Run ingestion, relay and projections as one supervised group, until Ctrl-C or SIGTERM.

        Metrics of all processes: http://HISTOIRE_METRICS_HOST:HISTOIRE_METRICS_PORT/metrics. Each
        process has a port of its own on 127.0.0.1 besides, the next ones: with one ingestion and
        the port 9464 as by default, ports 9464 to 9467 are taken. A process that crashes is started
        again; one that halts for a person stays down and the rest goes on. Run `histoire migrate`
        first: until then nothing is started, exit code 2.
        """
        settings = Settings.load()
        check_migrated(settings)
        code = run_group(settings, ingestors)
        if code:
            raise typer.Exit(code)


def run_group(settings: Settings, ingestors: int) -> int:
    """The group runs until it is stopped; returns the worst exit code of its processes."""
    configure_logs(
        process="supervisor",
        instance=settings.instance,
        level=settings.log_level,
        form=settings.log_format,
    )
    children = children_of(settings, ingestors)
    metrics = Metrics(CollectorRegistry())
    metrics.build.info({"version": program_version()})
    endpoint = None
    if settings.metrics_port:
        ports = dict(zip((c.name for c in children), _ports(settings, len(children)), strict=True))
        group = CollectorRegistry()
        ChildrenCollector(ports, metrics.registry, group)
        endpoint = serve(group, settings.metrics_host, settings.metrics_port)
        note(f"metrics: http://{settings.metrics_host}:{endpoint.port}/metrics")
    with StopSignal().installed() as stop:
        try:
            return Supervisor(children, on_change=_Report(metrics)).run(stop)
        finally:
            if endpoint is not None:
                endpoint.close()


class _Report:
    """Logs and counts what happens to the processes."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._restarts: dict[str, int] = {}

    def __call__(self, child: Child) -> None:
        self._metrics.process_up.labels(child.name).set(child.state == "running")
        self._metrics.process_stopped.labels(child.name).set(child.state == "down")
        self._metrics.process_restarts.labels(child.name)
        self._metrics.process_exit_code.labels(child.name).set(child.exit_code or 0)
        new = child.restarts - self._restarts.get(child.name, 0)
        self._restarts[child.name] = child.restarts
        if new:
            self._metrics.process_restarts.labels(child.name).inc(new)
        get_logger().info(
            "process_changed", service=child.name, state=child.state, code=child.exit_code
        )
