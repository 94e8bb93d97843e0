"""Start and stop the local Kafka of a home."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.broker.answering import cluster_answers, port_answers
from deploy.broker.artefacts import java, libraries
from deploy.broker.certificates import write_private
from deploy.broker.errors import BrokerError
from deploy.broker.layout import (
    BrokerLimits,
    Cluster,
    Node,
    make_cluster,
    node_properties,
    read_cluster,
)
from deploy.broker.processes import end, format_data, last_words, launch, node_pid
from deploy.broker.security import Security, ensure_security
from ingest.runtime.folders import exclusive, private_folder

START_SECONDS = 90.0
"""After kill -9, the old registration lapses in 6-10 s of them; then the logs are read."""


DEFAULT_PORT = 9092


@dataclass(frozen=True)
class BrokerHandle:
    """A running Kafka: where clients connect, its id, the process of each node by node id."""

    bootstrap: str
    cluster_id: str
    pids: dict[int, int]
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    """Of a secured Kafka: the environment of its administrator, as a shell reads it."""


def start_broker(
    home: Path,
    port: int = DEFAULT_PORT,
    *,
    nodes: int = 1,
    limits: BrokerLimits | None = None,
    lib: Path | None = None,
    secure: bool = False,
) -> BrokerHandle:
    """A Kafka of `nodes` nodes answers, its data below home/broker; it is started when needed.

    `port` 0 keeps the ports of the last time, or takes free ones. `lib`: folder of the Java
    libraries (default home/broker/lib). `secure`: only users with passwords and rights reach a new
    cluster, over TLS, and that stays so. Raises BrokerError.
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
        _prepare(program, jars, cluster, started, limits or BrokerLimits(), security)
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
        if port_answers(port):
            raise BrokerError(
                f"port {port} is taken by another program", "Choose another one with --port."
            )


def _prepare(
    program: str,
    jars: Path,
    cluster: Cluster,
    nodes: Sequence[Node],
    limits: BrokerLimits,
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
        all(port_answers(node.port) for node in cluster.nodes)
        and cluster_answers(cluster, security)
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
