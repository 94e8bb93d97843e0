"""Writers that race, freeze, or lose their connection at the worst moment."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from ingest.eventstore import EventStore, Fenced, LostRace, RecordedEvent, UnknownCommit
from ingest.eventstore.log.append import lock_writers
from ingest.eventstore.log.event_names import EventName
from ingest.runtime.postgres.database import connect, is_transient, transaction_timeouts
from schemas.forms.stream_ids import document_stream
from tests.ingest.eventstore.store_batches import (
    SOURCE,
    Batch,
    Place,
    advance,
    letter,
    records,
    uids,
)

BATCHES = 25


def write(place: Place, record: int, seed: int) -> int:
    """Appends to streams it shares with others, deciding again after each lost race."""
    draw = random.Random(seed)
    lost = 0
    with place.open() as store:
        for _ in range(BATCHES):
            chosen = draw.sample(list(uids(12)), 5)
            while True:
                heads = store.reading.heads(document_stream(uid) for uid in chosen)
                batch = Batch()
                for uid in chosen:
                    head = heads.get(document_stream(uid))
                    batch.add(uid, record, version=head.version + 1 if head else 1)
                try:
                    store.append(batch)
                except LostRace:
                    lost += 1
                else:
                    break
    return lost


def tail(place: Place, done: threading.Event) -> list[RecordedEvent]:
    """What a reader sees that asks for greater positions only."""
    seen: list[RecordedEvent] = []
    with place.open() as store:
        while True:
            last_look = done.is_set()
            events = store.reading.read_after(seen[-1].position if seen else 0, 7)
            seen += events
            if last_look and not events:
                return seen


def test_racing_writers_lose_nothing_and_a_tailing_reader_misses_nothing(
    store: EventStore, place: Place, seed: int
) -> None:
    (record,) = records(store, 1)
    done = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        reader = pool.submit(tail, place, done)
        writers = [pool.submit(write, place, record, seed + n) for n in range(3)]
        try:
            lost = sum(writer.result() for writer in writers)
        finally:
            done.set()
        seen = reader.result()
    assert lost, "no race happened: the test proves nothing"
    assert len(seen) == 3 * BATCHES * 5 == store.auditing.counts().events
    assert [e.position for e in seen] == list(range(1, len(seen) + 1))
    versions: dict[bytes, list[int]] = {}
    for event in seen:
        versions.setdefault(event.stream, []).append(event.version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    assert store.auditing.verify_streams() == []


def test_of_two_owners_of_a_partition_one_is_fenced(store: EventStore, place: Place) -> None:
    (record,) = records(store, 1)
    store.sources.insert(SOURCE, "t", 0)

    def own(number: int) -> int:
        batch = Batch()
        batch.add(f"1.2.{number}", record)
        batch.advances = [advance(0, 1)]
        with place.open() as other:
            try:
                other.append(batch)
            except Fenced:
                return 0
            return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(own, range(4))) == 1
    assert store.sources.all()[SOURCE].next_offset == 1
    assert store.auditing.counts().events == 1


def pids_with_lock(conn: psycopg.Connection[tuple[int, ...]]) -> set[int]:
    rows = conn.execute(
        "select pid from pg_locks where locktype = 'advisory' and classid = 7201 and objid = 3"
        " and granted and database = (select oid from pg_database where datname"
        " = current_database())"
    )
    return {pid for (pid,) in rows}


def freeze_with_lock(child: subprocess.Popen[bytes], dsn: str) -> None:
    """The child is stopped while it holds the writers' lock."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and child.poll() is None:
            if not pids_with_lock(conn):
                continue
            child.send_signal(signal.SIGSTOP)
            time.sleep(0.05)  # what was under way in the server ends
            if pids_with_lock(conn):
                return
            child.send_signal(signal.SIGCONT)
    raise AssertionError("the child never held the lock")


WRITER = """
import sys
from pathlib import Path
from tests.ingest.eventstore.store_batches import Batch, Place, uids
place = Place(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
with place.open(session_timeout=1.0) as store:
    for number in range(100_000):
        batch = Batch()
        for uid in uids(20, f"1.7.{number}"):
            batch.add(uid, int(sys.argv[4]))
        store.append(batch)
"""


