"""Runs one projection: rows and checkpoint in one transaction, one owner, halting on bad events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import psycopg

from ingest.eventstore import RecordedEvent
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock, SystemClock
from ingest.runtime.metrics import Metrics
from ingest.runtime.postgres.arrays import Int8Array
from ingest.runtime.postgres.database import transaction, transaction_timeouts
from projections.builds import OWNER_LOCKS, Build, advance, hold_live, live_build
from projections.events import EventNotApplicable, check_known
from projections.projection import EventLog, Projection
from schemas.codec.messages import StoredEventError

from .subscription import Page, Subscription

Connection = psycopg.Connection[tuple[Any, ...]]

BATCH_SECONDS: Final = 60.0
"""Timeout of the transaction of a batch. A frozen process blocks others for no longer."""

_OF_THE_EVENT: Final = (
    EventNotApplicable,
    StoredEventError,
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
)


class Halted(Exception):
    """The projection stands before an event that it cannot apply. Other projections go on."""

    def __init__(self, projection: str, position: int, reason: str) -> None:
        super().__init__(
            f"projection {projection} halted before the event at position {position}: {reason}"
        )
        self.projection = projection
        self.position = position
        self.reason = reason


class NotOwner(Exception):
    """Another process runs this projection."""

    def __init__(self, projection: str) -> None:
        super().__init__(f"projection {projection} is run by another process")


class CheckpointMoved(Exception):
    """Another process moved the checkpoint. Nothing was written; the next step reads it again."""


class OtherVersion(Exception):
    """The live build was made by another version of the projection."""

    def __init__(self, projection: str) -> None:
        super().__init__(
            f"the tables of projection {projection} were made by another version of this program:"
            f" run `histoire replay {projection}`"
        )


class Runner:
    """Keeps one projection up to date on a connection of its own."""

    def __init__(
        self,
        projection: Projection,
        conn: Connection,
        log: EventLog,
        subscription: Subscription,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.projection: Final = projection
        self._conn: Final = conn
        self._log: Final = log
        self._subscription: Final = subscription
        self._metrics: Final = metrics
        self._clock: Final = clock or SystemClock()
        self._one_by_one = 0
        self._build: Build | None = None

    def own(self) -> None:
        """This process alone runs the projection for as long as its session lives.

        Raises NotOwner, NotMigrated, OtherVersion.
        """
        name = self.projection.name
        row = self._conn.execute(
            "select pg_try_advisory_lock(%s, hashtext(%s))", (OWNER_LOCKS, name)
        ).fetchone()
        if row is None or not row[0]:
            raise NotOwner(name)
        self._build = self._read_build()
        if self._metrics is not None:  # series exist before the first event and the first error
            self._metrics.projection_position.labels(name).set(self.position)
            self._metrics.projection_events.labels(name)
            self._metrics.projection_errors.labels(name)

    @property
    def position(self) -> int:
        """Position of the last event applied."""
        return 0 if self._build is None else self._build.position

    @property
    def recorded_at(self) -> datetime | None:
        """When the last event applied was recorded."""
        return None if self._build is None else self._build.recorded_at

    def step(self) -> int:
        """Applies the next batch. Returns the number of its events, 0 at the end of the log.

        Raises Halted (at every call until the cause is gone), CheckpointMoved, OtherVersion.
        """
        build = self._build = self._build or self._read_build()
        page = self._next_page(build)
        if page is None:
            return 0
        begin = self._clock.monotonic()
        try:
            self._apply(build, page)
        except _OF_THE_EVENT as error:
            self._count_error()
            if page.count > 1:
                self._one_by_one = page.count
                return self.step()  # one by one: commits the events before the bad one
            self._one_by_one = 1
            raise Halted(self.projection.name, page.last, _reason(error)) from error
        self._one_by_one = max(0, self._one_by_one - 1)
        self._observe(page, self._clock.monotonic() - begin)
        return page.count

    def _next_page(self, build: Build) -> Page | None:
        if self._one_by_one:
            return self._subscription.read_after(build.position, 1)
        return self._subscription.page_after(build.position)

    def _apply(self, build: Build, page: Page) -> None:
        check_known(page.events)
        events = [event for event in page.events if event.name in self.projection.takes]
        moved = None
        with transaction(self._conn), self._conn.cursor(binary=True) as cursor:
            transaction_timeouts(self._conn, BATCH_SECONDS)
            if hold_live(cursor, build.projection) != build.number:
                self._build = None
                moved = "another build serves now"
            elif not advance(cursor, build, page.last, page.recorded_at):
                self._build = None
                moved = "another process moved the checkpoint"
            else:
                crash_point("rows_due")
                withhold_forgotten(cursor, events)
                self.projection.apply(cursor, build.number, self._log, events)
                crash_point("rows_written")
        if moved is not None:
            raise CheckpointMoved(f"projection {build.projection}: {moved}")
        crash_point("checkpoint_committed")
        self._build = replace(build, position=page.last, recorded_at=page.recorded_at)

    def _read_build(self) -> Build:
        with self._conn.cursor() as cursor:
            build = live_build(cursor, self.projection.name)
        if build.version != self.projection.version:
            raise OtherVersion(self.projection.name)
        return build

    def _count_error(self) -> None:
        if self._metrics is not None:
            self._metrics.projection_errors.labels(self.projection.name).inc()

    def _observe(self, page: Page, seconds: float) -> None:
        metrics, name = self._metrics, self.projection.name
        if metrics is None:
            return
        metrics.projection_events.labels(name).inc(page.count)
        metrics.projection_position.labels(name).set(page.last)
        metrics.projection_batch_duration.labels(name).observe(seconds)
        if name == "timeline":  # what "projected" means to a patient
            passed_stage(metrics, "projected", page.recorded_at, self._clock.now())


def passed_stage(metrics: Metrics, stage: str, recorded_at: datetime, now: float) -> None:
    """Events up to this one have passed a stage. The log does not know its sources, so the stages
    after it are measured from the moment of recording, as one.
    """
    recorded = recorded_at.timestamp()
    metrics.last_event_timestamp.labels(stage, "log", "all").set(recorded)
    metrics.stage_delay.labels(stage).observe(max(0.0, now - recorded))


def withhold_forgotten(cursor: psycopg.Cursor[Any], events: Sequence[RecordedEvent]) -> None:
    """Events read before their record was erased are as if read after it.

    Within the batch's transaction: an erasure waits for it or is seen by it, never in between.
    """
    records = sorted({event.record for event in events})
    rows = cursor.execute(
        "select record from projection.forgotten where record = any(%b::bigint[])",
        (Int8Array.of(records),),
        prepare=True,
    ).fetchall()
    gone = {record for (record,) in rows}
    for event in events if gone else ():
        if event.record in gone:
            event.forget()


def _reason(error: Exception) -> str:
    """Never the server's detail or a value: they may name a person."""
    if isinstance(error, EventNotApplicable):
        return error.reason
    if isinstance(error, StoredEventError):
        return str(error)
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return f"{type(error).__name__} ({state or 'no SQLSTATE'})"
