"""SIGTERM ends the batch under way, cleanly, and the next start goes on where it ended."""

from __future__ import annotations

import random
import signal
from datetime import UTC, datetime
from typing import Final

import psycopg
import pytest
from checker import check
from system_under_load import System, examine

pytestmark = pytest.mark.system

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


def test_sigterm_ends_a_batch_and_the_next_start_goes_on(embedded: System, seed: int) -> None:
    system, rng = embedded, random.Random(seed)
    ledger = system.installation.home.parent / "ledger.jsonl"
    arguments = [*BACKLOG.split(), "--seed", str(seed), "--ledger", str(ledger)]
    system.installation.run("simulate", *arguments)
    total = sum(end for _, end in system.feed.bounds(("documents", "patients")).values())

    for name, command, so_far in (
        ("ingest", "ingest", read_so_far),
        ("project", "project", projected_so_far),
    ):
        system.start(name, command)
        member = system.members[name]
        assert system.freeze_at_work(member, rng), f"{name} was never met in a transaction"
        before = so_far(system)
        member.running.signal(signal.SIGTERM)
        member.running.thaw()
        assert member.running.wait(30) == 0, member.running.tail()
        after = so_far(system)
        assert after > before, "the batch under way was committed, not dropped"
        if name == "ingest":
            assert after < total, "there was more to read: it ended because it was asked to"
            assert system.installation.run("audit", "--json", accept=(0, 1)).lines()
        system.installation.run(command, "--until-idle")

    system.installation.run("relay", "--until-idle")
    evidence = examine(system, [ledger], rng, persons=20, documents=0)
    findings = check(evidence, datetime.now(UTC))
    assert not findings, f"seed {seed}:\n" + "\n".join(map(str, findings[:40]))
