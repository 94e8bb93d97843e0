"""`histoire broker`: a local Kafka to try and test the real feed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ingest.runtime.console import Exit, note, out, print_json, progress
from ingest.runtime.options import Json
from ingest.runtime.settings import Settings

from .cluster import DEFAULT_PORT, start_broker, stop_broker
from .layout import BrokerLimits
from .rights.command import acl
from .status import BrokerStatus, broker_status


def register_broker(app: typer.Typer) -> None:
    """Add `broker start|stop|status|acl` to `app`."""
    group = typer.Typer(
        no_args_is_help=True,
        help="A local Apache Kafka on the JVM (Java 17, Maven), below home/broker, loopback only.",
    )
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    group.command("acl")(acl)
    app.add_typer(group, name="broker")


def start(
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_535,
            help="Port of the first node; 0: as last time, or any.",
        ),
    ] = DEFAULT_PORT,
    nodes: Annotated[
        int, typer.Option(min=1, max=5, help="Brokers; from three on, three copies of all.")
    ] = 1,
    secure: Annotated[
        bool,
        typer.Option("--secure", help="A new one is secured, and stays so: TLS, users, rights."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Start Kafka, fetching its libraries at the first time (43 MB), and wait until it answers.

    It runs on when the command ends. Nothing changes when it runs already. What clients need then
    is printed; of a secured one, for its administrator: others are made by `histoire broker acl`.
    """
    settings = Settings.load()
    limits = BrokerLimits(settings.max_message_bytes, settings.feed_retention_hours)
    with progress("starting Kafka"):
        handle = start_broker(settings.home, port, nodes=nodes, limits=limits, secure=secure)
    if as_json:
        print_json(asdict(handle))
    else:
        note("Kafka answers. To use it:")
        plain = {"HISTOIRE_KAFKA_BOOTSTRAP": handle.bootstrap}
        for name, value in (handle.variables or plain).items():
            typer.echo(f"export {name}={value}")


def stop(as_json: Json = False) -> None:
    """Stop Kafka; its data stays. Exit 0 also when it did not run."""
    with progress("stopping Kafka"):
        was_running = stop_broker(Settings.load().home)
    if as_json:
        print_json({"was_running": was_running})
    else:
        note("Kafka is stopped." if was_running else "Kafka was not running.")


def status(as_json: Json = False) -> None:
    """Say whether Kafka runs and answers, where, and its topics. Exit 4 when it does not answer."""
    found = broker_status(Settings.load().home)
    if as_json:
        print_json(asdict(found))
    else:
        _print_status(found)
    if not found.answers:
        raise typer.Exit(Exit.UNAVAILABLE)


def _print_status(found: BrokerStatus) -> None:
    console = out()
    state = "answers" if found.answers else "runs, no answer" if found.running else "does not run"
    console.print(f"Kafka {state}; data in {found.data}")
    if found.cluster_id is not None:
        console.print(f"cluster {found.cluster_id}, clients: {found.bootstrap}")
    for node in found.nodes:
        process = "not running" if node.pid is None else f"process {node.pid}"
        console.print(f"node {node.node_id}: port {node.port}, {process}, log {node.log}")
    if found.answers:
        console.print(f"topics: {', '.join(found.topics) or 'none yet'}")
