"""PostgreSQL is killed, stopped, cut off exactly at COMMIT; its clock goes back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest.runtime.postgres.embedded import programs
from tests.missing import missing
from tests.system.faults.commit_cutter import MOMENTS, cutting
from tests.system.faults.fault_trial import Record, Trial
from tests.system.running.answers import scrape
from tests.system.running.own_services import OwnPostgres
from tests.system.running.processes import wait_until
from tests.system.running.system_under_load import System, free_port

pytestmark = pytest.mark.system

MakeTrial = Callable[..., Trial]
ROUNDS: Final = 3
CUTS: Final = 9
KINDS: Final = {"kill -9": signal.SIGKILL, "immediate stop": signal.SIGQUIT}


@pytest.mark.timing
@pytest.mark.parametrize(
    "kind", ["kill -9", pytest.param("immediate stop", marks=pytest.mark.faults)]
)
def test_the_database_dies_and_comes_back(
    postgres_to_kill: OwnPostgres, trial_of: MakeTrial, kind: str
) -> None:
    trial = trial_of(postgres_to_kill.dsn)
    trial.fault(f"PostgreSQL: {kind}, {ROUNDS} times")
    trial.start()
    # The embedded feed lies in it too: the producer has its share of the fault.
    trial.publish_until_rest(50)
    trial.under_load(60)
    for _ in range(ROUNDS):
        time.sleep(trial.rng.uniform(0.2, 1.0))
        postgres_to_kill.end(KINDS[kind])
        time.sleep(trial.rng.uniform(0.0, 2.0))
        postgres_to_kill.start()
        trial.recovered(time.monotonic(), 30)
    trial.to_rest()
    trial.judge()


@pytest.mark.timing
@pytest.mark.faults
@pytest.mark.kafka
def test_the_database_dies_while_the_feed_goes_on(
    postgres_to_kill: OwnPostgres, trial_of: MakeTrial, broker: str
) -> None:
    trial = trial_of(postgres_to_kill.dsn, broker)
    trial.fault(f"PostgreSQL beside Kafka: kill -9, {ROUNDS} times")
    trial.start()
    trial.publish_until_rest(60)
    trial.under_load(60)
    for _ in range(ROUNDS):
        time.sleep(trial.rng.uniform(0.2, 1.0))
        postgres_to_kill.end(signal.SIGKILL)
        time.sleep(trial.rng.uniform(0.0, 8.0))  # at times longer than the group's session
        postgres_to_kill.start()
        trial.recovered(time.monotonic(), 30)
    trial.to_rest()
    trial.judge()


def test_the_connection_is_cut_at_commit(
    embedded: System, seed: int, record_property: Record
) -> None:
    trial, port = Trial(embedded, seed, record_property), free_port()
    trial.fault(f"connection cut at COMMIT, {CUTS} times")
    # Each moment as often as the others, in an order of the seed, some commits apart.
    moments = [*MOMENTS] * (CUTS // len(MOMENTS))
    trial.rng.shuffle(moments)
    passes = [trial.rng.randint(2, 8) for _ in moments]

    def choose() -> str | None:
        if not moments:
            return None
        passes[-1] -= 1
        if passes[-1] > 0:
            return None
        passes.pop()
        return moments.pop()

    folder = str(conninfo_to_dict(embedded.dsn)["host"])
    with cutting(f"{folder}/.s.PGSQL.5432", "-append", choose) as cutter:
        over_tcp = make_conninfo(
            embedded.dsn, host="127.0.0.1", port=cutter.port, sslmode="disable"
        )
        trial.start([])
        trial.start_ingestor("ingest-a", port=port, database_dsn=over_tcp)
        trial.publish_until_rest(100)
        wait_until(lambda: not moments, 60, "all cuts are made")
        trial.until_read()
        met = trial.metric(scrape(port), "histoire_unknown_commits_total")
        trial.to_rest()
    assert sorted(cutter.cuts.values()) == [CUTS // len(MOMENTS)] * len(MOMENTS), cutter.cuts
    assert met == CUTS, "each cut left it without an answer"
    trial.judge()


@pytest.mark.timing
@pytest.mark.faults
def test_the_clock_of_the_database_goes_back(
    postgres_to_kill: OwnPostgres, trial_of: MakeTrial
) -> None:
    """`recorded_at` never decreases, whatever the clock of the server says (decision 0015)."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        missing("faketime", "no libfaketime: a server's clock can't be set back")
    offset = postgres_to_kill.home / "clock"
    offset.write_text("+0")
    offset.chmod(0o644)
    _start_with_clock(postgres_to_kill, library, offset)
    trial = trial_of(postgres_to_kill.dsn)
    trial.fault("clock of PostgreSQL set back 2 h")
    trial.start()
    trial.publish_until_rest(60)
    trial.under_load(60)
    before = _clock(postgres_to_kill)
    offset.write_text("-7200")
    wait_until(lambda: _clock(postgres_to_kill) < before - 3600, 10, "the clock went back")
    trial.recovered(time.monotonic(), 10)
    trial.to_rest()
    with psycopg.connect(postgres_to_kill.dsn) as conn:
        rows = conn.execute("select recorded_at from event order by position").fetchall()
    assert rows == sorted(rows)
    trial.judge()


def _clock(postgres: OwnPostgres) -> float:
    with psycopg.connect(postgres.dsn) as conn:
        row = conn.execute("select extract(epoch from clock_timestamp())::float").fetchone()
    return float(row[0]) if row else 0.0


def _start_with_clock(postgres: OwnPostgres, library: Path, offset: Path) -> None:
    """The same server, its clock as the file says."""
    data = postgres.home / "postgres/data"
    owner = data.stat()
    shifted = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(offset)}
    steady = {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    pg_ctl = str(programs() / "pg_ctl")
    log = str(postgres.home / "postgres/log")
    subprocess.run(
        [pg_ctl, "restart", "-m", "fast", "-w", "-s", "-D", str(data), "-l", log],
        env={"LANG": "C.UTF-8", "PATH": os.defpath, **shifted, **steady},
        user=owner.st_uid if os.geteuid() == 0 else None,
        group=owner.st_gid if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        cwd="/",
        check=True,
        timeout=60,
    )
