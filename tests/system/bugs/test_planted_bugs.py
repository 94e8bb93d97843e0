"""Every planted bug is caught by the checker; the right product goes through the same unharmed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.homes import new_home
from tests.system.bugs.circumstances import CIRCUMSTANCES
from tests.system.bugs.planted_bugs import BUGS, LINKS, REPLAYED, REST, Bug
from tests.system.judge.checker import Finding
from tests.system.running.worlds import ALL, World, copy_of, embedded_world, kafka_world

pytestmark = pytest.mark.system

NewDatabase = Callable[[str], str]
Note = Callable[[str, Any], None]
AT_ONCE: Final = {
    "embedded": (
        *("deposits_repeated", "letters_forgotten", "fence_forgotten", "outcomes_marked_first"),
        *("flags_forgotten", "notified_at_each_show"),
    ),
    "kafka": ("fence_forgotten",),
}
"""Tried in every run of the tests, by feed; the others in the long run."""
KILL: Final = "a_kill_among_documents"
ERASURE: Final = "an_erasure_midway"
"""The reference knows nothing of it; only I11 judges there."""


@pytest.fixture(scope="module")
def backlog(new_database: NewDatabase) -> Iterator[World]:
    """A world of which nothing was read, to be copied."""
    folder = new_home("system")
    try:
        with embedded_world(folder / "home", new_database("template1")) as world:
            world.fill()
            yield world
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def copied(backlog: World, home: Path, new_database: NewDatabase) -> Iterator[World]:
    """Such a world of one's own."""
    dsn = new_database(str(conninfo_to_dict(backlog.system.dsn)["dbname"]))
    with copy_of(backlog, home, dsn) as world:
        yield world


@pytest.fixture
def kafka_one(home: Path, new_database: NewDatabase, broker: str) -> Iterator[World]:
    """The same backlog on a real broker."""
    with kafka_world(home, new_database("template1"), broker) as world:
        world.fill()
        yield world


def go_through(world: World, way: str, *planted: str) -> None:
    """The system comes to rest on its way."""
    world.to_rest(*planted)
    if way == LINKS:
        told = world.storyteller()
        told.link()
        world.to_rest(*planted)
        told.unlink()
        world.to_rest(*planted)
    elif way == REPLAYED:
        with world.process(*planted) as asked:
            asked.run("replay", "notifications")
        world.to_rest(*planted)


def catch(world: World, bug: Bug, feed: str, note: Note) -> None:
    """It is planted, and among the findings is what it must be found as."""
    if bug.needs is not None:
        world.to_rest(bug.name, bug.needs)
    go_through(world, bug.way, bug.name)
    persons = 0 if bug.needs == ERASURE else ALL
    findings = world.findings(bug.name, persons=persons)
    found = {f.kind for f in findings if f.invariant == bug.invariant}
    note("planted_bug", (bug.name, feed, told_of(findings)))
    ended = "\n".join(world.failures)
    assert found & bug.kinds, f"{bug.story} Found: {told_of(findings)}\n{ended}"


def told_of(findings: Iterable[Finding]) -> str:
    """How many of each kind."""
    counts = Counter(f"{finding.invariant} {finding.kind}" for finding in findings)
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items())) or "nothing"


def test_without_a_bug_nothing_is_found(copied: World) -> None:
    copied.to_rest(KILL)
    go_through(copied, LINKS, *(name for name in CIRCUMSTANCES if name not in (ERASURE, KILL)))
    go_through(copied, REPLAYED)
    assert copied.findings() == []


def test_nothing_is_stored_of_a_person_who_was_erased(copied: World) -> None:
    go_through(copied, REST, ERASURE)
    assert [f for f in copied.findings(persons=0) if f.invariant == "I11"] == []
    with psycopg.connect(copied.system.dsn) as conn:
        query = "select count(*) from dead_letter where code = 'record_erased'"
        refused = conn.execute(query).fetchone()
    assert refused is not None
    assert refused[0] > 0, "more came for those who were erased: there was something to refuse"


def bugs(feed: str) -> list[Any]:
    """All of them; those of the long run with its mark."""
    return [n if n in AT_ONCE[feed] else pytest.param(n, marks=pytest.mark.faults) for n in BUGS]


@pytest.mark.parametrize("name", bugs("embedded"))
def test_each_bug_is_caught_over_the_embedded_feed(
    copied: World, name: str, record_property: Note
) -> None:
    catch(copied, BUGS[name], "embedded", record_property)


@pytest.mark.kafka
@pytest.mark.parametrize("name", bugs("kafka"))
def test_each_bug_is_caught_over_kafka(kafka_one: World, name: str, record_property: Note) -> None:
    catch(kafka_one, BUGS[name], "kafka", record_property)


def test_every_bug_tells_what_it_does() -> None:
    assert len(BUGS) >= 15
    assert [bug.name for bug in BUGS.values() if not bug.story] == []
    crash_points = {b.needs for b in BUGS.values() if b.needs and ":" in b.needs}
    needed = {b.needs for b in BUGS.values() if b.needs} - crash_points
    assert needed == set(CIRCUMSTANCES), "each circumstance is what some bug needs"
