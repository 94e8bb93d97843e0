"""The loop of `histoire project`: all projections of a process, and the relay of notifications."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from ingest.eventstore import EventStore
from ingest.feed.types import FeedError, FeedUnavailable, Publisher
from ingest.runtime.lifecycle import StopSignal, delays, retry
from ingest.runtime.logs import get_logger
from ingest.runtime.metrics import Metrics
from ingest.runtime.postgres.database import UnknownCommit, connect, is_transient, store_dsn
from ingest.runtime.settings import Settings
from projections.notifications.relay import NotificationRelay, outbox_rows
from projections.projection import Projection

from .metrics import LoopMetrics
from .runner import CheckpointMoved, Halted, NotOwner, Runner
from .subscription import Subscription, WakeUp

Connection = psycopg.Connection[tuple[Any, ...]]

POLL_SECONDS: Final = 1.0
"""Longest wait for an append whose wake-up was lost."""
RELAY_SECONDS: Final = 0.5
"""Longest wait of one turn for the feed, since projections must not wait for the feed."""

OWN_SECONDS: Final = 5.0
TURNS_PER_COLLECTION: Final = 500
FAILURES_UNTIL_IDLE: Final = 4
"""A run with an end gives up after more passing failures in a row; a service never does."""

OpenPublisher = Callable[[], Publisher]


@dataclass(slots=True)
class Progress:
    """The result of a run, per projection: events applied, checkpoint.

    `notified`: notifications published. `halted`: one sentence for each projection that halted.
    """

    applied: dict[str, int] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    notified: int = 0
    halted: list[str] = field(default_factory=list)


class ProjectionLoop:
    """Runs projections in turn until it is stopped or, with `until_idle`, until the end of the log.

    A projection that halts keeps its checkpoint, and the others go on. The loop waits for a
    database that is away.
    """

    def __init__(
        self,
        settings: Settings,
        projections: Sequence[Projection],
        stop: StopSignal,
        *,
        metrics: Metrics | None = None,
        open_publisher: OpenPublisher | None = None,
        on_batch: Callable[[int, int], None] | None = None,
    ) -> None:
        """`open_publisher`: where notifications go; None: they stay due.

        `on_batch(done, end)` is called with the lowest checkpoint and the end of the log.
        """
        self._settings: Final = settings
        self._projections: Final = projections
        self._stop: Final = stop
        self._metrics: Final = metrics
        self._open_publisher: Final = open_publisher
        self._on_batch: Final = on_batch
        self._report: Final = LoopMetrics(metrics)
        self._relay: NotificationRelay | None = None
        self.progress: Final = Progress()

    def run(self, *, until_idle: bool = False) -> Progress:
        """Runs the loop. Raises NotOwner, NotMigrated, OtherVersion and the errors of the store."""
        waits, failures = delays(), 0
        gc.collect()
        gc.freeze()
        gc.disable()  # the collector walks the pages at every batch (decision 0039)
        try:
            while not self._stop.is_set():
                try:
                    if self._run_session(until_idle):
                        break
                    waits, failures = delays(), 0
                except (psycopg.Error, UnknownCommit) as error:
                    failures += 1
                    passing = isinstance(error, UnknownCommit) or is_transient(error)
                    if not passing or (until_idle and failures > FAILURES_UNTIL_IDLE):
                        raise
                    get_logger().warning("projection_waits", error=type(error).__name__)
                    self._stop.wait(next(waits))
        finally:
            gc.enable()
            gc.unfreeze()
            if self._relay is not None:
                self._relay.close()
        return self.progress

    def _run_session(self, until_idle: bool) -> bool:
        """Runs on one set of connections. True when the run is over."""
        dsn = store_dsn(self._settings)
        with ExitStack() as stack:
            store = stack.enter_context(EventStore.open(self._settings))
            subscription = Subscription(store.reading, self._settings.projection_batch)
            wake_up = WakeUp(dsn)
            stack.callback(wake_up.close)
            runners = []
            for projection in self._projections:
                conn = stack.enter_context(
                    connect(dsn, application_name=f"{self._settings.instance}-{projection.name}")
                )
                runner = Runner(projection, conn, store.reading, subscription, self._metrics)
                self._own(runner)
                runners.append(runner)
            relay = stack.enter_context(
                connect(dsn, application_name=f"{self._settings.instance}-notify")
            )
            return self._turn(store, runners, relay, wake_up, until_idle)

    def _own(self, runner: Runner) -> None:
        # The session of a process that was killed may outlive it for a moment.
        retry(
            runner.own,
            passing=lambda error: isinstance(error, NotOwner),
            seconds=OWN_SECONDS,
            stop=self._stop,
        )

    def _turn(
        self,
        store: EventStore,
        runners: list[Runner],
        relay: Connection,
        wake_up: WakeUp,
        until_idle: bool,
    ) -> bool:
        turns = 0
        while not self._stop.is_set():
            end = store.reading.max_position()
            moved = sum([self._step(runner) for runner in list(runners)])
            self._observe(runners, end)
            moved += self._notify(relay)
            turns += 1
            if turns % TURNS_PER_COLLECTION == 0:
                gc.collect()
            if moved:
                continue
            if until_idle and all(r.position >= end or self._has_halted(r) for r in runners):
                return True
            wake_up.wait(POLL_SECONDS)
        return True

    def _step(self, runner: Runner) -> int:
        name = runner.projection.name
        try:
            count = runner.step()
        except CheckpointMoved:
            return 1  # the next step reads the checkpoint again
        except Halted as halt:
            self._halt(str(halt), projection=name, position=halt.position)
            return 0
        self.progress.applied[name] = self.progress.applied.get(name, 0) + count
        self.progress.positions[name] = runner.position
        return count

    def _halt(self, sentence: str, **fields: Any) -> None:
        if sentence not in self.progress.halted:
            self.progress.halted.append(sentence)
            get_logger().error("projection_halted", **fields)

    def _has_halted(self, runner: Runner) -> bool:
        return any(f"projection {runner.projection.name} " in line for line in self.progress.halted)

    def _observe(self, runners: Sequence[Runner], end: int) -> None:
        lowest = min((runner.position for runner in runners), default=end)
        if self._on_batch is not None:
            self._on_batch(lowest, end)
        self._report.turn(runners, end)

    def _notify(self, conn: Connection) -> int:
        if self._open_publisher is None:
            return 0
        if not any(projection.name == "notifications" for projection in self._projections):
            return 0
        try:
            if self._relay is None:
                first = outbox_rows(conn, due=True, limit=1)
                self._report.notifications_wait(len(first), first[0].recorded_at if first else None)
                if not first:
                    return 0
                self._relay = NotificationRelay(self._open_publisher())
            done = self._relay.step(conn, RELAY_SECONDS)
            self._report.notifications_wait(*self._relay.waiting())
        except FeedUnavailable:
            get_logger().warning("notifications_wait", error="FeedUnavailable")
            return 0
        except FeedError as error:  # a person must decide; the projections go on
            self._halt(f"notifications stay due: {error}")
            return 0
        self.progress.notified += done
        self._report.notified(done, self._relay.newest)
        return done
