"""Ingestion and projection are killed in mid-batch, again and again: nothing is lost or doubled."""

from __future__ import annotations

import logging
import random
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from checker import check
from feed_reading import EmbeddedFeed, Feed, KafkaFeed
from processes import Installation, installed
from system_under_load import System, examine, kill_rounds, look_at_metrics

told = logging.getLogger("system")
pytestmark = pytest.mark.system

ROUNDS: Final = 6
DOCUMENTS: Final = 2500
PER_SECOND: Final = 150
FAULTS: Final = (
    "duplicate=0.02,reorder=0.3,corrupt=0.01,unknown_schema=0.005,wrong_key=0.005,"
    "ins_key=0.005,empty=0.005,conflict=0.01,oversize=0.001"
)


@pytest.fixture
def seed() -> int:
    """Printed with the failure; put a failing one into SEEDS to keep it."""
    return secrets.randbelow(2**31)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="histoire-system-", dir="/tmp"))
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def embedded(home: Path, new_database: Callable[[str], str]) -> Iterator[System]:
    dsn = new_database("template1")
    with installed(home, database_dsn=dsn, **SMALL) as installation:
        yield made(installation, dsn, EmbeddedFeed(dsn))


@pytest.fixture
def over_kafka(home: Path, new_database: Callable[[str], str], broker: str) -> Iterator[System]:
    dsn = new_database("template1")
    prefix = f"{home.parent.name}-"
    kafka = {"kafka_bootstrap": broker, "topic_prefix": prefix, "consumer_group": prefix}
    with installed(home, database_dsn=dsn, **SMALL, **kafka) as installation:
        yield made(installation, dsn, KafkaFeed(broker, prefix))


SMALL: Final = {
    "topic_partitions": "8",
    "batch_max_records": "25",
    "projection_batch": "25",
    "session_timeout_seconds": "6",
}
"""Many small batches, so that a kill finds one under way."""


def made(installation: Installation, dsn: str, feed: Feed) -> System:
    installation.home.mkdir(mode=0o700)
    installation.run("migrate")
    return System(installation, dsn, feed)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_and_kill(system: System, seed: int) -> None:
    told.warning("seed %d", seed)
    rng = random.Random(seed)
    for name in ("ingest-a", "ingest-b"):
        system.start(name, "ingest")
    system.start("relay", "relay")
    system.start("project", "project")
    ledger = system.installation.home.parent / "ledger.jsonl"
    load = f"--documents {DOCUMENTS} --patients 300 --rate {PER_SECOND} --faults {FAULTS}"
    arguments = [*load.split(), "--seed", str(seed), "--ledger", str(ledger), "--json"]
    producer = system.installation.start("simulate", "simulate", *arguments)
    kill_rounds(system, ROUNDS, rng)
    assert producer.wait(60) == 0, producer.tail()
    system.wait_for_rest()
    system.stop()
    evidence = examine(system, [ledger], rng, persons=40, documents=20)
    look_at_metrics(system, free_port(), evidence)
    findings = check(evidence, datetime.now(UTC))
    assert not findings, f"seed {seed}:\n" + "\n".join(map(str, findings[:40]))
    in_transaction = [kill for member in system.members.values() for kill in member.kills if kill]
    assert in_transaction, "no kill met a batch under way: the run proved little"


def test_over_the_embedded_feed(embedded: System, seed: int) -> None:
    run_and_kill(embedded, seed)


@pytest.mark.kafka
def test_over_kafka(over_kafka: System, seed: int) -> None:
    run_and_kill(over_kafka, seed)
