"""Replay: proven equal, switched, taken back; differences found; killed and begun anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from ingest.eventstore import EventStore, RecordedEvent
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings, variable
from projections import PROJECTIONS, remove_erased_from_projections
from projections.builds import REPLAY_LOCKS, all_builds, live_build
from projections.notifications.live import Notifications
from projections.persons import PersonTables
from projections.replay import Replay, ReplayImpossible
from projections.statistics.live import Statistics
from projections.timeline import rebuild
from projections.timeline.live import Timeline
from projections.timeline.tables import TimelineTables
from tests.projections.builds import ListedLog, apply_in_batches, fresh_build
from tests.projections.given import Log
from tests.projections.histories import histories
from tests.projections.stores import append, append_all, make_records, project
from tests.projections.timeline.test_timeline_live import stored


class Quiet:
    """A report nobody reads."""

    def stage(self, description: str, total: int | None) -> None: ...

    def advance(self, count: int) -> None: ...


def history(people: int = 40) -> Log:
    log = Log()
    for record in range(1, people + 1):
        log.opened(record)
        for n in range(3):
            log.submitted(f"1.{record}.{n}", record, invisiblePatient=n == 2)
        log.submitted(f"1.{record}.9", record, replaces=f"1.{record}.0")
        log.replaced(f"1.{record}.0", f"1.{record}.9", record)
    log.linked(1, people)  # a person over the first and the last range of records
    log.submitted("2.1", people, replaces="1.1.1")
    log.replaced("1.1.1", "2.1", 1)
    log.linked(3, 4)
    log.unlinked(3, 4)
    return log


@pytest.fixture
def filled(settings: Settings, store: EventStore) -> Settings:
    make_records(store, 40)
    append_all(store, history().events, size=50)
    project(settings)
    return settings


def live(settings: Settings, name: str) -> int:
    with connect(store_dsn(settings), application_name="test") as conn:
        return live_build(conn.cursor(), name).number


def builds(settings: Settings, name: str) -> list[int]:
    with connect(store_dsn(settings), application_name="test") as conn:
        return [build.number for build in all_builds(conn.cursor(), name)]


def test_the_timeline_is_proven_equal_switched_and_taken_back(
    filled: Settings, store: EventStore
) -> None:
    result = Replay(filled, Timeline(), Quiet()).run(workers=2)
    assert (result.build, result.previous, result.switched) == (2, 1, True)
    assert result.events == store.reading.max_position() == result.position
    assert (result.comparison.compared, result.comparison.differing) == (39, 0)
    assert live(filled, "timeline") == 2
    append(store, [_one_more(41, 1)], {})
    project(filled)
    back = Replay(filled, Timeline(), Quiet()).back()
    assert (back.number, back.position) == (1, store.reading.max_position())
    assert live(filled, "timeline") == 1
    with connect(store_dsn(filled), application_name="test") as conn:
        assert stored(conn, 1) == stored(conn, 2), "caught up before it served again"


def _one_more(number: int, record: int) -> RecordedEvent:
    return Log().submitted(f"5.{number}", record)


def test_the_figures_are_proven_equal(filled: Settings) -> None:
    result = Replay(filled, Statistics(), Quiet()).run()
    assert result.switched
    assert result.comparison.differing == 0
    assert result.comparison.compared >= 3


def test_notifications_are_never_rebuilt(filled: Settings) -> None:
    with pytest.raises(ReplayImpossible, match="nobody is told twice"):
        Replay(filled, Notifications(), Quiet())


def test_there_is_no_way_back_before_a_replay(filled: Settings) -> None:
    with pytest.raises(ReplayImpossible, match="no earlier build"):
        Replay(filled, Timeline(), Quiet()).back()


def test_differences_are_told_by_person_and_do_not_serve(filled: Settings) -> None:
    with connect(store_dsn(filled), application_name="test") as conn:
        table = TimelineTables(1).document
        conn.execute(f"update {table} set title = 'other' where record in (7, 40)".encode())
    result = Replay(filled, Timeline(), Quiet()).run(workers=1)
    assert not result.switched
    assert result.comparison.differing == 2
    assert result.comparison.keys == ["person 1", "person 7"], "40 is linked to 1"
    assert live(filled, "timeline") == 1
    assert builds(filled, "timeline") == [1], "the one that differs is dropped"
    accepted = Replay(filled, Timeline(), Quiet()).run(workers=1, accept_differences=True)
    assert accepted.switched
    assert live(filled, "timeline") == accepted.build


def test_only_the_build_before_is_kept(filled: Settings) -> None:
    for expected in ([1, 2], [2, 3]):
        Replay(filled, Timeline(), Quiet()).run(workers=1)
        assert builds(filled, "timeline") == expected
    Replay(filled, Timeline(), Quiet()).run(workers=1, keep=True)
    assert builds(filled, "timeline") == [2, 3, 4]


def test_the_live_one_goes_on_meanwhile(filled: Settings, store: EventStore) -> None:
    """Events come and are projected while the new build is made: it has them when it serves."""

    class Busy(Quiet):
        done = False

        def stage(self, description: str, total: int | None) -> None:
            if description.endswith(("indexes", "compare")):
                number = 100 if description.endswith("indexes") else 101
                append(store, [_one_more(number, 5)], {})
                project(filled)

    result = Replay(filled, Timeline(), Busy()).run(workers=1)
    assert result.switched
    with connect(store_dsn(filled), application_name="test") as conn:
        assert live_build(conn.cursor(), "timeline").position == store.reading.max_position()
        assert stored(conn, 1) == stored(conn, 2)


def test_whoever_is_erased_meanwhile_is_not_brought_back(
    filled: Settings, store: EventStore
) -> None:
    class Erasing(Quiet):
        def stage(self, description: str, total: int | None) -> None:
            if description.endswith("indexes"):
                store.erase(8)
                remove_erased_from_projections(store_dsn(filled), store, [8])

    for projection in (Timeline(), Statistics()):
        result = Replay(filled, projection, Erasing()).run(workers=1)
        assert result.switched, result.comparison
    with connect(store_dsn(filled), application_name="test") as conn:
        rows, _ = stored(conn, live(filled, "timeline"))
        assert 8 not in {row.record for row in rows.values()}


def test_one_replay_at_a_time(filled: Settings) -> None:
    with connect(store_dsn(filled), application_name="test") as conn:
        conn.execute("select pg_advisory_lock(%s, hashtext('timeline'))", (REPLAY_LOCKS,))
        with pytest.raises(ReplayImpossible, match="another process"):
            Replay(filled, Timeline(), Quiet()).run()


_KILLED = """
import os, signal
from ingest.runtime.settings import Settings
from projections.replay import Replay
from projections.timeline.live import Timeline
class Deadly:
    def stage(self, description, total):
        if description.endswith({stage!r}):
            os.kill(os.getpid(), signal.SIGKILL)
    def advance(self, count):
        if {stage!r} == "rows":
            os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    Replay(Settings.load(), Timeline(), Deadly()).run(workers=1)
