"""SIGTERM ends the batch under way, cleanly, and the next start goes on where it ended."""

from __future__ import annotations

import random
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.system.judge.checker import check
from tests.system.running.system_under_load import System, examine

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

BACKLOGS_MAX: Final = 10
"""On a fast machine a stage may be through before it is met at work: then it is given more."""
BACKLOG: Final = "--documents 4000 --patients 400 --metadata-only --faults 0.02"


def read_so_far(system: System) -> int:
    """Messages counted by the store."""
    with psycopg.connect(system.dsn) as conn:
        row = conn.execute("select coalesce(sum(next_offset), 0)::bigint from source_position")
        return int((row.fetchone() or (0,))[0])


def projected_so_far(system: System) -> int:
    """The lowest checkpoint."""
    with psycopg.connect(system.dsn) as conn:
        row = conn.execute("select min(position) from projection.build").fetchone()
        return int((row or (0,))[0])


def published(system: System, seed: int) -> Path:
    """A backlog on the feed; its ledger."""
    ledger = system.installation.home.parent / f"ledger-{seed}.jsonl"
    arguments = [*BACKLOG.split(), "--seed", str(seed), "--ledger", str(ledger)]
    system.installation.run("simulate", *arguments)
    return ledger


def test_sigterm_ends_a_batch_and_the_next_start_goes_on(embedded: System, seed: int) -> None:
    system, rng = embedded, random.Random(seed)
    ledgers = [published(system, seed)]
    total = sum(end for _, end in system.feed.bounds(("documents", "patients")).values())

    for name, command, so_far in (
        ("ingest", "ingest", read_so_far),
        ("project", "project", projected_so_far),
    ):
        system.start(name, command)
        member = system.members[name]
        while not system.freeze_at_work(member, rng):
            assert len(ledgers) < BACKLOGS_MAX, f"{name} was never met in a transaction"
            ledgers.append(published(system, seed + len(ledgers)))
            if name == "project":
                system.installation.run("ingest", "--until-idle")
        before = so_far(system)
        member.running.signal(signal.SIGTERM)
        member.running.thaw()
        assert member.running.wait(30) == 0, member.running.tail()
        after = so_far(system)
        assert after > before, "the batch under way was committed, not dropped"
        if name == "ingest" and len(ledgers) == 1:
            assert after < total, "there was more to read: it ended because it was asked to"
        if name == "ingest":
            assert system.installation.run("audit", "--json", accept=(0, 1)).lines()
        system.installation.run(command, "--until-idle")

    system.installation.run("relay", "--until-idle")
    evidence = examine(system, ledgers, rng, persons=20, documents=0)
    findings = check(evidence, datetime.now(UTC))
    assert not findings, f"seed {seed}:\n" + "\n".join(map(str, findings[:40]))
