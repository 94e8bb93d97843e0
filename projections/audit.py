"""The lines of `histoire audit` about projections: every event of the log has reached its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ingest.eventstore import EventStore
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.access.tables import AccessTables
from projections.statistics.tables import StatisticsTables
from projections.timeline.tables import TimelineTables
from schemas.events import DOCUMENT_SUBMITTED, RECORD_ACCESSED
from schemas.policy.may_see import NEVER_LISTED

from .all_projections import PROJECTIONS
from .builds import Build, live_build

Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True, slots=True)
class ProjectionCheck:
    """One line of the audit. `detail` names the numbers of 20 records at most, and no person."""

    name: str
    expected: int
    found: int
    detail: str = ""

    @property
    def holds(self) -> bool:
        """True when both numbers are equal and there is no detail."""
        return self.expected == self.found and not self.detail


def timeline_audit(settings: Settings, *, at_end: bool) -> list[ProjectionCheck]:
    """All checks in one snapshot, each projection at its own checkpoint.

    `at_end`: a projection behind the end of the log does not balance (run `histoire project
    --until-idle` first). Without `at_end` a projection may be behind, but never beyond the end.
    Raises NotMigrated, the errors of the store, psycopg errors.
    """
    with (
        EventStore.open(settings) as store,
        connect(store_dsn(settings), application_name=f"{settings.instance}-audit") as conn,
        conn.transaction(),
        conn.cursor() as cursor,
    ):
        cursor.execute("set transaction isolation level repeatable read, read only")
        names = [projection.name for projection in PROJECTIONS]
        end = _number(cursor, "select coalesce(max(position), 0) from event")
        checks = [_position(cursor, name, end, at_end) for name in names]
        checks.append(_documents(cursor, store))
        checks.append(_accesses(cursor, store))
        checks.append(_figures(cursor, at_end))
    return checks


def _position(cursor: Cursor, name: str, end: int, at_end: bool) -> ProjectionCheck:
    position = live_build(cursor, name).position
    return ProjectionCheck(f"position of {name}", end if at_end else min(position, end), position)


def _documents(cursor: Cursor, store: EventStore) -> ProjectionCheck:
    """Documents of the log up to the checkpoint equal rows of the timeline, record by record."""
    build = live_build(cursor, "timeline")
    table = TimelineTables(build.number).document
    return _rows(cursor, store, "documents in timelines", build, DOCUMENT_SUBMITTED, table)


def _accesses(cursor: Cursor, store: EventStore) -> ProjectionCheck:
    """Accesses of the log up to the checkpoint equal traces, record by record."""
    build = live_build(cursor, "access")
    table = AccessTables(build.number).trace
    return _rows(cursor, store, "accesses in traces", build, RECORD_ACCESSED, table)


def _rows(
    cursor: Cursor, store: EventStore, name: str, build: Build, event: str, table: str
) -> ProjectionCheck:
    """Each event of this name up to the checkpoint has one row; erased records are left out."""
    rows = cursor.execute(
        f"with log as (select record, count(*) as events from event where name in"
        " (select id from event_name where name = %s) and position <= %s and record <> 0"
        f" group by record), rows as (select record, count(*) as rows from {table}"
        " group by record)"
        " select record, coalesce(log.events, 0), coalesce(rows.rows, 0)"
        " from log full join rows using (record)"
        " where log.events is distinct from rows.rows order by record".encode(),
        (event, build.position),
    ).fetchall()
    erased = store.erased(record for record, _, found in rows if found == 0)
    wrong = [(record, count, found) for record, count, found in rows if record not in erased]
    found = _number(cursor, f"select count(*) from {table}")
    expected = found + sum(count - found_there for _, count, found_there in wrong)
    numbers = ", ".join(str(record) for record, _, _ in wrong[:20])
    return ProjectionCheck(name, expected, found, f"records {numbers}" if wrong else "")


def _figures(cursor: Cursor, at_end: bool) -> ProjectionCheck:
    """Documents in figures equal documents on timelines without technical ones.

    Compared only while both projections stand at the same position.
    """
    timeline, statistics = live_build(cursor, "timeline"), live_build(cursor, "statistics")
    if timeline.position != statistics.position:
        apart = "timeline and statistics stand at different positions"
        if at_end:
            return ProjectionCheck("documents in figures", 0, 0, apart)
        return ProjectionCheck(f"documents in figures (not compared: {apart})", 0, 0)
    expected = _number(
        cursor,
        f"select count(*) from {TimelineTables(timeline.number).document}"
        " where type_code <> all(%s)",
        (sorted(NEVER_LISTED),),
    )
    cells = StatisticsTables(statistics.number).cell
    found = _number(cursor, f"select coalesce(sum(fed), 0) from {cells}")
    return ProjectionCheck("documents in figures", expected, found)


def _number(cursor: Cursor, query: str, parameters: Sequence[Any] = ()) -> int:
    row = cursor.execute(query.encode(), parameters).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])
