"""Reaching the brokers: options of every client, what a failed start means, admin requests."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, RetriableError, for_code
from kafka.net.compat import KafkaNetClient

from ingest.feed.types import FeedError, FeedUnavailable
from ingest.runtime.settings import Settings

from .reasons import client_log, reason_of
from .sockets import DIRECT

C = TypeVar("C")

BOOTSTRAP_MS = 10_000
REQUEST_MS = 10_000
RECONNECT_MAX_MS = 1_000
"""The default is 30 s: over a few broker restarts a consumer stood still for 76 s (decision 0009).
"""
_CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class BrokerTopic:
    """A topic as the brokers describe it. `error` is a Kafka error class, or None."""

    topic_id: str
    partitions: int
    error: type[KafkaError] | None


def client_options(settings: Settings, client_id: str) -> dict[str, Any]:
    """Options shared by producers, consumers and admin clients."""
    if settings.kafka_bootstrap is None:
        raise FeedError("no Kafka is configured; set HISTOIRE_KAFKA_BOOTSTRAP")
    password = settings.kafka_sasl_password
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "client_id": f"{settings.instance}-{client_id}",
        "security_protocol": settings.kafka_security_protocol,
        "request_timeout_ms": REQUEST_MS,
        "reconnect_backoff_max_ms": RECONNECT_MAX_MS,
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        "proxy_url": DIRECT,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_user,
        "sasl_plain_password": None if password is None else password.get_secret_value(),
        "ssl_cafile": _path(settings.kafka_ssl_cafile),
        "ssl_certfile": _path(settings.kafka_ssl_certfile),
        "ssl_keyfile": _path(settings.kafka_ssl_keyfile),
    }
    return {name: value for name, value in options.items() if value is not None}


def reachable(settings: Settings) -> bool:
    """Whether any bootstrap address accepts a connection: asked before a client is made."""
    for address in (settings.kafka_bootstrap or "").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except OSError:
            continue
        return True
    return False


def start_client(kind: Callable[..., C], settings: Settings, client_id: str, **options: Any) -> C:
    """A client of the library (producer, consumer, admin) that has reached a broker.

    FeedUnavailable says why it could not (`ingest.feed.kafka.reasons`).
    """
    if not reachable(settings):
        raise FeedUnavailable(
            f"no Kafka broker answers at {settings.kafka_bootstrap}; start it "
            "(`histoire broker start`) or correct HISTOIRE_KAFKA_BOOTSTRAP"
        )
    begun: list[KafkaNetClient] = []

    def network(**given: Any) -> KafkaNetClient:
        begun.append(KafkaNetClient(**given))
        return begun[-1]

    with client_log() as said:
        try:
            return kind(**client_options(settings, client_id), **options, kafka_client=network)
        except KafkaError as error:
            for client in begun:  # else its thread goes on for ever, a socket each second
                client.close()
            reason = reason_of(said.lines, settings, type(error).__name__)
            raise FeedUnavailable(
                f"Kafka at {settings.kafka_bootstrap} does not take us: {reason}"
            ) from error


@contextmanager
def admin_client(settings: Settings, client_id: str) -> Iterator[KafkaAdminClient]:
    """An admin client, closed afterwards; errors become FeedUnavailable or FeedError."""
    admin = start_client(KafkaAdminClient, settings, client_id)
    try:
        yield admin
    except KafkaError as error:
        raise translated(error) from error
    finally:
        admin.close()


def translated(error: KafkaError) -> FeedError:
    """The feed's error for one of the client's. Only its class is named: texts may carry keys."""
    name = type(error).__name__
    if isinstance(error, RetriableError):
        return FeedUnavailable(
            f"Kafka does not answer as it should ({name}); it will be tried again"
        )
    if isinstance(error, AuthorizationError):
        return FeedUnavailable(f"Kafka refuses us a right we need ({name}); have it granted")
    return FeedError(f"Kafka refused the request ({name})")


def describe(
    admin: KafkaAdminClient, prefix: str, topics: Sequence[str]
) -> Mapping[str, BrokerTopic]:
    """The topics as the brokers describe them, by logical name; missing ones have an error."""
    found = {}
    for row in admin.describe_topics([prefix + topic for topic in topics]):
        code = row["error_code"]
        found[row["name"][len(prefix) :]] = BrokerTopic(
            str(row["topic_id"]), len(row["partitions"]), None if code == 0 else for_code(code)
        )
    return found


def _path(path: object) -> str | None:
    return None if path is None else str(path)
