"""The national figures equal a count over the whole log, under any cut and after erasures."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.eventstore.append_batch import RecordedEvent
from projections.events import events_of_records
from projections.statistics.live import Statistics
from projections.statistics.tables import StatisticsTables
from schemas.policy.may_see import NEVER_LISTED
from tests.projections.builds import ListedLog, apply_in_batches, fresh_build
from tests.projections.histories import RECORDS, erased, histories

PERSISTENT = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Cells = dict[tuple[str, str, str], tuple[int, int, int, int]]


def counted(events: list[RecordedEvent]) -> tuple[Cells, dict[int, int]]:
    """The oracle: one pass, no batches, no contributions."""
    cell: dict[bytes, tuple[str, str, str]] = {}
    replaced: set[bytes] = set()
    deleted: set[bytes] = set()
    bits: dict[int, set[int]] = {bit: set() for bit in (1, 2, 4, 8, 16)}
    for event in events_of_records(events):
        if event.erased:
            continue
        document = event.datum.get("document") if event.name == "document_submitted" else None
        if document is not None and document["typeCode"] not in NEVER_LISTED:
            act = document["serviceStartTime"]
            cell[event.stream] = (
                document["healthcareFacilityTypeCode"],
                document["typeCode"],
                f"{act[:4]}-{act[4:6]}",
            )
            bits[4].add(event.record)
        elif event.name == "document_replaced" and event.stream in cell:
            replaced.add(event.stream)
        elif event.name == "document_deleted" and event.stream in cell:
            deleted.add(event.stream)
        elif event.name == "record_opened":
            bits[1].add(event.record)
            bits[8].discard(event.record)
        elif event.name == "record_activated":
            bits[2].add(event.record)
        elif event.name == "record_closed":
            bits[8].add(event.record)
        elif event.name == "record_opposed":
            bits[16].add(event.record)
    fed = Counter(cell.values())
    cells = {
        key: (
            fed[key],
            sum(cell[s] == key for s in replaced),
            sum(cell[s] == key for s in deleted),
            sum(k == key and s not in replaced | deleted for s, k in cell.items()),
        )
        for key in fed
    }
    return cells, {bit: len(records) for bit, records in bits.items() if records}


def stored(conn: psycopg.Connection[Any], build: int) -> tuple[Cells, dict[int, int]]:
    tables = StatisticsTables(build)
    rows = conn.execute(
        "select sector, type_code, month, fed, replaced, deleted, current"
        f" from {tables.cell} where fed <> 0"
    ).fetchall()
    totals = conn.execute(
        f"select figure, records from {tables.total} where records <> 0"
    ).fetchall()
    return {row[:3]: row[3:] for row in rows}, dict(totals)


@PERSISTENT
@given(
    events=histories(),
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    twice=st.booleans(),
)
def test_any_cut_counts_the_same(
    connection: psycopg.Connection[Any],
    events: list[RecordedEvent],
    sizes: list[int],
    twice: bool,
) -> None:
    with fresh_build(connection, Statistics()) as build:
        apply_in_batches(connection, Statistics(), build, events, sizes, twice=twice)
        assert stored(connection, build) == counted(events)


@PERSISTENT
@given(events=histories(), record=st.sampled_from(RECORDS), late=st.booleans())
def test_erased_persons_are_subtracted(
    connection: psycopg.Connection[Any], events: list[RecordedEvent], record: int, late: bool
) -> None:
    """Whether erased before it was counted or after: a rebuild equals the live figures."""
    after = erased(events, record)
    with fresh_build(connection, Statistics()) as build:
        apply_in_batches(connection, Statistics(), build, events if late else after, [3])
        if late:
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                Statistics().forget(cursor, build, ListedLog(after), [record], 0)
        assert stored(connection, build) == counted(after)
