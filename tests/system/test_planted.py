"""Every crash point is survived; every planted bug is caught."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from answers import terminal
from checker import Finding, check
from feed_reading import EmbeddedFeed
from planted import BUGS, CRASHED, POINTS
from processes import installed
from psycopg.conninfo import conninfo_to_dict
from system_under_load import SMALL, System, examine, migrated

pytestmark = pytest.mark.system

SEED: Final = 7
ALL: Final = 1000
LOAD: Final = "--documents 300 --patients 60 --rate 0"
FAULTS: Final = "duplicate=0.05,corrupt=0.05,reorder=0.5,ins_key=0.02"
COMMANDS: Final = ("ingest", "relay", "project")
FINDS: Final = {
    "flags_forgotten": ("I7", {"shown", "flags"}),
    "letters_forgotten": ("I1", {"lost"}),
    "order_forgotten": ("I5", {"reordered"}),
    "positions_first": ("I6", {"unexplained"}),
    "checkpoint_first": ("I7", {"shown"}),
}
"""What each bug must be found as."""
COMMAND_OF: Final = {
    "outcomes_published": "relay",
    "rows_written": "project",
    "checkpoint_committed": "project",
    "notifications_published": "project",
}
"""The command that passes a point, where it is not `ingest`."""
CRASHES: Final = {"positions_first": "events_copied:3", "checkpoint_first": "rows_written:2"}
"""Bugs that only a crash at the wrong moment brings to light."""


NewDatabase = Callable[[str], str]


@pytest.fixture(scope="module")
def backlog(new_database: NewDatabase) -> Iterator[System]:
    """A migrated system with a backlog on its feed, of which nothing was read: to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="histoire-system-", dir="/tmp"))
    try:
        yield from _backlog(folder / "home", new_database("template1"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _backlog(home: Path, dsn: str) -> Iterator[System]:
    with installed(home, database_dsn=dsn, **SMALL) as installation:
        system = migrated(System(installation, dsn, EmbeddedFeed(dsn)))
        arguments = [*LOAD.split(), "--faults", FAULTS, "--seed", str(SEED)]
        with terminal(installation) as asked:
            assert asked.run("simulate", *arguments, "--ledger", str(ledger_of(system))).code == 0
        yield system


@pytest.fixture
def copied(backlog: System, home: Path, new_database: NewDatabase) -> Iterator[System]:
    """Such a system of one's own."""
    dsn = new_database(str(conninfo_to_dict(backlog.dsn)["dbname"]))
    shutil.copytree(backlog.installation.home, home)
    shutil.copy(ledger_of(backlog), home.parent)
    with installed(home, database_dsn=dsn, **SMALL) as installation:
        yield System(installation, dsn, EmbeddedFeed(dsn))


def ledger_of(system: System) -> Path:
    """Beside its home."""
    return system.installation.home.parent / "ledger.jsonl"


def judged(system: System) -> list[Finding]:
    """What the checker finds in a system at rest."""
    rng = random.Random(SEED)
    evidence = examine(
        *(system, [ledger_of(system)], rng),
        persons=ALL,
        documents=3,
        readers=("patient", "professional"),
        replay=False,
    )
    return check(evidence, datetime.now(UTC))


def to_rest(system: System, *planted: str) -> None:
    """Each command until it has nothing left to do, or until it meets its crash point."""
    with terminal(system.installation, *planted) as asked:
        for command in COMMANDS:
            if asked.run(command, "--until-idle").code == CRASHED:
                return


def test_every_crash_point_is_survived(copied: System) -> None:
    for point in POINTS:
        with terminal(copied.installation, f"{point}:2") as asked:
            code = asked.run(COMMAND_OF.get(point, "ingest"), "--until-idle").code
        assert code == CRASHED, f"{point} was not passed twice: the command ended with {code}"
    to_rest(copied)
    assert judged(copied) == []


@pytest.mark.parametrize("bug", BUGS)
def test_every_planted_bug_is_caught(copied: System, bug: str) -> None:
    if bug in CRASHES:
        to_rest(copied, bug, CRASHES[bug])
    to_rest(copied, bug)
    invariant, kinds = FINDS[bug]
    found = {f.kind for f in judged(copied) if f.invariant == invariant}
    assert found & kinds, f"found of {invariant}: {found}"
