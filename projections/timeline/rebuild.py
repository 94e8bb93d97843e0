"""The timeline of all persons, built by several processes: a fold per person, a COPY per page.

Each process takes ranges of records. A record with links is put aside, since its person may have
records in another range. Persons with links are folded at the end from their own events (decision
0025).
"""

from __future__ import annotations

import gc
import multiprocessing
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

import psycopg

from ingest.eventstore import EventStore, RecordedEvent
from ingest.runtime.postgres.database import connect, store_dsn, transaction
from ingest.runtime.settings import Settings
from projections.events import check_known, events_of_records
from projections.persons import LINK_EVENTS, apply_link_events, persons_of
from projections.projection import EventLog

from .fold import PersonFold
from .live import events_of
from .tables import TimelineTables, encoded, encoded_record

RANGES_PER_WORKER: Final = 12
ROWS_PER_COPY: Final = 20_000
PAGE: Final = 5000


@dataclass(frozen=True, slots=True)
class RangeJob:
    """Records from `low` to below `high`, events up to `upto`, into the tables of `build`."""

    settings: Settings
    build: int
    low: int
    high: int
    upto: int


@dataclass(slots=True)
class RangeDone:
    """The result of a range. `events`: their number. `links`: link events. `linked`: records put
    aside.
    """

    events: int = 0
    links: list[RecordedEvent] = field(default_factory=list)
    linked: set[int] = field(default_factory=set)


def rebuild_timeline(
    settings: Settings, build: int, upto: int, workers: int, advance: Callable[[int], None]
) -> int:
    """The tables of `build`, empty before, hold the rows of all events up to position `upto`.

    Returns the number of events. `advance(count)` is called with the number of events done since.
    """
    with EventStore.open(settings) as store:
        jobs = _jobs(settings, build, upto, workers, store.reading.max_record())
        done = RangeDone()
        for part in _built(store, jobs, workers):
            done.events += part.events
            done.links += part.links
            done.linked |= part.linked
            advance(part.events)
        tables = TimelineTables(build)
        with _writing(settings, tables) as (cursor, writer):
            fold_linked(cursor, tables, writer, store.reading, upto, done)
    return done.events


def _built(store: EventStore, jobs: Sequence[RangeJob], workers: int) -> Iterator[RangeDone]:
    """The results of the ranges, in any order."""
    if workers == 1:
        gc.disable()
        try:
            yield from (build_range(store, job) for job in jobs)
        finally:
            gc.enable()
        return
    # Spawned: a forked child would share our sessions and copy our pages. The collector is off:
    # reference counts free the pages, and the collector would walk them for nothing (decision
    # 0039).
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool:
        yield from pool.imap_unordered(_build_in_worker, jobs)


@cache
def _store_of_worker(settings: Settings) -> EventStore:
    """One store per worker process, closed with it."""
    gc.disable()
    return EventStore.open(settings)


def _build_in_worker(job: RangeJob) -> RangeDone:
    return build_range(_store_of_worker(job.settings), job)


def build_range(store: EventStore, job: RangeJob) -> RangeDone:
    """Writes the persons of a range in one transaction. Records with links are put aside."""
    done = RangeDone()
    tables = TimelineTables(job.build)
    with _writing(job.settings, tables) as (_, writer):
        for page in store.reading.read_records(job.low, job.high, until=job.upto, page=PAGE):
            fold_page(page, writer, done)
    return done


class Writer:
    """Collects the rows of folded persons and copies many at once."""

    def __init__(self, cursor: psycopg.Cursor[Any], tables: TimelineTables) -> None:
        self._cursor: Final = cursor
        self._tables: Final = tables
        self._rows: list[bytes] = []
        self._records: list[bytes] = []

    def write(self, person: PersonFold) -> None:
        """The rows of this person will be in the tables after `flush`."""
        self._rows.extend(encoded(person.rows.values()))
        self._records.extend(map(encoded_record, person.records.values()))
        if len(self._rows) >= ROWS_PER_COPY:
            self.flush()

    def flush(self) -> None:
        """All rows given so far are in the tables."""
        self._tables.copy_encoded(self._cursor, self._rows, self._records)
        self._rows, self._records = [], []


@contextmanager
def _writing(
    settings: Settings, tables: TimelineTables
) -> Iterator[tuple[psycopg.Cursor[Any], Writer]]:
    """One transaction. All rows given to the writer are in the tables at its end."""
    with (
        connect(store_dsn(settings), application_name=f"{settings.instance}-replay") as conn,
        transaction(conn),
        conn.cursor() as cursor,
    ):
        conn.execute("set local synchronous_commit = off")  # an incomplete build is dropped
        writer = Writer(cursor, tables)
        yield cursor, writer
        writer.flush()


def fold_page(page: Sequence[RecordedEvent], writer: Writer, done: RangeDone) -> None:
    """Writes the persons of a page of whole records. Records with links are put aside."""
    done.events += len(page)
    at, end = 0, len(page)
    while at < end:
        record, begin = page[at].record, at
        linked = False
        while at < end and page[at].record == record:
            linked = linked or page[at].name in LINK_EVENTS
            at += 1
        if linked:
            done.linked.add(record)
            done.links += [event for event in page[begin:at] if event.name in LINK_EVENTS]
            continue
        person = PersonFold()
        events = events_of_records(page[begin:at])
        check_known(events)
        for event in events:
            person.apply(event)
        writer.write(person)


def fold_linked(
    cursor: psycopg.Cursor[Any],
    tables: TimelineTables,
    writer: Writer,
    log: EventLog,
    upto: int,
    done: RangeDone,
) -> None:
    """Writes the links, and the records put aside, person by person."""
    edges: set[tuple[int, int]] = set()
    links = events_of_records(done.links)
    apply_link_events(edges, sorted(links, key=lambda event: event.position))
    tables.persons.replace_all(cursor, edges)
    person_of = persons_of(edges)
    by_person: dict[int, list[int]] = defaultdict(list)
    for record in sorted(done.linked):
        by_person[person_of.get(record, record)].append(record)
    for records in by_person.values():
        person = PersonFold()
        for event in events_of(log, records, upto):
            person.apply(event)
        writer.write(person)


def _jobs(
    settings: Settings, build: int, upto: int, workers: int, max_record: int
) -> list[RangeJob]:
    count = min(max(1, max_record), workers * RANGES_PER_WORKER)
    bounds = [1 + max_record * n // count for n in range(count + 1)]
    return [
        RangeJob(settings, build, low, high, upto) for low, high in pairwise(bounds) if low < high
    ]
