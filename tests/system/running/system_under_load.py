"""A whole system as processes: run under load, killed in mid-batch, brought to rest, examined."""

from __future__ import annotations

import logging
import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from tests.system.judge.evidence import Evidence, read_ledgers
from tests.system.running.answers import (
    ask_audit,
    ask_documents,
    ask_replay,
    ask_timelines,
    read_balance_gauges,
    scrape,
    terminal,
)
from tests.system.running.avro_folder import AvroFolder
from tests.system.running.feed_reading import FEED, Feed, read_answers, read_fed
from tests.system.running.processes import Installation, Running, TookTooLong, wait_until
from tests.system.running.store_reading import read_store

told = logging.getLogger("system")
WRITES: Final = {
    "ingest": ("append",),
    "project": ("timeline", "notifications", "statistics", "access"),
}
"""Names of the database sessions in which a process writes, after its instance."""
LOOKS: Final = 80
"""How often a process is frozen and looked at before it is killed wherever it stands."""
REST_SECONDS: Final = 90.0
SESSION_SECONDS: Final = 6.0
"""The shortest that the settings allow."""
SMALL: Final = {
    "topic_partitions": "8",
    "batch_max_records": "25",
    "projection_batch": "25",
    "session_timeout_seconds": "6",
}
"""Settings with many small batches, so that a kill finds one under way."""
READERS: Final = ("patient", "representative", "professional")

_WRITING: Final = """
select count(*) from pg_stat_activity
where application_name = any(%s) and state in ('active', 'idle in transaction')
    and backend_xid is not null"""
_POSITIONS: Final = "select source, next_offset from source_position"
_BEHIND: Final = """
select (select count(*) from outcome_batch where published_at is null)
    + (select count(*) from projection.live l
        join projection.build b on b.projection = l.projection and b.number = l.build
        where b.position < (select coalesce(max(position), 0) from event))"""


@dataclass(slots=True)
class Member:
    """A process that is started again when it was killed. `kills`: in a transaction, elsewhere."""

    name: str
    arguments: tuple[str, ...]
    running: Running
    kills: list[bool] = field(default_factory=list)

    @property
    def sessions(self) -> list[str]:
        """Its database sessions that write."""
        return [f"{self.name}-{session}" for session in WRITES.get(self.arguments[0], ())]


@dataclass(slots=True)
class System:
    """An installation with its feed and its members."""

    installation: Installation
    dsn: str
    feed: Feed
    members: dict[str, Member] = field(default_factory=dict)
    keep_busy: Callable[[], None] = lambda: None
    """Called while somebody waits for work: starts more of it where there is none."""

    def start(self, name: str, *arguments: str) -> None:
        """A member runs. Its name is its instance, so its database sessions are known by it."""
        running = self.installation.start(name, *arguments, instance=name)
        self.members[name] = Member(name, arguments, running)

    def start_again(self, member: Member) -> None:
        """After its end."""
        member.running = self.installation.start(
            member.name, *member.arguments, instance=member.name
        )

    def freeze_at_work(self, member: Member, rng: random.Random) -> bool:
        """SIGSTOP while it is writing a batch; it stands still in its transaction afterwards.

        It is frozen before it is looked at, so what is seen is still so later. False, and it runs,
        when it was never met in a transaction.
        """
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            for _ in range(LOOKS):
                time.sleep(rng.uniform(0.0, 0.04))
                assert member.running.alive, f"{member.name} ended: {member.running.tail()}"
                member.running.freeze()
                time.sleep(0.002)
                row = conn.execute(_WRITING, (member.sessions,)).fetchone()
                if row is not None and row[0]:
                    return True
                member.running.thaw()
        return False

    def kill_at_work(self, member: Member, rng: random.Random) -> bool:
        """kill -9 in its transaction, or after LOOKS looks wherever it stands; whether in it."""
        caught = self.freeze_at_work(member, rng)
        member.running.kill()
        member.kills.append(caught)
        return caught

    def wait_for_work(self, member: Member, seconds: float = 30.0) -> None:
        """It has opened the sessions in which it writes."""
        query = "select count(*) from pg_stat_activity where application_name = any(%s)"

        def at_work() -> bool:
            self.keep_busy()
            assert member.running.alive, f"{member.name} ended: {member.running.tail()}"
            with psycopg.connect(self.dsn) as conn:
                row = conn.execute(query, (member.sessions,)).fetchone()
            return row is not None and row[0] > 0

        try:
            wait_until(at_work, seconds, f"{member.name} is at work", every=0.2)
        except TookTooLong as late:
            raise TookTooLong(f"{late}\n{member.running.tail()}") from None

    def wait_for_rest(self, seconds: float = REST_SECONDS) -> None:
        """Every position is at the end of its log, projections and relays included."""
        ends = {place: end for place, (_, end) in self.feed.bounds(FEED).items() if end}

        def at_rest() -> bool:
            for member in self.members.values():
                assert member.running.alive, f"{member.name} ended: {member.running.tail()}"
            with psycopg.connect(self.dsn) as conn:
                rows = conn.execute(_POSITIONS).fetchall()
                behind = conn.execute(_BEHIND).fetchone()
            at = {(s.split("/")[-2], int(s.split("/")[-1])): n for s, n in rows}
            return all(at.get(p) == end for p, end in ends.items()) and behind == (0,)

        wait_until(at_rest, seconds, f"all is read: {self._told()}", every=0.3)
        with terminal(self.installation) as asked:
            wait_until(
                lambda: not asked.run("notifications", "--due", "--json").lines(),
                seconds,
                "all notifications are published",
            )

    def _told(self) -> str:
        return ", ".join(f"{m.name}: {m.kills}" for m in self.members.values())

    def stop(self) -> None:
        """SIGTERM to all; each ends cleanly."""
        for member in self.members.values():
            member.running.signal(15)  # type: ignore[arg-type]
        codes = {m.name: m.running.wait(40) for m in self.members.values()}
        assert codes == dict.fromkeys(codes, 0), f"exit codes after SIGTERM: {codes}"


