"""The embedded feed: sessions and topics of the partitioned log in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg
from psycopg import errors

from ingest.feed.topic_shapes import count_mismatch
from ingest.feed.types import FeedError, FeedMismatch, FeedUnavailable
from ingest.runtime.postgres.database import (
    UnknownCommit,
    connect,
    is_transient,
    store_dsn,
    transaction,
)
from ingest.runtime.postgres.embedded import EmbeddedPostgresError
from ingest.runtime.settings import Settings

Session = psycopg.Connection[tuple[Any, ...]]

_SCHEMA_LOCK = "select pg_advisory_xact_lock(hashtextextended('histoire feed schema', 0))"
_BOUNDS = (
    "set lock_timeout = '10s'; set statement_timeout = '60s';"
    " set idle_in_transaction_session_timeout = '10s'"
)
"""A process frozen while it holds a partition's counter must not stop everybody else."""


@dataclass(frozen=True, slots=True)
class LogTopic:
    """A topic of the log. `number` is its key in the tables, `name` the logical name."""

    number: int
    name: str
    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class LogBounds:
    """A partition holds the offsets [log_start, log_end)."""

    log_start: int
    log_end: int


def log_session(settings: Settings, client_id: str) -> Session:
    """An open session on the log, with bounded waits. Raises FeedUnavailable."""
    with feed_errors():
        try:
            dsn = store_dsn(settings)
        except EmbeddedPostgresError as error:
            raise FeedUnavailable(str(error)) from error
        conn = connect(dsn, application_name=f"{settings.instance}-{client_id}"[:63])
        conn.execute(_BOUNDS)
        return conn


@contextmanager
def feed_errors() -> Iterator[None]:
    """Turns the driver's errors into the feed's: FeedUnavailable when it passes, else FeedError."""
    try:
        yield
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        raise FeedMismatch(
            "the embedded feed has no tables in this database; create its topics first "
            "(`histoire migrate`)"
        ) from error
    except UnknownCommit as error:
        raise FeedUnavailable("the database of the embedded feed was lost at COMMIT") from error
    except psycopg.Error as error:
        state = error.sqlstate or type(error).__name__
        if is_transient(error):
            raise FeedUnavailable(
                f"the database of the embedded feed does not answer ({state})"
            ) from error
        raise FeedError(
            f"the database of the embedded feed refused the request ({state})"
        ) from error


def create_topics(conn: Session, prefix: str, wanted: Mapping[str, int]) -> None:
    """Tables and topics exist with these partition counts; nothing that exists is changed.

    Raises FeedMismatch when a topic exists with another number of partitions.
    """
    schema = resources.files(__package__).joinpath("embedded.sql").read_text()
    rights = resources.files(__package__).joinpath("rights.sql").read_text()
    with transaction(conn):
        conn.execute(_SCHEMA_LOCK)
        if conn.execute("select to_regclass('feed.record')").fetchone() == (None,):
            conn.execute(schema)
        conn.execute(rights)
        existing = log_topics(conn, prefix)
        for name, partitions in wanted.items():
            if name not in existing:
                _create_topic(conn, prefix + name, partitions)
            elif existing[name].partitions != partitions:
                raise count_mismatch(name, existing[name].partitions, partitions)


def log_topics(conn: Session, prefix: str) -> dict[str, LogTopic]:
    """The topics of this prefix by logical name."""
    rows = conn.execute(
        "select number, name, topic_id::text, partitions from feed.topic"
        " where starts_with(name, %s)",
        (prefix,),
        prepare=True,
    ).fetchall()
    names = (LogTopic(number, name[len(prefix) :], *rest) for number, name, *rest in rows)
    return {topic.name: topic for topic in names}


def log_bounds(conn: Session, topic: LogTopic) -> list[LogBounds]:
    """Start and end of each partition of a topic, in their order."""
    rows = conn.execute(
        "select low_watermark, next_offset from feed.partition where topic = %s order by number",
        (topic.number,),
    ).fetchall()
    return [LogBounds(*row) for row in rows]


def log_cluster_id(conn: Session) -> str:
    """The identity of this log: another one after it was created anew."""
    row = conn.execute("select id::text from feed.cluster").fetchone()
    if row is None:
        raise FeedMismatch("the embedded feed has lost its identity (feed.cluster is empty)")
    return str(row[0])


def channel_of(topic: LogTopic) -> str:
    """The channel on which publishers say that the topic has grown."""
    return f"feed_topic_{topic.number}"


def _create_topic(conn: Session, name: str, partitions: int) -> None:
    conn.execute(
        "with new as (insert into feed.topic (name, partitions) values (%s, %s) returning number)"
        " insert into feed.partition (topic, number)"
        " select new.number, n from new, generate_series(0, %s - 1) n",
        (name, partitions, partitions),
    )
