"""A cluster of local nodes: ids, ports, folders; `cluster.json` keeps them for its life."""

from __future__ import annotations

import base64
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import orjson

from .errors import BrokerError

BATCH_OVERHEAD_BYTES = 64 * 1024
"""The limit of a broker counts the compressed batch: its header, and lz4 on dense bytes."""
PLAIN = "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT"
SECURED = "CLIENT:SASL_SSL,CONTROLLER:SSL"


@dataclass(frozen=True)
class Node:
    """One broker and controller of the cluster; all of its files lie in `folder`."""

    node_id: int
    port: int
    controller_port: int
    folder: Path

    @property
    def properties(self) -> Path:
        """The node's configuration, written at each start."""
        return self.folder / "node.properties"

    @property
    def data(self) -> Path:
        """The node's logs of records."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The log of the node."""
        return self.folder / "broker.log"

    @property
    def pid_file(self) -> Path:
        """The node's process id."""
        return self.folder / "pid"


@dataclass(frozen=True)
class Cluster:
    """The nodes and the id that their data folders carry. `secure`: over TLS, with rights."""

    cluster_id: str
    nodes: tuple[Node, ...]
    secure: bool = False

    @property
    def bootstrap(self) -> str:
        """host:port[,host:port...] for clients."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)


@dataclass(frozen=True)
class BrokerLimits:
    """Largest message of the feed in bytes, and how long the broker keeps records by default."""

    max_message_bytes: int = 9 * 1024 * 1024
    retention_hours: int = 168


def read_cluster(folder: Path) -> Cluster | None:
    """The cluster whose data lies in `folder`, None when there is none."""
    path = folder / "cluster.json"
    if not path.exists():
        return None
    try:
        stored = orjson.loads(path.read_bytes())
        nodes = tuple(
            Node(node["node_id"], node["port"], node["controller_port"], folder / node["folder"])
            for node in stored["nodes"]
        )
        return Cluster(stored["cluster_id"], nodes, stored.get("secure", False))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BrokerError(f"{path} is not readable", "Restore it, or remove the folder.") from None


def make_cluster(folder: Path, port: int, nodes: int, *, secure: bool = False) -> Cluster:
    """The cluster of `folder`, made when there is none; its first node listens on `port` (0: any).

    The ports of an existing cluster change when `port` asks for it; the number of nodes can't. A
    secured cluster stays secured, also without `secure`.
    """
    before = read_cluster(folder)
    if before is not None and len(before.nodes) != nodes:
        raise BrokerError(
            f"{folder} has the data of a cluster of {len(before.nodes)} node(s), not {nodes}",
            f"Start it with --nodes {len(before.nodes)}, or use another home.",
        )
    if before is not None and secure and not before.secure:
        raise BrokerError(
            f"{folder} has the data of a cluster without security, which can't be added to it",
            "Use another home, or remove that folder if its data may go.",
        )
    if before is not None and port in (0, before.nodes[0].port):
        return before
    wanted = [port + number for number in range(nodes)] if port else []
    ports = (wanted or list(_free_ports(nodes)), list(_free_ports(nodes)))
    if before is not None:
        ports = (wanted, [node.controller_port for node in before.nodes])
    made = tuple(
        Node(number + 1, ports[0][number], ports[1][number], folder / f"node-{number + 1}")
        for number in range(nodes)
    )
    cluster = Cluster(
        before.cluster_id if before else _cluster_id(), made, before.secure if before else secure
    )
    _write(folder, cluster)
    return cluster


def node_properties(cluster: Cluster, node: Node, limits: BrokerLimits) -> str:
    """The configuration of a node. Three nodes and more keep three copies, fewer keep one."""
    copies = min(3, len(cluster.nodes))
    voters = ",".join(f"{peer.node_id}@127.0.0.1:{peer.controller_port}" for peer in cluster.nodes)
    template = files(__package__).joinpath("node.properties").read_text()
    return template.format(
        node_id=node.node_id,
        voters=voters,
        protocols=SECURED if cluster.secure else PLAIN,
        port=node.port,
        controller_port=node.controller_port,
        data=node.data,
        replication=copies,
        in_sync=max(1, copies - 1),
        message_bytes=limits.max_message_bytes * 101 // 100 + BATCH_OVERHEAD_BYTES,
        retention_hours=limits.retention_hours,
    )


def _write(folder: Path, cluster: Cluster) -> None:
    stored = asdict(cluster)
    for node in stored["nodes"]:
        node["folder"] = node["folder"].name
    fresh = folder / "cluster.json.new"
    fresh.write_bytes(orjson.dumps(stored, option=orjson.OPT_INDENT_2))
    fresh.replace(folder / "cluster.json")


def _cluster_id() -> str:
    # Kafka's own form: 16 bytes in base64url; not beginning with "-", which reads as an option.
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()).startswith("-"):
        continue
    return text.rstrip("=")


def _free_ports(count: int) -> Iterator[int]:
    with ExitStack() as stack:
        for _ in range(count):
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            yield probe.getsockname()[1]
