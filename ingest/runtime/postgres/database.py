"""PostgreSQL sessions: where the servers are, time-outs, what an error means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import conninfo, errors

from ingest.runtime.settings import Settings

from .arrays import register_arrays
from .embedded import start_embedded

__all__ = [
    "TRANSACTION_SHARE",
    "UnknownCommit",
    "connect",
    "is_transient",
    "keys_dsn",
    "store_dsn",
    "transaction",
    "transaction_timeouts",
]

SESSION_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server that vanished without a word is noticed within 25 s. A DSN may set other values."""

TRANSACTION_SHARE = 0.8
"""Of the group's session time-out: no writing transaction lives longer."""

TRANSIENT_CLASSES = frozenset(("08", "40", "53", "57", "58"))
TRANSIENT_STATES = frozenset(("25006", "25P03", "25P04", "55P03"))
"""Read-only after a switch-over; idle or transaction time-out; lock time-out."""


class UnknownCommit(Exception):
    """The connection was lost while COMMIT was on its way: the batch may be stored or not.

    Neither retry nor give up blindly: reconnect, read the source positions, and go on from there.
    """


def store_dsn(settings: Settings) -> str:
    """The DSN of the event store; starts the embedded server when none is configured.

    Raises EmbeddedPostgresError when that can't be done.
    """
    if settings.database_dsn is not None:
        return settings.database_dsn.get_secret_value()
    return start_embedded(settings.home)


def keys_dsn(settings: Settings) -> str:
    """The DSN of the data keys: the DSN of the store unless another one is set."""
    if settings.keys_dsn is not None:
        return settings.keys_dsn.get_secret_value()
    return store_dsn(settings)


def connect(
    dsn: str,
    *,
    application_name: str,
    autocommit: bool = True,
    limit_seconds: float | None = None,
) -> psycopg.Connection[tuple[Any, ...]]:
    """An open session in UTC with bounded waits, on which the arrays of `arrays` can be sent.

    `limit_seconds`: every transaction of the session, also of one statement, has the limits of
    `transaction_timeouts`: for sessions that write. None: no limit, for what may take long by
    itself (audit, replay, migrations) or sets its limits in each transaction.

    Raises psycopg.OperationalError when the server is away or refuses us.
    """
    given = conninfo.conninfo_to_dict(dsn)
    options = f"{given.get('options', '')} -c timezone=UTC".strip()
    merged = {**SESSION_DEFAULTS, **given, "application_name": application_name, "options": options}
    conn = psycopg.connect(
        conninfo.make_conninfo("", **{k: v for k, v in merged.items() if v is not None}),
        autocommit=autocommit,
    )
    register_arrays(conn)
    if limit_seconds is not None:
        _limit(conn, limit_seconds, local=False)
    return conn


@contextmanager
def transaction(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """One transaction: committed when the block ends well, rolled back when it raises.

    Raises UnknownCommit when the connection is lost at COMMIT. `conn` must be in autocommit mode
    and outside a transaction; a COMMIT that the server turned into a ROLLBACK raises too.
    """
    conn.execute("begin")
    try:
        yield
    except BaseException:
        _roll_back(conn)
        raise
    try:
        answer = conn.execute("commit").statusmessage
    except psycopg.Error as error:
        if conn.closed:
            raise UnknownCommit("the connection was lost at COMMIT") from error
        raise
    if answer != "COMMIT":
        raise errors.InFailedSqlTransaction("the transaction had failed and was rolled back")


def transaction_timeouts(conn: psycopg.Connection[Any], session_timeout: float) -> None:
    """The current transaction ends before the group's session time-out (seconds), whatever happens.

    A writer frozen inside its COPY would hold the advisory lock and block everybody: the server
    ends its session (`transaction_timeout`, PostgreSQL 17 and later).
    """
    _limit(conn, session_timeout, local=True)


def _limit(conn: psycopg.Connection[Any], seconds: float, *, local: bool) -> None:
    limits = {"lock_timeout": 0.4, "statement_timeout": 0.7}
    if conn.info.server_version >= 170_000:
        limits["transaction_timeout"] = TRANSACTION_SHARE
    calls = ", ".join(
        f"set_config('{name}', '{max(1, int(seconds * share * 1000))}', {local})"
        for name, share in limits.items()
    )
    conn.execute(f"select {calls}", prepare=True)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later on a new session: lost, busy, restarting, deadlock.

    False for faults of ours (syntax, constraint, rights). UnknownCommit is not transient: it needs
    the positions to be read first.
    """
    if isinstance(error, psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state[:2] in TRANSIENT_CLASSES or state in TRANSIENT_STATES


def _roll_back(conn: psycopg.Connection[Any]) -> None:
    try:
        conn.rollback()
    except psycopg.Error:
        # Lost, or in the middle of a COPY: without the session the server rolls back by itself.
        with suppress(psycopg.Error):
            conn.close()
