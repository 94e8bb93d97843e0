"""The live timeline equals the fold of each person's events, however the log is cut."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.eventstore.append_batch import RecordedEvent
from projections.events import events_of_records
from projections.persons import LINK_EVENTS, apply_link_events, persons_of
from projections.timeline.compare import compare_builds
from projections.timeline.fold import fold_person
from projections.timeline.live import Timeline
from projections.timeline.row import RecordRow, TimelineRow
from projections.timeline.tables import RECORD_COLUMNS, TimelineTables, select_list
from schemas.events import DocumentStatus
from schemas.forms.stream_ids import document_stream
from tests.projections.builds import ListedLog, apply_in_batches, fresh_build
from tests.projections.given import Log
from tests.projections.histories import RECORDS, erased, histories

Rows = dict[bytes, TimelineRow]
Records = dict[int, RecordRow]
sizes = st.lists(st.integers(1, 8), min_size=1, max_size=4)
PERSISTENT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def folded(events: list[RecordedEvent]) -> tuple[Rows, Records]:
    """The oracle: who is who from the links, then one pure fold per person."""
    opened = events_of_records(events)
    edges: set[tuple[int, int]] = set()
    apply_link_events(edges, (e for e in opened if e.name in LINK_EVENTS))
    person_of = persons_of(edges)
    by_person = defaultdict(list)
    for event in opened:
        by_person[person_of.get(event.record, event.record)].append(event)
    states = [fold_person(his) for his in by_person.values()]
    rows = {stream: row for state in states for stream, row in state.rows.items()}
    records = {number: row for state in states for number, row in state.records.items()}
    return rows, records


def stored(conn: psycopg.Connection[Any], build: int) -> tuple[Rows, Records]:
    tables = TimelineTables(build)
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(f"select {select_list()} from {tables.document}").fetchall()
        records = cursor.execute(
            f"select {', '.join(RECORD_COLUMNS)} from {tables.record}"
        ).fetchall()
    return {row[0]: TimelineRow(*row) for row in rows}, {r[0]: RecordRow(*r) for r in records}


@PERSISTENT
@given(events=histories(), sizes=sizes, twice=st.booleans())
def test_any_split_equals_the_fold(
    connection: psycopg.Connection[Any],
    events: list[RecordedEvent],
    sizes: list[int],
    twice: bool,
) -> None:
    with fresh_build(connection, Timeline()) as build:
        apply_in_batches(connection, Timeline(), build, events, sizes, twice=twice)
        assert stored(connection, build) == folded(events)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("undone", [False, True])
def test_a_link_and_its_undoing_change_what_replaced_what(
    connection: psycopg.Connection[Any], size: int, undone: bool
) -> None:
    """Documents of two records that replace each other, linked only after both are there."""
    log = Log()
    log.submitted("1.1", 1)
    log.submitted("1.2", 2, replaces="1.1", visibilityOnly=True)
    log.replaced("1.1", "1.2", 1)
    log.linked(1, 2)
    if undone:
        log.unlinked(1, 2)
    log.submitted("1.3", 2, replaces="1.2")
    with fresh_build(connection, Timeline()) as build:
        apply_in_batches(connection, Timeline(), build, log.events, [size])
        rows, _ = stored(connection, build)
        assert (rows, _) == folded(log.events)
    first, second = document_stream("1.1"), document_stream("1.2")
    root = second if undone else first
    assert [row.lineage for row in rows.values() if row.stream != first] == [root, root]
    assert rows[first].status == (DocumentStatus.APPROVED if undone else DocumentStatus.DEPRECATED)


@PERSISTENT
@given(events=histories(), record=st.sampled_from(RECORDS), late=st.booleans())
def test_what_is_erased_folds_to_nothing(
    connection: psycopg.Connection[Any], events: list[RecordedEvent], record: int, late: bool
) -> None:
    """Erased before it was read, or forgotten after: the same rows, none of them his."""
    after = erased(events, record)
    with fresh_build(connection, Timeline()) as build:
        apply_in_batches(connection, Timeline(), build, events if late else after, [3])
        if late:
            log = ListedLog(after)
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                Timeline().forget(cursor, build, log, [record], log.max_position())
        rows, records = stored(connection, build)
        assert all(row.record != record for row in rows.values())
        if late:  # the links of the other side are known as they were
            assert rows == _folded_with_links_of(events, after)
        assert record not in records


def _folded_with_links_of(events: list[RecordedEvent], after: list[RecordedEvent]) -> Rows:
    edges: set[tuple[int, int]] = set()
    apply_link_events(edges, (e for e in events_of_records(events) if e.name in LINK_EVENTS))
    person_of = persons_of(edges)
    by_person = defaultdict(list)
    for event in events_of_records(after):
        by_person[person_of.get(event.record, event.record)].append(event)
    return {
        stream: row for his in by_person.values() for stream, row in fold_person(his).rows.items()
    }


@PERSISTENT
@given(events=histories(), other=histories(max_size=6))
def test_comparison_finds_every_difference_and_no_other(
    connection: psycopg.Connection[Any],
    events: list[RecordedEvent],
    other: list[RecordedEvent],
) -> None:
    with (
        fresh_build(connection, Timeline()) as one,
        fresh_build(connection, Timeline()) as two,
        fresh_build(connection, Timeline()) as three,
    ):
        apply_in_batches(connection, Timeline(), one, events, [4])
        apply_in_batches(connection, Timeline(), two, events, [7])
        apply_in_batches(connection, Timeline(), three, other, [7])
        with connection.transaction(), connection.cursor() as cursor:
            assert compare_builds(cursor, one, two).differing == 0
            differing = compare_builds(cursor, one, three).differing
        assert (differing == 0) == (stored(connection, one) == stored(connection, three))
