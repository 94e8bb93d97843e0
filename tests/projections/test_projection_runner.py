"""The runner: rows and checkpoint together, one owner, a fence, halting, erasure in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from ingest.eventstore import EventStore
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections import ProjectionCheck, remove_erased_from_projections, timeline_audit
from projections.builds import live_build
from projections.events import events_of_records
from projections.live.loop import ProjectionLoop
from projections.live.runner import CheckpointMoved, Halted, NotOwner, Runner
from projections.live.subscription import Subscription
from projections.timeline.live import Timeline
from projections.timeline.tables import TimelineTables
from schemas.forms.stream_ids import document_stream
from tests.projections.builds import ListedLog
from tests.projections.given import Log
from tests.projections.stores import append, append_all, make_records, project


def history(people: int = 5) -> Log:
    log = Log()
    for record in range(1, people + 1):
        log.opened(record)
        for n in range(4):
            log.submitted(f"1.{record}.{n}", record, invisiblePatient=n == 3)
        log.submitted(f"1.{record}.9", record, replaces=f"1.{record}.0")
        log.replaced(f"1.{record}.0", f"1.{record}.9", record)
        log.archived(f"1.{record}.1", record)
    return log


def rows(conn: psycopg.Connection[Any]) -> int:
    with conn.cursor() as cursor:
        table = TimelineTables(live_build(cursor, "timeline").number).document
        row = cursor.execute(f"select count(*) from {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


def runner(settings: Settings, store: EventStore, conn: psycopg.Connection[Any]) -> Runner:
    return Runner(
        Timeline(), conn, store.reading, Subscription(store.reading, settings.projection_batch)
    )


def test_all_projections_reach_the_end_and_the_audit_holds(
    settings: Settings, store: EventStore
) -> None:
    make_records(store, 5)
    append_all(store, history().events, size=7)
    done = project(settings)
    assert set(done.positions.values()) == {store.reading.max_position()}
    checks = timeline_audit(settings, at_end=True)
    assert len(checks) == 7
    assert all(check.holds for check in checks), checks
    assert {check.name: check.found for check in checks}["documents in timelines"] == 25


def test_the_audit_finds_what_is_missing_behind_or_too_much(
    settings: Settings, store: EventStore
) -> None:
    make_records(store, 5)
    events = history().events
    append_all(store, events[:20], size=20)
    project(settings)
    with connect(store_dsn(settings), application_name="test") as conn:
        table = TimelineTables(live_build(conn.cursor(), "timeline").number).document
        conn.execute(f"delete from {table} where record = 2".encode())
    broken = {check.name: check for check in audited(settings) if not check.holds}
    assert broken["documents in timelines"].detail == "records 2"
    assert "documents in figures" in broken
    bases = {event.stream: event.version for event in events[:20]}
    append(store, events[20:], bases)
    behind = [check.name for check in audited(settings) if not check.holds]
    assert "position of timeline" in behind


def audited(settings: Settings) -> list[ProjectionCheck]:
    return timeline_audit(settings, at_end=True)


def test_while_events_still_come_each_projection_is_judged_where_it_stands(
    settings: Settings, store: EventStore
) -> None:
    make_records(store, 5)
    events = history().events
    bases: dict[bytes, int] = {}
    append(store, events[:20], bases)
    project(settings)
    append(store, events[20:], bases)
    assert [check for check in timeline_audit(settings, at_end=False) if not check.holds] == []
    project(settings, [Timeline()])
    apart = timeline_audit(settings, at_end=False)
    assert [check for check in apart if not check.holds] == []
    assert "not compared" in apart[-1].name
    assert "documents in figures" in {c.name for c in audited(settings) if not c.holds}
    with connect(store_dsn(settings), application_name="test") as conn:
        table = TimelineTables(live_build(conn.cursor(), "timeline").number).document
        conn.execute(f"delete from {table} where record = 2".encode())
        conn.execute("update projection.build set position = 10000 where projection = 'statistics'")
    broken = {check.name for check in timeline_audit(settings, at_end=False) if not check.holds}
    assert broken == {"documents in timelines", "position of statistics"}


def test_a_projection_has_one_owner(settings: Settings, store: EventStore) -> None:
    with (
        connect(store_dsn(settings), application_name="one") as one,
        connect(store_dsn(settings), application_name="two") as two,
    ):
        runner(settings, store, one).own()
        with pytest.raises(NotOwner):
            runner(settings, store, two).own()
        one.close()
        for _ in range(100):  # the server frees the lock when it notices
            try:
                runner(settings, store, two).own()
                break
            except NotOwner:
                StopSignal().wait(0.02)
        else:
            pytest.fail("the lock of a dead owner was never freed")


def test_a_runner_that_lost_its_lock_writes_nothing(settings: Settings, store: EventStore) -> None:
    """The compare-and-set is the fence; the lock only saves work."""
    make_records(store, 5)
    append_all(store, history().events)
    with (
        connect(store_dsn(settings), application_name="one") as one,
        connect(store_dsn(settings), application_name="two") as two,
    ):
        stale, other = runner(settings, store, one), runner(settings, store, two)
        stale.own()
        while other.step():
            pass
        before = rows(two)
        with pytest.raises(CheckpointMoved):
            stale.step()
        assert rows(two) == before == 25
        assert stale.step() == 0, "it read the checkpoint again and has nothing to do"


@pytest.mark.parametrize("batch", [1, 3, 2000])
def test_it_halts_before_a_bad_event_and_others_go_on(
    settings: Settings, store: EventStore, batch: int
) -> None:
    make_records(store, 2)
    log = Log()
    log.submitted("1.1", 1)
    log.submitted("1.2", 1)
    log.archived("7.7", 2)  # of a document that was never submitted
    log.submitted("1.3", 1)
    append_all(store, log.events)
    given = settings.model_copy(update={"projection_batch": batch})
    done = project(given)
    bad = next(e for e in store.reading.read_after(0, 10) if e.stream == document_stream("7.7"))
    assert done.halted == [
        f"projection timeline halted before the event at position {bad.position}: its document was"
        " never submitted"
    ]
    end = store.reading.max_position()
    assert done.positions == {
        "timeline": bad.position - 1,
        "notifications": end,
        "statistics": end,
        "access": end,
    }
    with connect(store_dsn(settings), application_name="test") as conn:
        assert rows(conn) == 2
        again = runner(given, store, conn)
        for _ in range(2):
            with pytest.raises(Halted):
                again.step()


def test_an_erasure_between_reading_and_writing_leaves_nothing(
    settings: Settings, store: EventStore
) -> None:
    make_records(store, 5)
    append_all(store, history().events)
    with connect(store_dsn(settings), application_name="test") as conn:
        full = len(store.reading.read_after(0, 1000))  # a full page is not read again
        late = runner(settings.model_copy(update={"projection_batch": full}), store, conn)
        page = late._subscription.page_after(0)  # read and opened before the erasure
        assert page is not None
        assert not page.events[0].erased
        store.erase(3)
        remove_erased_from_projections(store_dsn(settings), store, [3])
        while late.step():
            pass
        assert rows(conn) == 20
    project(settings)
    assert all(check.holds for check in audited(settings))


def test_forgetting_takes_a_person_out_of_every_projection(
    settings: Settings, store: EventStore
) -> None:
    make_records(store, 5)
    append_all(store, history().events)
    project(settings)
    store.erase(2)
    remove_erased_from_projections(store_dsn(settings), store, [2])
    remove_erased_from_projections(store_dsn(settings), store, [2])
    assert all(check.holds for check in audited(settings))
    with connect(store_dsn(settings), application_name="test") as conn:
        assert rows(conn) == 20
        tables = conn.execute(
            "select c.table_schema || '.' || c.table_name from information_schema.columns c"
            " where c.table_schema = 'projection' and c.column_name = 'record'"
            " and c.table_name <> 'forgotten'"
        ).fetchall()
        assert len(tables) >= 9
        for (table,) in tables:
            left = conn.execute(f"select count(*) from {table} where record = 2".encode())
            assert left.fetchone() == (0,), table


def test_a_stop_ends_the_loop_between_batches(settings: Settings, store: EventStore) -> None:
    make_records(store, 5)
    append_all(store, history().events)
    stop = StopSignal()
    small = settings.model_copy(update={"projection_batch": 2})

    def stop_after_some(done: int, _: int) -> None:
        if done:
            stop.set()

    loop = ProjectionLoop(small, [Timeline()], stop, on_batch=stop_after_some)
    done = loop.run()
    assert 0 < done.positions["timeline"] < store.reading.max_position()
    assert project(settings).positions["timeline"] == store.reading.max_position()


def test_an_event_of_a_newer_program_halts_it(settings: Settings) -> None:
    log = Log()
    log.submitted("1.1", 1)
    odd = replace(log.submitted("1.2", 1), name="document_translated")
    listed = ListedLog([log.events[0], odd])
    with connect(store_dsn(settings), application_name="test") as conn:
        halting = Runner(Timeline(), conn, listed, Subscription(listed, 100))
        assert halting.step() == 1
        with pytest.raises(Halted, match="newer version") as halt:
            halting.step()
        assert halt.value.position == odd.position
        assert halting.position == log.events[0].position


def test_events_of_the_library_are_not_ours(store: EventStore) -> None:
    make_records(store, 1)
    append_all(store, history(1).events)
    ours = store.reading.read_after(0, 100)
    foreign = [replace(ours[0], name="library:Something", record=0)]
    assert len(events_of_records([*ours, *foreign])) == len(ours)