"""


@pytest.mark.parametrize("stage", ["rows", "indexes", "compare"])
def test_killed_in_the_middle_the_old_build_serves_and_the_next_begins_anew(
    filled: Settings, stage: str
) -> None:
    environ = {
        **os.environ,
        variable("home"): str(filled.home),
        variable("database_dsn"): store_dsn(filled),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED.format(stage=stage)], env=environ, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert live(filled, "timeline") == 1
    assert builds(filled, "timeline") == [1, 2], "half made"
    result = _run_when_the_dead_are_gone(filled)
    assert result.switched
    assert builds(filled, "timeline") == [1, result.build]


def _run_when_the_dead_are_gone(settings: Settings) -> Any:
    for _ in range(100):
        try:
            return Replay(settings, Timeline(), Quiet()).run(workers=1)
        except ReplayImpossible:  # the server has not noticed yet
            time.sleep(0.05)
    return pytest.fail("the lock of the killed replay was never freed")


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=histories())
def test_the_rebuild_by_records_equals_the_live_rows(
    connection: psycopg.Connection[Any], events: list[RecordedEvent]
) -> None:
    """Any history: pages by record, linked persons at the end, against batches by position."""
    with (
        fresh_build(connection, Timeline()) as one,
        fresh_build(connection, Timeline()) as two,
    ):
        apply_in_batches(connection, Timeline(), one, events, [5])
        tables = TimelineTables(two)
        with connection.transaction(), connection.cursor(binary=True) as cursor:
            done = rebuild.RangeDone()
            writer = rebuild.Writer(cursor, tables)
            ordered = sorted(events, key=lambda event: (event.record, event.position))
            rebuild.fold_page(ordered, writer, done)
            rebuild.fold_linked(cursor, tables, writer, ListedLog(events), 10**9, done)
            writer.flush()
        assert stored(connection, two) == stored(connection, one)
        assert _persons(connection, one) == _persons(connection, two)


def _persons(conn: psycopg.Connection[Any], build: int) -> list[Any]:
    tables: PersonTables = TimelineTables(build).persons
    return [
        sorted(conn.execute(f"select * from {table}".encode()).fetchall()) for table in tables.names
    ]


def test_every_projection_is_known_by_name() -> None:
    assert [projection.name for projection in PROJECTIONS] == [
        "timeline",
        "notifications",
        "statistics",
        "access",
    ]
