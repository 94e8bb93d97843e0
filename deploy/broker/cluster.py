"""Start, stop and look at the local Kafka of a home."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.runtime.folders import exclusive, private_folder

from .artefacts import java, libraries
from .certificates import write_private
from .errors import BrokerError
from .layout import Cluster, Limits, Node, make_cluster, node_properties, read_cluster
from .processes import end, format_data, last_words, launch, node_pid
from .security import Security, ensure_security, security_of

START_SECONDS = 90.0
"""Of which 6-10 s after kill -9, until the old registration lapses, and reading the logs."""
DEFAULT_PORT = 9092


@dataclass(frozen=True)
class BrokerHandle:
    """A running Kafka: where clients connect, its id, and the process of each node by its id."""

    bootstrap: str
    cluster_id: str
    pids: dict[int, int]
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    """A secured one: what the administrator's environment needs, as a shell reads it."""


@dataclass(frozen=True)
class NodeStatus:
    """One node; `pid` is None when it does not run."""

    node_id: int
    port: int
    pid: int | None
    log: Path


@dataclass(frozen=True)
class BrokerStatus:
    """`running`: every node's process lives; `answers`: Kafka answers; topics only if it does."""

    running: bool
    answers: bool
    bootstrap: str | None
    cluster_id: str | None
    nodes: tuple[NodeStatus, ...]
    topics: tuple[str, ...]
    data: Path


def start_broker(
    home: Path,
    port: int = DEFAULT_PORT,
    *,
    nodes: int = 1,
    limits: Limits | None = None,
    lib: Path | None = None,
    secure: bool = False,
) -> BrokerHandle:
    """A Kafka of `nodes` nodes that answers, its data below home/broker; started when needed.

    `port` 0 keeps the ports of the last time, or takes free ones. `lib` is where the Java
    libraries lie (default home/broker/lib). `secure`: a new cluster is reached over TLS by users
    with passwords and rights only, and stays so. Raises BrokerError.
    """
    folder = private_folder(home / "broker")
    with exclusive(folder / "lock"):
        program = java()
        jars = libraries((lib or folder / "lib").absolute())
        cluster = _cluster(folder, port, nodes, secure)
        started = [node for node in cluster.nodes if node_pid(node) is None]
        security = ensure_security(folder, datetime.now(UTC)) if cluster.secure else None
        for node in started:
            _check_ports(node)
        _prepare(program, jars, cluster, started, limits or Limits(), security)
        for node in started:
            launch(program, jars, node)
        _wait(cluster, security)
        pids = {node.node_id: node_pid(node) or 0 for node in cluster.nodes}
    variables = {} if security is None else dict(security.variables(cluster))
    return BrokerHandle(cluster.bootstrap, cluster.cluster_id, pids, home, variables)


def stop_broker(home: Path) -> bool:
    """No node of `home` runs afterwards, its data safe on disk; False when none was running."""
    folder = home.expanduser().absolute() / "broker"
    if not folder.exists():
        return False
    with exclusive(folder / "lock"):
        cluster = read_cluster(folder)
        return cluster is not None and end(cluster.nodes)


def broker_status(home: Path) -> BrokerStatus:
    """What runs below `home`, and the topics it has; starts nothing."""
    folder = home.expanduser().absolute() / "broker"
    cluster = read_cluster(folder)
    if cluster is None:
        return BrokerStatus(False, False, None, None, (), (), folder)
    nodes = tuple(
        NodeStatus(node.node_id, node.port, node_pid(node), node.log) for node in cluster.nodes
    )
    running = all(node.pid is not None for node in nodes)
    topics: list[str] = []
    answers = running and _answers(cluster, security_of(folder, cluster), topics)
    return BrokerStatus(
        running, answers, cluster.bootstrap, cluster.cluster_id, nodes, tuple(topics), folder
    )


def _cluster(folder: Path, port: int, nodes: int, secure: bool) -> Cluster:
    before = read_cluster(folder)
    runs = before is not None and any(node_pid(node) is not None for node in before.nodes)
    if before is not None and runs and port not in (0, before.nodes[0].port):
        raise BrokerError(
            f"the broker already runs on port {before.nodes[0].port}",
            "Name this port with --port, or stop it first.",
        )
    return make_cluster(folder, port, nodes, secure=secure)


def _check_ports(node: Node) -> None:
    for port in (node.port, node.controller_port):
        if _port_answers(port):
            raise BrokerError(
                f"port {port} is taken by another program", "Choose another one with --port."
            )


def _prepare(
    program: str,
    jars: Path,
    cluster: Cluster,
    nodes: Sequence[Node],
    limits: Limits,
    security: Security | None,
) -> None:
    with nullcontext() if security is None else security.first_user() as first_user:
        for node in nodes:
            private_folder(node.folder)
            text = node_properties(cluster, node, limits)
            text += "" if security is None else security.node_properties()
            write_private(node.properties, text.encode())
            format_data(program, jars, node, cluster.cluster_id, first_user)


def _wait(cluster: Cluster, security: Security | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (
        all(_port_answers(node.port) for node in cluster.nodes) and _answers(cluster, security)
    ):
        dead = [node for node in cluster.nodes if node_pid(node) is None]
        if dead:
            raise BrokerError(
                f"Kafka's node {dead[0].node_id} ended while starting: {last_words(dead[0])}",
                f"Its log is {dead[0].log}.",
            )
        if time.monotonic() > deadline:
            raise BrokerError(
                f"Kafka did not answer within {START_SECONDS:.0f} s",
                f"Its log is {cluster.nodes[0].log}; `histoire broker stop` ends it.",
            )
        time.sleep(0.1)


def _port_answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(cluster: Cluster, security: Security | None, topics: list[str] | None = None) -> bool:
    """Whether every node of *this* cluster is a member of it; fills `topics` when given."""
    # Imported here: a tenth of a second that every command would pay.
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    # Each failed client leaks a thread: ask the port first.
    if not _port_answers(cluster.nodes[0].port):
        return False
    with _quiet_client():
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=cluster.bootstrap,
                bootstrap_timeout_ms=5_000,
                request_timeout_ms=5_000,
                reconnect_backoff_max_ms=500,
                **({} if security is None else security.client_options()),
            )
        except KafkaError:
            return False
        try:
            answer: dict[str, Any] = admin.describe_cluster()
            if topics is not None:
                topics.extend(sorted(admin.list_topics()))
        except KafkaError:
            return False
        finally:
            admin.close()
    found = answer.get("cluster_id")
    if found != cluster.cluster_id:
        raise BrokerError(f"on {cluster.bootstrap} another Kafka answers, with id {found}")
    return len(answer["brokers"]) == len(cluster.nodes)


@contextmanager
def _quiet_client() -> Iterator[None]:
    # A node that is still starting makes the client log several lines a second.
    logger = logging.getLogger("kafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
