"""Small systems with a backlog on their feed, of which nothing was read: to be run by commands."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.system.bugs.planted import CRASHED, met
from tests.system.judge.checker import Finding, check
from tests.system.running.answers import Terminal, terminal
from tests.system.running.feed_reading import EmbeddedFeed, KafkaFeed
from tests.system.running.processes import installed
from tests.system.running.story import Storyteller
from tests.system.running.system_under_load import READERS, SMALL, System, examine, migrated

SEED: Final = 7
LOAD: Final = "--documents 110 --patients 24 --rate 0"
FAULTS: Final = "duplicate=0.06,corrupt=0.05,reorder=0.5,ins_key=0.02,wrong_key=0.05"
COMMANDS: Final = ("ingest", "relay", "project")
ALL: Final = 1000
PATIENT: Final = {**SMALL, "session_timeout_seconds": "30"}
"""What is planted may start a process in the middle of a transaction."""


@dataclass(slots=True)
class World:
    """A system whose processes are commands, run one after the other to their ends."""

    system: System
    starts: int = 0
    failures: list[str] = field(default_factory=list)
    """Commands that did not end well on the way to rest, with what they said last."""

    @property
    def ledger(self) -> Path:
        """Of the simulated practice, beside the home."""
        return self.system.installation.home.parent / "ledger.jsonl"

    @property
    def ledgers(self) -> list[Path]:
        """All that were written."""
        return sorted(self.ledger.parent.glob("*.jsonl"))

    def fill(self, load: str = LOAD, seed: int = SEED) -> None:
        """The backlog: a simulated practice with its faults, and the story."""
        arguments = [*load.split(), "--faults", FAULTS, "--seed", str(seed)]
        with terminal(self.system.installation) as asked:
            done = asked.run("simulate", *arguments, "--ledger", str(self.ledger))
            assert done.code in (0, 1), asked.tail()
        self.storyteller().tell()

    def storyteller(self) -> Storyteller:
        """Goes on with the story; its messages have the same ids in every world."""
        self.starts += 1
        ledger = self.ledger.with_name(f"story-{self.starts}.jsonl")
        return Storyteller(self.system, ledger)

    @contextmanager
    def process(self, *planted: str) -> Iterator[Terminal]:
        """A new process for some commands. Over Kafka it is a group of its own: nobody has to wait
        until the session of one that was killed is over, and the positions are the store's.
        """
        self.starts += 1
        settings = self.system.installation.settings
        if "kafka_bootstrap" in settings:
            settings["consumer_group"] = f"{settings['topic_prefix']}{self.starts}"
        with terminal(self.system.installation, *planted) as asked:
            yield asked

    def to_rest(self, *planted: str) -> None:
        """Each command until it has nothing left to do, or until it meets its crash point."""
        with self.process(*planted) as asked:
            for command in COMMANDS:
                code = asked.run(command, "--until-idle").code
                if code == CRASHED:
                    return
                if code != 0:
                    self.failures.append(f"{command} ended with {code}: {asked.tail()}")

    def crash(self, point: str, arguments: Iterable[str], *, nth: int = 1) -> None:
        """The command dies at the N-th pass of that point, and nowhere else."""
        arguments = list(arguments)
        with self.process(f"{point}:{nth}") as asked:
            code = asked.run(*arguments).code
        told = asked.tail()
        assert code == CRASHED, f"{arguments[0]} never passed {point}: exit code {code}: {told}"
        assert told.endswith(met(point)), f"{arguments[0]} died elsewhere: {told}"

    def findings(self, *planted: str, persons: int = ALL, replay: bool = False) -> list[Finding]:
        """What the checker finds in the system at rest. `planted`: in the process that answers."""
        rng = random.Random(SEED)
        evidence = examine(
            *(self.system, self.ledgers, rng),
            persons=persons,
            documents=3,
            readers=READERS if replay else ("patient", "professional"),
            replay=replay,
            planted=planted,
        )
        return check(evidence, datetime.now(UTC))


@contextmanager
def embedded_world(home: Path, dsn: str) -> Iterator[World]:
    """A migrated one without a broker."""
    with installed(home, database_dsn=dsn, **PATIENT) as installation:
        yield World(migrated(System(installation, dsn, EmbeddedFeed(dsn))))


@contextmanager
def kafka_world(home: Path, dsn: str, broker: str) -> Iterator[World]:
    """A migrated one on a real broker, with topics of its own."""
    prefix = f"{home.parent.name}-"
    kafka = {"kafka_bootstrap": broker, "topic_prefix": prefix, "consumer_group": prefix}
    with installed(home, database_dsn=dsn, **PATIENT, **kafka) as installation:
        yield World(migrated(System(installation, dsn, KafkaFeed(broker, prefix))))


@contextmanager
def copy_of(world: World, home: Path, dsn: str) -> Iterator[World]:
    """The same with everything of its own; `dsn`: of a copy of its database."""
    shutil.copytree(world.system.installation.home, home)
    for ledger in world.ledgers:
        shutil.copy(ledger, home.parent)
    with installed(home, database_dsn=dsn, **PATIENT) as installation:
        yield World(System(installation, dsn, EmbeddedFeed(dsn)), starts=100)
