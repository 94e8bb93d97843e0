"""Processes are killed and frozen in mid-batch, again and again: nothing is lost or doubled."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.system.judge.checker import check
from tests.system.running.processes import Running
from tests.system.running.system_under_load import (
    System,
    examine,
    free_port,
    freeze_round,
    kill_rounds,
    look_at_metrics,
)

told = logging.getLogger("system")
pytestmark = [pytest.mark.system, pytest.mark.timing]

ROUNDS: Final = 4
DOCUMENTS: Final = 600
PER_SECOND: Final = 150
FAULTS: Final = (
    "duplicate=0.02,reorder=0.3,corrupt=0.01,unknown_schema=0.005,wrong_key=0.005,"
    "ins_key=0.005,empty=0.005,conflict=0.01,oversize=0.001"
)


@dataclass(slots=True)
class Practices:
    """Professional software at work: faults, bytes, operations, a ledger for each run.

    There is always one that publishes: when it has ended and somebody waits for work, however slow
    the machine is, the next one begins.
    """

    system: System
    seed: int
    ledgers: list[Path] = field(default_factory=list)
    publishing: Running | None = None

    def keep_busy(self) -> None:
        """One of them publishes."""
        if self.publishing is None or not self.publishing.alive:
            self.wait()
            self._begin()

    def wait(self) -> None:
        """The last one has ended, and well."""
        if self.publishing is not None:
            assert self.publishing.wait(90) == 0, self.publishing.tail()

    def _begin(self) -> None:
        number = len(self.ledgers)
        self.ledgers.append(self.system.installation.home.parent / f"ledger-{number}.jsonl")
        load = f"--documents {DOCUMENTS} --patients 300 --rate {PER_SECOND} --faults {FAULTS}"
        own = ("--seed", str(self.seed + number), "--ledger", str(self.ledgers[-1]), "--json")
        self.publishing = self.system.installation.start(
            "simulate", "simulate", *load.split(), *own
        )


def run_and_kill(system: System, seed: int) -> None:
    told.warning("seed %d", seed)
    rng = random.Random(seed)
    for name in ("ingest-a", "ingest-b"):
        system.start(name, "ingest")
    system.start("relay", "relay")
    system.start("project", "project")
    practices = Practices(system, seed)
    system.keep_busy = practices.keep_busy
    kill_rounds(system, ROUNDS, rng)
    freeze_round(system, rng)
    told.warning("waiting for the producer")
    practices.wait()
    system.wait_for_rest()
    system.stop()
    told.warning("at rest")
    evidence = examine(system, practices.ledgers, rng, persons=40, documents=20)
    look_at_metrics(system, free_port(), evidence)
    told.warning("examined")
    findings = check(evidence, datetime.now(UTC))
    assert not findings, f"seed {seed}:\n" + "\n".join(map(str, findings[:40]))
    in_transaction = [kill for member in system.members.values() for kill in member.kills if kill]
    assert in_transaction, "no kill met a batch under way: the run proved little"


def test_over_the_embedded_feed(embedded: System, seed: int) -> None:
    run_and_kill(embedded, seed)


@pytest.mark.kafka
def test_over_kafka(over_kafka: System, seed: int) -> None:
    run_and_kill(over_kafka, seed)
