"""The embedded server through what happens to it: races, kills, deletions, long paths."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingest.runtime.postgres.embedded import embedded_status, start_embedded, stop_embedded
from tests.homes import new_home

START = "from ingest.runtime.postgres.embedded import *; from pathlib import Path; import sys; "
START += "home = Path(sys.argv[1]); start_embedded(home); print(embedded_status(home).pid)"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = new_home()
    yield folder
    stop_embedded(folder)
    shutil.rmtree(folder, ignore_errors=True)


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def starter(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", START, str(home)], stdout=subprocess.PIPE, text=True
    )


def pid_of(home: Path) -> int:
    found = embedded_status(home).pid
    assert found is not None
    return found


def test_processes_that_start_at_once_share_one_server_that_outlives_them(home: Path) -> None:
    answers = {process.communicate(timeout=60)[0] for process in [starter(home) for _ in range(3)]}
    assert answers == {f"{pid_of(home)}\n"}


def test_it_is_postgresql_18_durable_and_without_network(home: Path) -> None:
    dsn = start_embedded(home)
    assert str(value(dsn, "show server_version")).startswith("18.")
    for name, wanted in (
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("checkpoint_timeout", "30min"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
    ):
        assert value(dsn, f"show {name}") == wanted, name
    assert value(dsn, "select current_database()") == "histoire"


def test_home_is_private(home: Path) -> None:
    start_embedded(home)
    (home / "master.key").write_bytes(b"k")
    (home / "master.key").chmod(0o644)
    start_embedded(home)
    modes = {
        name: stat.S_IMODE((home / name).stat().st_mode)
        for name in (".", "content", "postgres", "postgres/data", "postgres/run", "master.key")
    }
    assert modes.pop("master.key") == 0o600
    assert modes.pop(".") & 0o066 == 0
    assert set(modes.values()) == {0o700}


def test_the_log_repeats_neither_statement_nor_values(home: Path) -> None:
    dsn = start_embedded(home)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table mark(text text primary key)")
        conn.execute("insert into mark values ('DURANDMARK')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("insert into mark values (%s)", ("DURANDMARK",))
        with pytest.raises(psycopg.errors.SyntaxError):
            conn.execute("selekt 'DURANDMARK'")
    assert "DURANDMARK" not in embedded_status(home).log.read_text()


def test_after_kill_9_it_starts_again_with_all_that_was_committed(home: Path) -> None:
    dsn = start_embedded(home)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table kept as select generate_series(1, 1000) n")
    before = pid_of(home)
    os.kill(before, signal.SIGKILL)
    assert value(start_embedded(home), "select count(*) from kept") == 1000
    assert pid_of(home) != before


def test_a_pid_file_whose_number_belongs_to_another_program_does_not_stop_it(home: Path) -> None:
    start_embedded(home)
    data = embedded_status(home).data
    stop_embedded(home)
    # The number of a living process of the server's own account, as after a reboot.
    owner = data.stat()
    other = subprocess.Popen(
        ["/bin/sleep", "60"],
        user=owner.st_uid if os.geteuid() == 0 else None,
        cwd="/",
    )
    try:
        text = f"{other.pid}\n{data}\n1\n5432\n{data.parent / 'run'}\n\n  1 1\nready\n"
        (data / "postmaster.pid").write_text(text)
        os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)
        assert value(start_embedded(home), "select 1") == 1
    finally:
        other.kill()
        other.wait()


def test_stop_is_explicit_and_idempotent(home: Path) -> None:
    start_embedded(home)
    assert stop_embedded(home)
    assert not embedded_status(home).running
    assert not stop_embedded(home)


def test_status_and_stop_of_a_home_that_is_not_there_make_nothing(tmp_path: Path) -> None:
    home = tmp_path / "absent"
    assert not embedded_status(home).running
    assert not stop_embedded(home)
    assert not home.exists()


def test_a_home_deleted_under_its_server_starts_anew() -> None:
    home = new_home()
    try:
        start_embedded(home)
        orphan = pid_of(home)
        shutil.rmtree(home / "postgres")
        assert value(start_embedded(home), "select 1") == 1
        assert pid_of(home) != orphan
        assert not running(orphan)
    finally:
        stop_embedded(home)
        shutil.rmtree(home)


def test_a_long_path_gets_a_short_socket_and_a_killed_initdb_leaves_no_trap() -> None:
    top = new_home()
    home = top / ("é" * 40) / ("with space' " * 5)
    try:
        (home / "postgres" / "data.new").mkdir(parents=True)
        (home / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
        dsn = start_embedded(home)
        assert value(dsn, "select 1") == 1
        sockets = psycopg.conninfo.conninfo_to_dict(dsn)["host"]
        assert stat.S_IMODE(os.stat(str(sockets)).st_mode) == 0o700
    finally:
        stop_embedded(home)
        shutil.rmtree(top)


def running(pid: int) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return False
        except FileNotFoundError:
            return False
        time.sleep(0.05)
    return True
