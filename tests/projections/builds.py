"""Builds for tests: a fresh set of tables, events applied in any split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from ingest.eventstore.append_batch import RecordedEvent
from projections.builds import new_build
from projections.events import events_of_records
from projections.projection import Projection


@dataclass
class ListedLog:
    """An event log that is a list, for tests that need no store."""

    events: Sequence[RecordedEvent]

    def read_after(self, position: int, limit: int) -> list[RecordedEvent]:
        return [e for e in self.events if e.position > position][:limit]

    def read_record(self, record: int) -> list[RecordedEvent]:
        return [e for e in self.events if e.record == record]

    def max_position(self) -> int:
        return max((e.position for e in self.events), default=0)


_idle: dict[tuple[str, str], list[int]] = {}


@contextmanager
def fresh_build(conn: psycopg.Connection[Any], projection: Projection) -> Iterator[int]:
    """The number of a build that is empty; its tables are emptied and used again afterwards."""
    cursor = conn.cursor()
    idle = _idle.setdefault((conn.info.dbname, projection.name), [])
    if not idle:
        idle.append(new_build(cursor, projection, indexes=True, complete=False))
    number = idle.pop()
    try:
        yield number
    finally:
        for table in projection.table_names(number):
            if not table.endswith("_rule"):
                cursor.execute(f"delete from {table}".encode())
        idle.append(number)


def apply_in_batches(
    conn: psycopg.Connection[Any],
    projection: Projection,
    build: int,
    events: Sequence[RecordedEvent],
    sizes: Sequence[int],
    *,
    twice: bool = False,
) -> None:
    """Apply all events, in batches of these sizes in turn, each in its transaction."""
    log = ListedLog(events)
    at, turn = 0, 0
    while at < len(events):
        size = max(1, sizes[turn % len(sizes)]) if sizes else len(events)
        batch = [e for e in events[at : at + size] if e.name in projection.takes]
        for _ in range(2 if twice else 1):
            with conn.transaction(), conn.cursor(binary=True) as cursor:
                projection.apply(cursor, build, log, events_of_records(batch))
        at, turn = at + size, turn + 1