def kill_rounds(system: System, rounds: int, rng: random.Random) -> None:
    """In each round somebody at work dies, ingestion and projection in turn, and comes back; at the
    end the relay, wherever it stands.
    """
    victims = [name for name in system.members if system.members[name].sessions]
    ingestors = [name for name in victims if name.startswith("ingest")]
    for turn in range(rounds):
        name = rng.choice(ingestors) if turn % 2 == 0 else "project"
        member = system.members[name]
        system.wait_for_work(member)
        caught = system.kill_at_work(member, rng)
        told.warning("%s killed %s", name, "in its transaction" if caught else "elsewhere")
        time.sleep(rng.uniform(0.0, 0.5))
        system.start_again(member)
    relay = system.members["relay"]
    relay.running.kill()
    system.start_again(relay)


def freeze_round(system: System, rng: random.Random) -> None:
    """One ingestion process stands still in its transaction for longer than its session lives.

    Its partitions go to the other one; what it wakes up with is a batch that is not its own.
    """
    member = system.members["ingest-b"]
    system.wait_for_work(member)
    caught = system.freeze_at_work(member, rng)
    told.warning("%s frozen %s", member.name, "in its transaction" if caught else "elsewhere")
    member.running.freeze()
    time.sleep(SESSION_SECONDS + 1.5)
    member.running.thaw()


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def migrated(system: System) -> System:
    """The same, with its tables, topics and keys."""
    system.installation.home.mkdir(mode=0o700, exist_ok=True)
    system.installation.run("migrate")
    return system


def examine(
    system: System,
    ledgers: Iterable[Path],
    rng: random.Random,
    *,
    persons: int,
    documents: int,
    readers: Iterable[str] = READERS,
    replay: bool = True,
    planted: Iterable[str] = (),
) -> Evidence:
    """All evidence of a system at rest; timelines of some persons, bytes of some documents.

    `planted`: bugs in the process that is asked.
    """
    avro = AvroFolder()
    evidence = Evidence(sent=read_ledgers(ledgers))
    evidence.fed = read_fed(system.feed, avro)
    evidence.log_ends = {place: end for place, (_, end) in system.feed.bounds(FEED).items()}
    read_store(system.dsn, system.installation.home / "master.key", avro, evidence)
    evidence.answered, evidence.notified = read_answers(system.feed, avro)
    keys = sorted(evidence.records)
    chosen = _telling(evidence, keys, rng, persons)
    uids = sorted(
        fed.datum["document"]["uniqueId"]
        for fed in evidence.fed
        if fed.schema == "DepositDocument" and fed.datum and fed.datum["content_sha256"]
    )
    accepted = {a.place for a in evidence.answered if a.status == "ACCEPTED"}
    kept = {
        fed.datum["document"]["uniqueId"]
        for fed in evidence.fed
        if fed.datum and fed.schema == "DepositDocument" and fed.place in accepted
    }
    uids = [uid for uid in dict.fromkeys(uids) if uid in kept]
    with terminal(system.installation, *planted) as asked:
        ask_timelines(asked, chosen, readers, evidence.timelines)
        authors = [f"author:{_an_author(evidence, chosen)}"] if chosen else []
        ask_timelines(asked, chosen[:10], authors, evidence.timelines)
        ask_documents(
            asked, evidence, rng.sample(uids, min(documents, len(uids))), system.installation.logs
        )
        ask_audit(asked, evidence)
        if replay:
            ask_replay(asked, evidence)
            ask_timelines(asked, chosen[:10], READERS, evidence.timelines_rebuilt)
    return evidence


def _telling(evidence: Evidence, keys: list[str], rng: random.Random, wanted: int) -> list[str]:
    """Persons with operations, links, closures first, then any."""
    plain = {"DepositDocument", "OpenRecord", "DeclareIdentity", "ActivateRecord"}
    telling = {f.key.decode() for f in evidence.fed if f.datum and f.schema not in plain}
    first = [key for key in keys if key in telling]
    rest = [key for key in keys if key not in telling]
    rng.shuffle(first)
    rng.shuffle(rest)
    return (first + rest)[:wanted]


def _an_author(evidence: Evidence, keys: list[str]) -> str:
    of_these = (f for f in evidence.fed if f.datum and f.key.decode() in keys)
    deposit = next(f for f in of_these if f.schema == "DepositDocument")
    assert deposit.datum is not None
    return str(deposit.datum["document"]["authors"][0]["id"])


def look_at_metrics(system: System, port: int, evidence: Evidence) -> None:
    """A fresh ingestion process at rest serves the balance sheet; it ends afterwards."""
    fresh = system.installation.start(
        "ingest-fresh", "ingest", "--metrics-port", str(port), instance="ingest-fresh"
    )

    def served() -> bool:
        try:
            evidence.balance_gauges = read_balance_gauges(scrape(port))
        except OSError:
            return False
        return bool(evidence.balance_gauges)

    wait_until(served, 30, "the balance sheet is among the metrics", every=0.3)
    assert fresh.terminate() == 0
