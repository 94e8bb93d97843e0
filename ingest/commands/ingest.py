"""Commands of ingestion: `migrate`, `ingest`, `relay`, and, each in its module, the others."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Annotated

import typer

from ingest.batch.attempts import Contention
from ingest.batch.retry import Retry, of_schemas_known_now
from ingest.batch.write import BatchWriter
from ingest.consume.consumer import Consumer, Limits
from ingest.consume.metrics import IngestionMetrics
from ingest.consume.rejection_limit import RejectionLimit
from ingest.consume.startup import context_of, feed_facts, long_running
from ingest.eventstore import EventStore, migrate_store
from ingest.eventstore.tables.rights import role_script
from ingest.feed import (
    FeedMismatch,
    FeedRecord,
    ensure_topics,
    open_poller,
    open_publisher,
    topic_facts,
)
from ingest.read.confluent import ConfluentHeaders, schema_server_fetch
from ingest.read.offsets import StoredOffsets
from ingest.read.service_wait import ServiceWait, wait_for_services
from ingest.read.site import Context
from ingest.runtime.console import Bar, note, out, progress
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.logs import get_logger
from ingest.runtime.metrics import Metrics
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from ingest.upkeep.audit import Audit
from ingest.upkeep.housekeeping import housekept
from ingest.upkeep.relay import Relay
from schemas.feed.messages import FEED_TOPICS

from .audit import register_audit
from .dead_letters import register_dead_letters
from .errors import as_command_errors
from .housekeeping import register_housekeeping
from .rules import register_rules

UntilIdle = Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")]
Port = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        min=0,
        max=65_535,
        help="Port of the metrics; 0: none. Default: HISTOIRE_METRICS_PORT, with --until-idle"
        " none.",
    ),
]
Migration = Callable[[Settings], Sequence[str]]
"""A further migration another package contributes; gives the names of what it applied."""


def register(
    app: typer.Typer, *, audits: Sequence[Audit] = (), migrations: Sequence[Migration] = ()
) -> None:
    """Add the commands of this package to `app`.

    `audits`: further checks of `histoire audit`. `migrations`: further steps of `histoire migrate`.
    """

    @app.command()
    def migrate(
        print_roles: Annotated[
            bool,
            typer.Option("--print-roles", help="Print SQL that makes the roles; change nothing."),
        ] = False,
    ) -> None:
        """Make or update the tables, roles, topics of the feed and master key; safe to repeat.

        Where this user may not create roles, nothing is granted, and a note says so: have the SQL
        of --print-roles run by somebody who may, then migrate again.
        """
        settings = Settings.load()
        with as_command_errors():
            if print_roles:
                with connect(store_dsn(settings), application_name="histoire-migrate") as conn:
                    typer.echo(role_script(conn), nl=False)
                return
            run_migrate(settings, migrations)

    @app.command()
    def ingest(
        until_idle: UntilIdle = False,
        accept_rejections: Annotated[
            int, typer.Option(min=0, metavar="N", help="Let N rejections pass the limit.")
        ] = 0,
        metrics_port: Port = None,
    ) -> None:
        """Validate the messages of the feed and append them to the store, exactly once.

        Ends cleanly on SIGTERM or Ctrl-C after the batch under way.
        Exit codes: 0 ended; 2 wrong settings or not migrated; 3 too many messages would be
        rejected; 4 the feed or the database is away; 5 a person must decide (a topic recreated, a
        key missing).
        """
        settings = Settings.load()
        port = port_of(metrics_port, until_idle)
        with as_command_errors(), long_running(settings, "ingest", port) as metrics:
            run_ingest(settings, metrics, until_idle=until_idle, accepted=accept_rejections)

    @app.command()
    def relay(until_idle: UntilIdle = False, metrics_port: Port = None) -> None:
        """Publish the outcomes of committed batches on topic `outcomes`, at least once.

        Also does `histoire housekeeping` at its start and each hour, unless --until-idle.
        Exit codes: 0 ended; 2 wrong settings or not migrated; 4 the feed or the database is away;
        5 a topic does not exist.
        """
        settings = Settings.load()
        port = port_of(metrics_port, until_idle)
        with as_command_errors(), long_running(settings, "relay", port) as metrics:
            run_relay(settings, metrics, until_idle=until_idle)

    register_housekeeping(app)
    register_dead_letters(app)
    register_audit(app, audits)
    register_rules(app)


def port_of(given: int | None, until_idle: bool) -> int | None:
    """The port as `long_running` wants it.

    A run that ends by itself serves no metrics unless it was given a port: it would take the port
    of the group that runs beside it.
    """
    return 0 if given is None and until_idle else given


def run_migrate(settings: Settings, migrations: Sequence[Migration] = ()) -> None:
    """Everything exists afterwards; says what was done, and warns of a new master key."""
    migrated = migrate_store(settings)
    applied = list(migrated.applied)
    for further in migrations:
        applied += further(settings)
    applied += _make_topics(settings)
    out().print(f"applied: {', '.join(applied)}" if applied else "nothing to apply: up to date")
    if migrated.master_key_created:
        note(
            f"A new master key was written to {settings.master_key_path.absolute()}. Back it up"
            " now, apart from the databases: without it nothing that is stored can ever be read."
        )
    if migrated.missing_roles:
        note(
            f"Not all rights were granted: this user may not create, or is no member of,"
            f" {', '.join(migrated.missing_roles)}. Until then only he can use the tables. Have the"
            " SQL of `histoire migrate --print-roles` run by somebody who may, then migrate again."
        )


def _make_topics(settings: Settings) -> list[str]:
    """All topics exist; returns those made now. (The tables of the embedded log are made too.)"""
    try:
        before = topic_facts(settings)
    except FeedMismatch:  # no log yet
        before = {}
    ensure_topics(settings)
    return [f"topic {name}" for name in sorted(topic_facts(settings).keys() - before.keys())]


def run_ingest(settings: Settings, metrics: Metrics, *, until_idle: bool, accepted: int) -> None:
    """Ingest until stopped, or until idle."""
    clock = SystemClock()
    with StopSignal().installed() as stop, EventStore.open(settings) as store:
        wait = wait_for_services(stop, metrics)
        context = context_of(settings, feed_facts(settings, store))
        _retry_schemas(store, context, wait, stop)
        poller = open_poller(
            settings,
            FEED_TOPICS,
            group=settings.consumer_group,
            resume=StoredOffsets(store, wait),
            client_id=f"{settings.instance}-ingest",
        )
        consumer = Consumer(
            poller,
            BatchWriter(store, context, clock, wait),
            context,
            Limits(
                settings.batch_max_records,
                settings.batch_max_bytes,
                settings.poll_timeout_seconds,
            ),
            RejectionLimit(settings.rejection_window, settings.rejection_share, accepted),
            clock,
            IngestionMetrics(metrics, store, clock),
            _translation(settings, wait),
        )
        get_logger().info("ingestion_started", cluster_id=poller.cluster_id)
        try:
            with progress("ingest", show=until_idle) as bar:
                tally = _Tally(bar)
                consumer.run(stop, until_idle=until_idle, on_messages=tally)
            if until_idle:
                note(f"messages ingested: {tally.count:,}")
        finally:
            poller.close()
        get_logger().info("ingestion_ended")


class _Tally:
    """Counts what the bar shows."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self.count = 0

    def __call__(self, count: int) -> None:
        self.count += count
        self._bar.advance(count)


