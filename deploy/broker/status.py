"""Whether the local Kafka of a home runs and answers, and its topics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.broker.answering import cluster_answers
from deploy.broker.layout import (
    read_cluster,
)
from deploy.broker.processes import node_pid
from deploy.broker.security import security_of


@dataclass(frozen=True)
class NodeStatus:
    """One node; `pid` is None when it does not run."""

    node_id: int
    port: int
    pid: int | None
    log: Path


@dataclass(frozen=True)
class BrokerStatus:
    """`running`: the process of every node lives. `answers`: Kafka answers; else no topics."""

    running: bool
    answers: bool
    bootstrap: str | None
    cluster_id: str | None
    nodes: tuple[NodeStatus, ...]
    topics: tuple[str, ...]
    data: Path


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
    answers = running and cluster_answers(cluster, security_of(folder, cluster), topics)
    return BrokerStatus(
        running, answers, cluster.bootstrap, cluster.cluster_id, nodes, tuple(topics), folder
    )
