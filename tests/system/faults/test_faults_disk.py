"""The content store is full: ingestion halts and says so, and goes on once there is room."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.system.faults.disturbed import program
from tests.system.faults.fault_trial import Record, Trial, logged
from tests.system.running.answers import scrape
from tests.system.running.processes import wait_until
from tests.system.running.system_under_load import Member, System, free_port

pytestmark = pytest.mark.system

MIB: Final = 1024 * 1024
SMALL_BYTES: Final = MIB
WAITS: Final = 4
"""Tries of the same batch, each after a longer wait, until it is sure that it halts."""
LONGEST_WAIT: Final = 5.0

GiveRoom = Callable[[], None]


@pytest.mark.timing
def test_the_content_store_is_full(
    embedded: System, seed: int, record_property: Record, tmp_path: Path
) -> None:
    trial, port = Trial(embedded, seed, record_property), free_port()
    trial.fault("disk of the content store full")
    with _small_disk(tmp_path) as (folder, faults, give_room):
        embedded.installation.settings["content_dir"] = str(folder)
        trial.start([])
        ingestor = trial.start_ingestor("ingest-a", program=program(*faults), port=port)
        trial.publish_until_rest(100)
        wait_until(lambda: len(_waits(ingestor)) >= WAITS, 60, "it says that it waits")
        halted_at, letters = trial.read_so_far(), _letters(trial)
        tried = len(_waits(ingestor))
        wait_until(lambda: len(_waits(ingestor)) > tried, 30, "it tries again")
        assert trial.read_so_far() == halted_at, "nothing was skipped"
        assert _letters(trial) == letters, "a full disk is no fault of a message"
        assert trial.metric(scrape(port), 'histoire_service_faults_total{service="content"}') > 0
        room_at = time.monotonic()
        give_room()
        trial.recovered(room_at, LONGEST_WAIT + 10)
        trial.to_rest()
        assert not list(folder.rglob("*.half")), "what was half written is gone"
        trial.judge()


def _waits(ingestor: Member) -> list[object]:
    said = [line for line in logged(ingestor, "service_away") if line["service"] == "content"]
    return [*said]


def _letters(trial: Trial) -> int:
    with psycopg.connect(trial.system.dsn) as conn:
        row = conn.execute("select count(*) from dead_letter").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _small_disk(tmp_path: Path) -> Iterator[tuple[Path, list[str], GiveRoom]]:
    """A folder, the faults that make it small, and how it gets room.

    A real full disk where we may mount one; else writes that fail as on one.
    """
    folder, full = tmp_path / "content", tmp_path / "full"
    folder.mkdir()
    if not _mount(folder, f"size={SMALL_BYTES}"):
        full.write_text(str(SMALL_BYTES))
        yield folder, [f"full:{full}"], full.unlink
        return
    try:
        yield folder, [], lambda: _remount(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def _mount(folder: Path, options: str) -> bool:
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", options, "histoire-test", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _remount(folder: Path) -> None:
    room = f"remount,size={256 * MIB}"
    subprocess.run(["mount", "-o", room, str(folder)], check=True, capture_output=True)