def _translation(
    settings: Settings, wait: ServiceWait
) -> Callable[[FeedRecord], FeedRecord] | None:
    if settings.schema_registry_url is None:
        return None
    headers = ConfluentHeaders(schema_server_fetch(settings.schema_registry_url))
    return lambda record: wait(lambda: headers.translate(record))


def _retry_schemas(
    store: EventStore, context: Context, wait: ServiceWait, stop: StopSignal
) -> None:
    """Dead letters whose schema was unknown and is in the folder now are decided again.

    Where other writers win every race, the letters go on waiting: this is no reason not to ingest.
    """
    letters = wait(lambda: of_schemas_known_now(store))
    try:
        for done in Retry(store, context, SystemClock(), wait, stop)(letters):
            get_logger().info(
                "letters_decided_again", letters=len(done), reason_code="schema_unknown"
            )
    except Contention as error:
        get_logger().warning("letters_wait_on", reason_code="schema_unknown", error=error)


def run_relay(settings: Settings, metrics: Metrics, *, until_idle: bool) -> None:
    """Publish outcomes until stopped, with housekeeping beside, or until none is left."""
    client = f"{settings.instance}-relay"
    with StopSignal().installed() as stop, EventStore.open(settings) as store:
        publisher = open_publisher(settings, client_id=client)
        relay = Relay(store, publisher, settings.instance, SystemClock())
        kept = nullcontext() if until_idle else housekept(settings, metrics, SystemClock())
        try:
            with kept, progress("relay", show=until_idle) as bar:
                published = relay.run(
                    stop, until_idle=until_idle, metrics=metrics, on_outcomes=bar.advance
                )
            if until_idle:
                note(f"outcomes published: {published:,}")
        finally:
            publisher.close()
