"""Sessions, transactions and arrays against the real server."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.runtime.postgres.arrays import ByteaArray, Int2Array, Int4Array, Int8Array, UuidArray
from ingest.runtime.postgres.database import (
    UnknownCommit,
    connect,
    is_transient,
    transaction,
    transaction_timeouts,
)

Session = psycopg.Connection[tuple[Any, ...]]

same_session = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)


def end_session(dsn: str, pid: int) -> None:
    with connect(dsn, application_name="test-killer") as other:
        other.execute("select pg_terminate_backend(%s, 5000)", (pid,))


@given(
    ints=st.lists(st.integers(-(2**15), 2**15 - 1), max_size=50),
    ids=st.lists(st.uuids(), max_size=50),
    blobs=st.lists(st.binary(max_size=40), max_size=50),
)
@same_session
def test_arrays_arrive_as_sent_empty_ones_too(
    postgres: str, ints: list[int], ids: list[uuid.UUID], blobs: list[bytes]
) -> None:
    with connect(postgres, application_name="test") as conn:
        row = conn.execute(
            "select %b::bigint[], %b::integer[], %b::smallint[], %b::uuid[], %b::bytea[]",
            (
                Int8Array.of(ints),
                Int4Array.of(ints),
                Int2Array.of(ints),
                UuidArray.of(i.bytes for i in ids),
                ByteaArray(blobs),
            ),
        ).fetchone()
    assert row == (ints, ints, ints, ids, blobs)


def test_an_array_of_broken_length_is_refused_before_it_is_sent(postgres: str) -> None:
    with connect(postgres, application_name="test") as conn:
        with pytest.raises(psycopg.DataError, match="multiple of 16"):
            conn.execute("select %b::uuid[]", (UuidArray(b"short"),))
        assert conn.execute("select 1").fetchone() == (1,)


def test_session_has_its_name_and_is_in_utc(postgres: str) -> None:
    with connect(postgres, application_name="histoire-test") as conn:
        row = conn.execute(
            "select current_setting('application_name'), current_setting('timezone')"
        ).fetchone()
    assert row == ("histoire-test", "UTC")


def in_transaction(conn: Session, work: Callable[[], object]) -> None:
    with transaction(conn):
        work()


def failing(conn: Session, statement: LiteralString) -> None:
    conn.execute(statement)
    raise LookupError


def test_transaction_commits_when_the_block_ends_and_rolls_back_when_it_raises(
    database: str,
) -> None:
    with connect(database, application_name="test") as conn:
        conn.execute("create table note(text text)")
        in_transaction(conn, lambda: conn.execute("insert into note values ('kept')"))
        with pytest.raises(LookupError):
            in_transaction(conn, lambda: failing(conn, "insert into note values ('dropped')"))
        assert conn.execute("select text from note").fetchall() == [("kept",)]


def test_commit_that_became_a_rollback_is_an_error(database: str) -> None:
    with connect(database, application_name="test") as conn:

        def swallow() -> None:
            with contextlib.suppress(psycopg.errors.DivisionByZero):
                conn.execute("select 1/0")

        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            in_transaction(conn, swallow)
        assert conn.execute("select 1").fetchone() == (1,)


def test_connection_lost_at_commit_is_an_unknown_outcome(database: str) -> None:
    conn = connect(database, application_name="test")
    with pytest.raises(UnknownCommit):
        in_transaction(conn, lambda: end_session(database, conn.info.backend_pid))
    assert conn.closed


def test_connection_lost_inside_the_block_is_transient(database: str) -> None:
    conn = connect(database, application_name="test")

    def lose() -> None:
        end_session(database, conn.info.backend_pid)
        conn.execute("select 1")

    with pytest.raises(psycopg.OperationalError) as caught:
        in_transaction(conn, lose)
    assert is_transient(caught.value)


def test_a_copy_that_fails_half_way_leaves_nothing(database: str) -> None:
    conn = connect(database, application_name="test")
    conn.execute("create table note(text text)")

    def copy_and_fail() -> None:
        with conn.cursor().copy("copy note from stdin") as copy:
            copy.write(b"one\n")
            raise LookupError

    with pytest.raises(LookupError):
        in_transaction(conn, copy_and_fail)
    conn.close()
    with connect(database, application_name="test") as other:
        assert other.execute("select count(*) from note").fetchone() == (0,)


def test_timeouts_are_those_of_the_transaction_only(database: str) -> None:
    with connect(database, application_name="test") as conn:
        with transaction(conn):
            transaction_timeouts(conn, 10)
            row = conn.execute(
                "select current_setting('lock_timeout'), current_setting('statement_timeout'),"
                " current_setting('transaction_timeout')"
            ).fetchone()
        assert row == ("4s", "7s", "8s")
        assert conn.execute("select current_setting('statement_timeout')").fetchone() == ("0",)


LIMITS = (
    "select current_setting('lock_timeout'), current_setting('statement_timeout'),"
    " current_setting('transaction_timeout')"
)


def test_a_session_that_writes_has_limits_by_itself_and_others_none(database: str) -> None:
    with connect(database, application_name="test", limit_seconds=20) as conn:
        assert conn.execute(LIMITS).fetchone() == ("8s", "14s", "16s")
        with transaction(conn):
            transaction_timeouts(conn, 10)
        assert conn.execute(LIMITS).fetchone() == ("8s", "14s", "16s")
    with connect(database, application_name="test") as conn:
        assert conn.execute(LIMITS).fetchone() == ("0", "0", "0")


def test_a_frozen_transaction_is_ended_by_the_server(database: str) -> None:
    conn = connect(database, application_name="test")

    def freeze() -> None:
        transaction_timeouts(conn, 0.2)
        conn.execute("select set_config('statement_timeout', '0', true)")
        conn.execute("select pg_sleep(20)")

    with pytest.raises(psycopg.Error) as caught:
        in_transaction(conn, freeze)
    assert caught.value.sqlstate == "25P04"
    assert is_transient(caught.value)
    assert conn.closed


def test_faults_of_ours_are_not_transient_and_an_absent_server_is(postgres: str) -> None:
    with (
        connect(postgres, application_name="test") as conn,
        pytest.raises(psycopg.Error) as syntax,
    ):
        conn.execute("selekt 1")
    assert not is_transient(syntax.value)
    assert not is_transient(ValueError())
    with pytest.raises(psycopg.OperationalError) as away:
        connect("host=/nonexistent", application_name="test")
    assert is_transient(away.value)
