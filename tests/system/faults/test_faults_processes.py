"""Processes that stand still at the worst moment and wake up late, and clocks that go back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.system.faults.disturbed import program
from tests.system.faults.fault_trial import Record, Trial, logged
from tests.system.running.answers import scrape
from tests.system.running.processes import wait_until
from tests.system.running.system_under_load import SESSION_SECONDS, Member, System, free_port

pytestmark = pytest.mark.system

OTHERS_GO_ON: Final = 10 * SESSION_SECONDS
"""The server ends the transaction at 0.8 of the session, then the partitions move: some seconds.
A longer bound tells "late" on a busy machine from "never": a frozen one never wakes by itself."""
_HOLDERS: Final = """
select count(*) from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and l.classid = 7201 and l.objid = 3
    and a.application_name = 'ingest-z-append'"""


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _fenced(trial: Trial, port: int) -> float:
    return trial.metric(scrape(port), "histoire_fenced_batches_total")


def _at_work(trial: Trial, writer: Member, port: int) -> float:
    """It has its share and writes; how many of its batches were refused until now."""
    wait_until(lambda: len(logged(writer, "batch_stored")) > 1, 30, "it writes batches")
    return _fenced(trial, port)


def _wait_until_fenced(trial: Trial, writer: Member, port: int, before: float) -> None:
    """What the zombie had in hand is refused, and it goes on as a member."""

    def fenced() -> bool:
        assert writer.running.alive, f"it ended: {writer.running.tail()}"
        return _fenced(trial, port) > before

    wait_until(fenced, 60, "the batch of the zombie is refused")


def _sleep_beyond_session(trial: Trial, frozen: float) -> None:
    late = SESSION_SECONDS + trial.rng.uniform(1.5, 3)
    time.sleep(max(0.0, frozen + late - time.monotonic()))


@pytest.mark.timing
@pytest.mark.kafka
def test_a_zombie_that_wakes_up_late_writes_nothing(
    over_kafka: System, seed: int, record_property: Record
) -> None:
    trial, port = Trial(over_kafka, seed, record_property), free_port()
    trial.fault("zombie over Kafka, frozen at work")
    trial.start(["ingest-a"])
    zombie = trial.start_ingestor("ingest-z", port=port)
    trial.publish_until_rest(60)
    before = _at_work(trial, zombie, port)
    assert trial.system.freeze_at_work(zombie, trial.rng), "it was never met in a transaction"
    frozen = time.monotonic()
    trial.recovered(frozen, OTHERS_GO_ON)
    _sleep_beyond_session(trial, frozen)
    zombie.running.thaw()
    _wait_until_fenced(trial, zombie, port, before)
    trial.to_rest()
    trial.judge()


PLACES: Final = {"lock": "while it holds the lock", "copy": "inside its COPY"}


@pytest.mark.timing
@pytest.mark.faults
@pytest.mark.kafka
@pytest.mark.parametrize("place", PLACES)
def test_a_writer_frozen_with_the_lock_does_not_hold_up_the_others(
    over_kafka: System, seed: int, record_property: Record, place: str
) -> None:
    trial, port = Trial(over_kafka, seed, record_property), free_port()
    trial.fault(f"writer over Kafka frozen {PLACES[place]}")
    trial.start(["ingest-a"])
    point = f"{place}:{trial.rng.randint(12, 20)}"
    writer = trial.start_ingestor("ingest-z", program=program(point), port=port)
    trial.publish_until_rest(60)
    before = _at_work(trial, writer, port)
    _frozen_with_the_lock(trial, writer)
    _wait_until_fenced(trial, writer, port, before)
    trial.to_rest()
    trial.judge()


@pytest.mark.timing
@pytest.mark.faults
@pytest.mark.parametrize("place", PLACES)
def test_on_the_embedded_feed_only_the_frozen_one_stands_still(
    embedded: System, seed: int, record_property: Record, place: str
) -> None:
    """There a share is held by a session: it does not move while its process lives."""
    trial = Trial(embedded, seed, record_property)
    trial.fault(f"writer frozen {PLACES[place]}, embedded feed")
    trial.start(["ingest-a"])
    point = f"{place}:{trial.rng.randint(5, 30)}"
    writer = trial.start_ingestor("ingest-z", program=program(point))
    trial.publish_until_rest(60)
    _frozen_with_the_lock(trial, writer)
    trial.to_rest()
    trial.judge()


def _frozen_with_the_lock(trial: Trial, writer: Member) -> None:
    """It has stopped itself with the lock; the others went on; it woke up after its session."""
    wait_until(lambda: _is_stopped(writer.running.process.pid), 30, "it has stopped itself")
    frozen = time.monotonic()
    with psycopg.connect(trial.system.dsn) as conn:
        assert conn.execute(_HOLDERS).fetchone() == (1,), "it holds the lock"
    trial.recovered(frozen, OTHERS_GO_ON)
    _sleep_beyond_session(trial, frozen)
    writer.running.thaw()


@pytest.mark.timing
@pytest.mark.parametrize("seconds", [-7200.0, pytest.param(7200.0, marks=pytest.mark.faults)])
def test_a_clock_that_jumps_changes_nothing(
    embedded: System, seed: int, record_property: Record, seconds: float
) -> None:
    trial = Trial(embedded, seed, record_property)
    trial.fault(f"clock of all processes set {seconds / 3600:+g} h")
    clock = embedded.installation.home.parent / "clock"
    clock.write_text("0")
    usual = embedded.installation.program
    embedded.installation.program = program(f"clock:{clock}")
    trial.start()
    embedded.installation.program = usual  # the producer's clock is right
    trial.publish_until_rest(60)
    trial.under_load(60)
    jumped = time.monotonic()
    clock.write_text(str(seconds))
    trial.recovered(jumped, 10)
    trial.under_load(60)
    clock.write_text("0")
    trial.to_rest()
    trial.judge()