def test_a_frozen_writer_does_not_block_the_others_for_longer_than_its_time_out(
    store: EventStore, place: Place
) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    batch.add("1.2.3.1", record)
    arguments = (place.dsn, str(place.master_key), str(place.content), str(record))
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
    )
    try:
        freeze_with_lock(child, place.dsn)
        store.append(batch)
        child.send_signal(signal.SIGCONT)
        _, told = child.communicate(timeout=60)
        assert child.returncode
        assert b"transaction timeout" in told or b"closed the connection" in told
    finally:
        child.kill()
        child.communicate()
    assert store.auditing.verify_streams() == []
    assert store.reading.heads([document_stream("1.2.3.1")])


def test_a_writer_frozen_with_half_of_its_copy_sent_does_not_block_the_others(
    store: EventStore, place: Place
) -> None:
    """No time-out of the server ends a session that waits for the rest of a COPY."""
    (record,) = records(store, 1)
    batch = Batch()
    batch.add("1.2.3.2", record)
    with (
        connect(place.dsn, application_name="frozen") as frozen,
        place.open(session_timeout=1.0) as other,
    ):
        with frozen.cursor() as cursor:
            cursor.execute("begin")
            transaction_timeouts(frozen, 1.0)
            lock_writers(cursor)
            frozen.pgconn.exec_(b"copy event from stdin (format binary)")
            tried, deadline = 0, time.monotonic() + 30
            while (
                not other.reading.heads([document_stream("1.2.3.2")])
                and time.monotonic() < deadline
            ):
                tried += 1
                with suppress(psycopg.errors.LockNotAvailable):
                    other.append(batch)
        assert other.reading.heads([document_stream("1.2.3.2")])
        assert 1 < tried < 10, "it is left its time, and no more"
        frozen.close()
    assert store.auditing.verify_streams() == []


class CutAtCommit:
    """Stands between a store and its server. `cut`: "before" or "after" the server has committed,
    the store is cut off when it sends COMMIT.
    """

    def __init__(self, folder: Path, dsn: str) -> None:
        host = conninfo.conninfo_to_dict(dsn)["host"]
        self.dsn = conninfo.make_conninfo(dsn, host=str(folder))
        self.cut: str | None = None
        self._server = f"{host}/.s.PGSQL.5432"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        with client, server, suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is server:
                        client.sendall(data)
                    elif b"commit\0" in data and self.cut is not None:
                        if self.cut == "after":
                            server.sendall(data)
                            server.recv(65536)
                        return
                    else:
                        server.sendall(data)


@pytest.fixture
def cutter(tmp_path_factory: pytest.TempPathFactory, place: Place) -> Iterator[CutAtCommit]:
    with short_folder() as folder:
        proxy = CutAtCommit(folder, place.dsn)
        yield proxy
        proxy.close()


@contextmanager
def short_folder() -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="histoire-cut-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_lost_at_commit_is_an_unknown_commit_and_the_position_tells(
    store: EventStore, place: Place, cutter: CutAtCommit, moment: str
) -> None:
    (record,) = records(store, 1)
    store.sources.insert(SOURCE, "t", 0)
    batch = Batch()
    batch.add("1.2.3.1", record)
    batch.advances = [advance(0, 1, accepted=0, rejected=1)]
    batch.dead_letters = [letter(0)]
    with replace(place, dsn=cutter.dsn).open() as cut_off:
        cut_off.append(Batch())  # the connection is there, its statements are prepared
        cut_off.names.id_of(EventName("document_archived", 1))  # a commit of its own
        cutter.cut = moment
        with pytest.raises(UnknownCommit):
            cut_off.append(batch)
        cutter.cut = None
        if moment == "after":
            assert cut_off.sources.all()[SOURCE].next_offset == 1
            with pytest.raises(Fenced):
                cut_off.append(batch)
        else:
            wait_for_rollback(place.dsn)
            assert cut_off.sources.all()[SOURCE].next_offset == 0
            cut_off.append(batch)
    assert store.auditing.counts().events == 1
    assert store.auditing.counts().dead_letters == {"waiting": 1}


def wait_for_rollback(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        deadline = time.monotonic() + 10
        while pids_with_lock(conn) and time.monotonic() < deadline:
            time.sleep(0.01)


def test_a_connection_lost_elsewhere_is_passing_and_the_next_call_has_a_new_one(
    store: EventStore, place: Place
) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    batch.add("1.2.3.1", record)
    store.append(Batch())
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    with pytest.raises(psycopg.OperationalError) as caught:
        store.append(batch)
    assert is_transient(caught.value)
    store.append(batch)
    assert store.reading.max_position() == 1
