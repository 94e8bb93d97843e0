"""Killed at every arrow of the way, over both feeds, the system goes on where it stood."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
import pytest

from ingest.runtime.crash_points import CRASH_POINTS
from tests.system.bugs.planted import POINTS, UNANSWERED
from tests.system.running.avro_folder import AvroFolder
from tests.system.running.processes import ROOT
from tests.system.running.worlds import COMMANDS, World, embedded_world, kafka_world

pytestmark = pytest.mark.system

NewDatabase = Callable[[str], str]
Note = Callable[[str, Any], None]
INGEST: Final = ("ingest", "--until-idle")
COMMAND_OF: Final = {
    "outcomes_published": ("relay", "--until-idle"),
    "rows_due": ("project", "--until-idle"),
    "rows_written": ("project", "--until-idle"),
    "checkpoint_committed": ("project", "--until-idle"),
    "notifications_published": ("project", "--until-idle"),
    "replay_compared": ("replay", "timeline"),
    "replay_switching": ("replay", "timeline"),
    "replay_switched": ("replay", "statistics"),
}
"""What passes a point, where it is not ingestion."""
SENT: Final = "documents_acknowledged"
OF_REPLAY: Final = tuple(point for point in POINTS if point.startswith("replay_"))
OF_REST: Final = tuple(point for point in POINTS if point not in (*OF_REPLAY, SENT))
"""Passed on the way of a backlog, in this order."""
LOAD: Final = "--documents 330 --patients 60 --rate 0"
"""Enough batches for all of them."""
ONCE: Final = frozenset({"outcomes_published", "notifications_published"})
"""Passed once in a small world: pages are large."""
ROUNDS: Final = 3
"""Of the long run: how often a process is killed at one point, before the system comes to rest."""


@pytest.fixture
def embedded_one(home: Path, new_database: NewDatabase) -> Iterator[World]:
    """A small world on the embedded feed."""
    with embedded_world(home, new_database("template1")) as world:
        yield world


@pytest.fixture
def kafka_one(home: Path, new_database: NewDatabase, broker: str) -> Iterator[World]:
    """A small world on a real broker."""
    with kafka_world(home, new_database("template1"), broker) as world:
        yield world


def survive(world: World, point: str, feed: str, note: Note, nth: int = 1) -> None:
    """The process dies there. It is noted as a hit."""
    before = batches_stored(world) if point == UNANSWERED else 0
    world.crash(point, COMMAND_OF.get(point, INGEST), nth=nth)
    note("crash_point", (point, feed))
    if point == UNANSWERED:
        assert batches_stored(world) > before, "the server did what was asked, answered or not"


def batches_stored(world: World) -> int:
    """Outcomes are written with each batch."""
    with psycopg.connect(world.system.dsn) as conn:
        row = conn.execute("select count(*) from outcome_batch").fetchone()
    return int((row or (0,))[0])


def killed_everywhere(world: World, feed: str, note: Note) -> None:
    """One after the other in one system; then it comes to rest, and everything is right."""
    send_files(world, feed, note)
    world.fill(LOAD)
    for point in OF_REST:
        survive(world, point, feed, note, nth=1 if point in ONCE else 2)
    world.to_rest()
    for point in OF_REPLAY:
        survive(world, point, feed, note)
    assert world.findings(replay=True) == []


def send_files(world: World, feed: str, note: Note) -> None:
    """`histoire send` dies between the acknowledgement and its mark, and is called again."""
    installation, folder = world.system.installation, world.ledger.with_name("cda")
    installation.run(*f"simulate --cda {folder} --documents 6 --patients 2 --seed 5".split())
    files = [str(file) for file in sorted(folder.glob("*.xml"))]
    world.crash(SENT, ("send", *files))
    note("crash_point", (SENT, feed))
    with world.process() as asked:
        again = asked.run("send", *files, "--json")
        assert again.code == 0, asked.tail()
    lines = [line for line in again.lines() if "file" in line]  # the last one tells of the queues
    places = {(line["topic"], line["partition"], line["offset"]) for line in lines}
    assert len(places) == len(files) > 0
    written = write_ledger(world, places)
    assert written > len(files), "what was acknowledged and not marked was sent once more"


def write_ledger(world: World, acknowledged: set[tuple[str, int, int]]) -> int:
    """A ledger of all that is on the feed, with what was acknowledged; how many messages.

    `send` keeps none: what is acknowledged must have been stored, now or before.
    """
    avro, lines = AvroFolder(), list[dict[str, Any]]()
    for seq, raw in enumerate(world.system.feed.records(("documents",)), start=1):
        read = avro.read(raw.value)
        assert read is not None, "what was sent can be read"
        message_id = str(UUID(bytes=read[1]["messageId"]))
        known = {"seq": seq, "id": message_id, "sha256": sha256(raw.value).hexdigest()}
        foreseen = {"expected": [("ACCEPTED", None), ("DUPLICATE", None)], "then": []}
        lines.append({"line": "intent", "fault": None, **known, **foreseen})
        if tuple(raw.place) in acknowledged:
            lines.append({"line": "acked", "seq": seq, **raw.place._asdict()})
    written = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    world.ledger.with_name("sent.jsonl").write_bytes(written)
    return sum(line["line"] == "intent" for line in lines)


def test_every_point_stands_at_one_place_of_the_product() -> None:
    names = ("ingest", "projections", "producers")
    sources = [file.read_text() for name in names for file in (ROOT / name).rglob("*.py")]
    named = re.compile(r'crash_point\("(\w+)"\)')
    found = Counter(point for text in sources for point in named.findall(text))
    assert found == dict.fromkeys(CRASH_POINTS, 1)
    assert set(POINTS) == {*OF_REST, *OF_REPLAY, SENT}, "each is met below"


def test_killed_at_every_point_over_the_embedded_feed(
    embedded_one: World, record_property: Note
) -> None:
    killed_everywhere(embedded_one, "embedded", record_property)


@pytest.mark.kafka
@pytest.mark.faults
def test_killed_at_every_point_over_kafka(kafka_one: World, record_property: Note) -> None:
    killed_everywhere(kafka_one, "kafka", record_property)


def killed_at_one(world: World, point: str, feed: str, seed: int, note: Note) -> None:
    """At passes drawn from the seed, again and again; then it comes to rest and is judged."""
    rng = random.Random(seed)
    if point == SENT:
        send_files(world, feed, note)
    world.fill(LOAD, rng.randrange(10**6))
    command, *_ = COMMAND_OF.get(point, INGEST)
    with world.process() as asked:  # what comes before it
        for before in COMMANDS[: COMMANDS.index(command) if command in COMMANDS else None]:
            assert asked.run(before, "--until-idle").code == 0
    for _ in range(0 if point == SENT else 1 if point in OF_REPLAY else ROUNDS):
        later = point not in ONCE and point not in OF_REPLAY
        survive(world, point, feed, note, nth=rng.randint(1, 3) if later else 1)
    world.to_rest()
    findings = world.findings(replay=point in OF_REPLAY)
    assert findings == [], f"--seed {seed}"


@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_one_point_over_the_embedded_feed(
    embedded_one: World, point: str, seed: int, record_property: Note
) -> None:
    killed_at_one(embedded_one, point, "embedded", seed, record_property)


@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_one_point_over_kafka(
    kafka_one: World, point: str, seed: int, record_property: Note
) -> None:
    killed_at_one(kafka_one, point, "kafka", seed, record_property)
