"""A fault put into a whole system under load, and the judgement afterwards."""

from __future__ import annotations

import logging
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from ingest.runtime.console import Exit
from tests.system.judge.checker import Finding, check
from tests.system.judge.evidence import Evidence, Place, Sent
from tests.system.running.processes import Running, wait_until
from tests.system.running.system_under_load import Member, System, examine

told = logging.getLogger("system")

INGESTORS: Final = ("ingest-a", "ingest-b")
FAULTS: Final = "duplicate=0.02,corrupt=0.01,unknown_schema=0.005,conflict=0.01"
"""Of the messages: bad input goes on while the system has faults of its own. None is out of order:
a producer that is stopped would owe what others wait for."""
ENDLESS: Final = 20_000
"""Documents of a producer that works until the fault is over."""
_READ: Final = "select coalesce(sum(next_offset), 0)::bigint from source_position"

Record = Callable[[str, object], None]


@dataclass(slots=True)
class Trial:
    """One fault. What it was and how it went is noted with `record` as it becomes known."""

    system: System
    seed: int
    record: Record
    ledgers: list[Path] = field(default_factory=list)
    rng: random.Random = field(init=False)
    producer: Running | None = None
    load: str = ""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def fault(self, name: str) -> None:
        """The fault has its name and seed, also if nothing else is ever known of it."""
        told.warning("fault: %s, seed %d", name, self.seed)
        self.record("fault", name)
        self.record("seed", self.seed)

    def start(self, ingestors: Sequence[str] = INGESTORS) -> None:
        """All processes run."""
        for name in ingestors:
            self.start_ingestor(name)
        self.system.start("relay", "relay")
        self.system.start("project", "project")

    def start_ingestor(
        self, name: str, *, program: tuple[str, ...] | None = None, port: int = 0, **settings: str
    ) -> Member:
        """An ingestor with settings of its own, run by a program of its own."""
        installation = self.system.installation
        usual = installation.program
        arguments = ("ingest", "--metrics-port", str(port))
        try:
            installation.program = program or usual
            running = installation.start(name, *arguments, instance=name, **settings)
        finally:
            installation.program = usual
        member = self.system.members[name] = Member(name, arguments, running)
        return member

    def publish_until_rest(self, per_second: int) -> Running:
        """Professional software at work in the background, until `until_read`."""
        return self.publish(ENDLESS, per_second)

    def publish(
        self, documents: int, per_second: int = 0, *, patients: int = 100, faults: str = FAULTS
    ) -> Running:
        """Professional software at work in the background; each call is a run of its own."""
        ledger = self.system.installation.home.parent / f"ledger-{len(self.ledgers)}.jsonl"
        load = f"--documents {documents} --patients {patients} --rate {per_second}"
        arguments = [*load.split(), "--seed", str(self.seed + len(self.ledgers)), "--json"]
        arguments += ["--faults", faults, "--ledger", str(ledger)]
        self.ledgers.append(ledger)
        self.load = load
        self.producer = self.system.installation.start("simulate", "simulate", *arguments)
        return self.producer

    def read_so_far(self) -> int:
        """Messages that the store has counted."""
        with psycopg.connect(self.system.dsn) as conn:
            row = conn.execute(_READ).fetchone()
        return int(row[0]) if row else 0

    def under_load(self, messages: int = 100, seconds: float = 30.0) -> None:
        """Returns when so many more messages were read."""
        wanted = self.read_so_far() + messages
        wait_until(lambda: self.read_so_far() >= wanted, seconds, f"{messages} messages are read")

    def recovered(self, since: float, seconds: float) -> None:
        """Ingestion goes on within `seconds` from `since` (monotonic), which is noted."""
        before = self.read_so_far()
        left = max(0.1, since + seconds - time.monotonic())
        wait_until(lambda: self.read_so_far() > before, left, "ingestion goes on", every=0.05)
        self.record("recovered", f"{time.monotonic() - since:.1f} s")

    def to_rest(self, seconds: float = 90.0, *, accept: Sequence[int] = (0,)) -> None:
        """The producer has ended, everything is read, and all processes end cleanly."""
        self.until_read(seconds, accept=accept)
        self.system.stop()

    def until_read(self, seconds: float = 90.0, *, accept: Sequence[int] = (0,)) -> None:
        """The producer has ended (one without end by SIGTERM), and everything is read."""
        assert self.producer is not None
        if f"--documents {ENDLESS} " in self.load:
            self.producer.signal(signal.SIGTERM)
            accept = (Exit.OK, Exit.INTERRUPTED)
        code = self.producer.wait(seconds)
        assert code in accept, f"the producer ended with {code}: {self.producer.tail()}"
        self.system.wait_for_rest(seconds)

    def evidence(self, *, persons: int = 15, documents: int = 8) -> Evidence:
        """What is left of the run at rest; the number of messages is noted."""
        found = examine(
            *(self.system, self.ledgers, self.rng),
            persons=persons,
            documents=documents,
            readers=("patient", "professional"),
            replay=False,
        )
        self.record("messages", len(found.fed))
        return found

    def judge(self, evidence: Evidence | None = None) -> None:
        """The guarantee held. Else the findings, and the seed that finds them again.

        Delivery is at least once: what was to become of a message is asked of its first copy.
        """
        self.tell(self.findings(evidence))

    def findings(self, evidence: Evidence | None = None) -> list[Finding]:
        """What the checker has to say."""
        found = self.evidence() if evidence is None else evidence
        at_first_copies(found)
        return check(found, datetime.now(UTC))

    def tell(self, findings: Sequence[Finding]) -> None:
        """Fails if there are any."""
        assert not findings, f"seed {self.seed}:\n" + "\n".join(map(str, findings[:40]))

    def metric(self, text: str, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = (line for line in text.splitlines() if line.startswith(name))
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def at_first_copies(evidence: Evidence) -> None:
    """A message that its producer had to send again (its broker hung, or died before it answered)
    lies on the feed more often than it was sent: its place is that of the first copy.
    """
    copies: dict[str, list[Place]] = defaultdict(list)
    for fed in sorted(evidence.fed, key=lambda fed: fed.place):
        copies[fed.sha256].append(fed.place)
    sent: dict[str, list[Sent]] = defaultdict(list)
    for one in evidence.sent:
        if one.place is not None:
            sent[one.sha256].append(one)
    for sha256, ones in sent.items():
        if len(copies[sha256]) > len(ones):
            ones[0].place = copies[sha256][0]


def logged(member: Member, event: str) -> list[Any]:
    """Log lines of a process with this event."""
    import orjson

    lines = (line for line in member.running.log.read_bytes().splitlines() if line[:1] == b"{")
    return [said for said in map(orjson.loads, lines) if said.get("event") == event]
