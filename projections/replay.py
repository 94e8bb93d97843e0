"""Builds a projection again from the first event beside the live build, compares both, switches.

The build that serves is never touched. If the replay is killed at any moment, the live build still
serves, and the next replay drops the half-made one. Both builds are compared at the same position
in one snapshot, while the live one goes on. The switch is one statement, after the few events that
came during the comparison.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import psycopg

from ingest.eventstore import EventStore
from ingest.runtime.crash_points import crash_point
from ingest.runtime.postgres.database import connect, store_dsn, transaction
from ingest.runtime.settings import Settings
from projections.events import check_known, events_of_records
from projections.live.runner import withhold_forgotten
from projections.notifications.live import NEVER_REBUILT
from projections.projection import Comparison, Projection
from projections.timeline.rebuild import rebuild_timeline

from .builds import (
    REPLAY_LOCKS,
    Build,
    advance,
    all_builds,
    drop_build,
    hold_live,
    live_build,
    new_build,
    switch,
)

Connection = psycopg.Connection[tuple[Any, ...]]

BATCH: Final = 5000
NEARLY: Final = 2000
"""Events that the replay may be behind when it stops the live build for the rest of the way."""


class ReplayImpossible(Exception):
    """The projection cannot be replayed or switched. The sentence tells the reason."""


class Report(Protocol):
    """Shows the progress of a replay."""

    def stage(self, description: str, total: int | None) -> None:
        """A stage begins. `total`: its last position, None when unknown."""

    def advance(self, count: int) -> None:
        """`count` more events are done."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a replay. `seconds`: of building, without comparison. `switched`: `build`
    serves.
    """

    projection: str
    build: int
    previous: int
    position: int
    events: int
    seconds: float
    comparison: Comparison
    switched: bool


class Replay:
    """One replay of one projection, for one use."""

    def __init__(self, settings: Settings, projection: Projection, report: Report) -> None:
        """Raises ReplayImpossible for a projection that is never rebuilt."""
        if not projection.rebuildable:
            raise ReplayImpossible(NEVER_REBUILT)
        self._settings: Final = settings
        self._projection: Final = projection
        self._report: Final = report
        self._dsn: Final = store_dsn(settings)
        self._name: Final = f"{settings.instance}-replay"

    def run(
        self, *, workers: int = 2, keep: bool = False, accept_differences: bool = False
    ) -> ReplayResult:
        """Builds, catches up, compares; switches if nothing differs or differences are accepted.

        Otherwise the new build is dropped. `keep` keeps it for a look, and older builds too.
        Raises ReplayImpossible, NotMigrated, the errors of the store.
        """
        with (
            EventStore.open(self._settings) as store,
            self._session() as conn,
            self._session() as building,
            self._session() as comparing,
        ):
            old = self._begin(conn)
            begin = time.monotonic()
            build, events = self._build_up_to(building, store, old.position, workers)
            build = self._catch_up(conn, building, store, build)
            with self._live_stopped(conn, building, store, build) as build:
                comparing.execute("begin transaction isolation level repeatable read")
                comparing.execute("select")  # the snapshot: both builds at the same position
            seconds = time.monotonic() - begin
            comparison = self._compare(comparing, old.number, build.number)
            crash_point("replay_compared")
            good = comparison.differing == 0 or accept_differences
            if good:
                build = self._switch(conn, building, store, build, old.number)
            self._tidy(conn, {build.number, old.number} if good else {old.number}, keep)
        return ReplayResult(
            projection=self._projection.name,
            build=build.number,
            previous=old.number,
            position=build.position,
            events=events,
            seconds=seconds,
            comparison=comparison,
            switched=good,
        )

    def back(self) -> Build:
        """Brings the build that served before up to date; it serves again. Returns it.

        Raises ReplayImpossible when there is none.
        """
        with (
            EventStore.open(self._settings) as store,
            self._session() as conn,
            self._session() as building,
        ):
            self._take_lock(conn)
            name = self._projection.name
            row = conn.execute(
                "select build, previous from projection.live where projection = %s", (name,)
            ).fetchone()
            builds = {build.number: build for build in all_builds(conn.cursor(), name)}
            build = None if row is None else builds.get(row[1])
            if row is None or build is None:
                raise ReplayImpossible(f"projection {name} has no earlier build to go back to")
            if build.version != self._projection.version:
                raise ReplayImpossible(
                    f"the earlier build of projection {name} was made by another version of this"
                    " program, which alone can bring it up to date"
                )
            build = self._catch_up(conn, building, store, build)
            return self._switch(conn, building, store, build, row[0])

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        with connect(self._dsn, application_name=self._name) as conn:
            yield conn

    def _take_lock(self, conn: Connection) -> None:
        row = conn.execute(
            "select pg_try_advisory_lock(%s, hashtext(%s))", (REPLAY_LOCKS, self._projection.name)
        ).fetchone()
        if row is None or not row[0]:
            raise ReplayImpossible(
                f"projection {self._projection.name} is being replayed by another process"
            )

    def _begin(self, conn: Connection) -> Build:
        self._take_lock(conn)
        old = live_build(conn.cursor(), self._projection.name)
        for build in all_builds(conn.cursor(), self._projection.name):
            if not build.complete:
                with transaction(conn):
                    drop_build(conn.cursor(), self._projection, build.number)
        return old

    def _build_up_to(
        self, conn: Connection, store: EventStore, upto: int, workers: int
    ) -> tuple[Build, int]:
        """Makes a build at position `upto`. Returns it and the number of its events."""
        projection = self._projection
        with transaction(conn):
            number = new_build(conn.cursor(), projection, indexes=False, complete=False)
        build = Build(projection.name, number, projection.version, 0, None, False)
        self._report.stage(f"{projection.name}: build {number}", upto)
        if projection.name == "timeline":
            events = rebuild_timeline(self._settings, number, upto, workers, self._report.advance)
            conn.execute(
                "update projection.build set position = %s where projection = %s and number = %s",
                (upto, projection.name, number),
            )
            self._index(conn, number)
            return replace(build, position=upto), events
        self._index(conn, number)
        return self._apply_up_to(conn, store, build, upto)

    def _index(self, conn: Connection, number: int) -> None:
        self._report.stage(f"{self._projection.name}: indexes", None)
        with transaction(conn):
            conn.execute("set local maintenance_work_mem = '256MB'")
            for statement in self._projection.indexes(number):
                conn.execute(statement.encode())
        for table in self._projection.table_names(number):
            conn.execute(f"analyze {table}".encode())

    def _apply_up_to(
        self, conn: Connection, store: EventStore, build: Build, upto: int
    ) -> tuple[Build, int]:
        """Brings the build to position `upto`. Returns it and the number of events applied."""
        takes, count = self._projection.takes, 0
        while build.position < upto:
            page = [
                e for e in store.reading.read_after(build.position, BATCH) if e.position <= upto
            ]
            if not page:
                break
            opened = events_of_records(page)
            check_known(opened)
            events = [event for event in opened if event.name in takes]
            last = page[-1]
            with transaction(conn), conn.cursor(binary=True) as cursor:
                if not advance(cursor, build, last.position, last.recorded_at):
                    raise ReplayImpossible("another process works on the build being made")
                withhold_forgotten(cursor, events)
                self._projection.apply(cursor, build.number, store.reading, events)
            build = replace(build, position=last.position, recorded_at=last.recorded_at)
            self._report.advance(len(page))
            count += len(page)
        return build, count

    def _catch_up(
        self, conn: Connection, building: Connection, store: EventStore, build: Build
    ) -> Build:
        """Brings the build near the live one, which goes on."""
        while True:
            live = live_build(conn.cursor(), self._projection.name)
            if live.position - build.position <= NEARLY:
                return build
            build, _ = self._apply_up_to(building, store, build, live.position)

    @contextmanager
    def _live_stopped(
        self, conn: Connection, building: Connection, store: EventStore, build: Build
    ) -> Iterator[Build]:
        """Inside, the build stands exactly at the checkpoint of the live one, which waits."""
        with transaction(conn), conn.cursor() as cursor:
            hold_live(cursor, self._projection.name, exclusive=True)
            live = live_build(cursor, self._projection.name)
            build, _ = self._apply_up_to(building, store, build, live.position)
            with transaction(building), building.cursor(binary=True) as forgetting:
                forgetting.execute(
                    "select record from projection.forgotten where forgotten_at >="
                    " (select made_at from projection.build where projection = %s and number = %s)",
                    (build.projection, build.number),
                )
                records = [record for (record,) in forgetting.fetchall()]
                if records:  # erased while the build was made
                    self._projection.forget(
                        forgetting, build.number, store.reading, records, live.position
                    )
            yield build

    def _compare(self, conn: Connection, old: int, new: int) -> Comparison:
        self._report.stage(f"{self._projection.name}: compare", None)
        with conn.cursor() as cursor:
            comparison = self._projection.compare(cursor, old, new)
        conn.execute("commit")
        return comparison

    def _switch(
        self, conn: Connection, building: Connection, store: EventStore, build: Build, old: int
    ) -> Build:
        with (
            self._live_stopped(conn, building, store, build) as build,
            conn.cursor() as cursor,
        ):
            cursor.execute(
                "update projection.build set complete = true where projection = %s and number = %s",
                (build.projection, build.number),
            )
            if not switch(cursor, build.projection, old, build.number):
                raise ReplayImpossible(f"another build of projection {build.projection} serves now")
            crash_point("replay_switching")
        crash_point("replay_switched")
        return build

    def _tidy(self, conn: Connection, needed: set[int], keep: bool) -> None:
        if keep:
            return
        for build in all_builds(conn.cursor(), self._projection.name):
            row = conn.execute(
                "select 1 from projection.live where projection = %s and %s in (build, previous)",
                (build.projection, build.number),
            ).fetchone()
            if row is None and build.number not in needed:
                with transaction(conn):
                    drop_build(conn.cursor(), self._projection, build.number)
