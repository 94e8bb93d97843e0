"""Whether a local Kafka answers, and is the one of this home."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy.broker.errors import BrokerError
from deploy.broker.layout import (
    Cluster,
)
from deploy.broker.security import Security


def port_answers(port: int) -> bool:
    """Whether something listens on this port of the machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cluster_answers(
    cluster: Cluster, security: Security | None, topics: list[str] | None = None
) -> bool:
    """Whether this cluster answers with all of its nodes; fills `topics` when given.

    Raises BrokerError when another Kafka answers on its ports.
    """
    # Imported here: a tenth of a second that every command would pay.
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    # Each failed client leaks a thread: ask the port first.
    if not port_answers(cluster.nodes[0].port):
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
