"""Removes what is old: read records of the embedded feed, published outcomes, orphaned bytes.

The feed holds clear INS and whole documents: its retention is a promise (decision 0038). Kafka
keeps the promise by itself; for the embedded feed the relay's process does this each hour.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg

from ingest.eventstore import EventStore, StoreError
from ingest.eventstore.append_batch import SourceOffsets
from ingest.feed import FeedError, Partition, TopicFacts, topic_facts, trim
from ingest.read.offsets import offsets_of
from ingest.runtime.lifecycle import Clock
from ingest.runtime.logs import get_logger
from ingest.runtime.metrics import Metrics
from ingest.runtime.postgres.embedded import EmbeddedPostgresError
from ingest.runtime.settings import Settings
from schemas.feed.messages import FEED_TOPICS, NOTIFICATIONS, OUTCOMES

from .sweep import DAY, HOUR, ContentSweep

PASSING_FAILURES: Final = (psycopg.Error, OSError, FeedError, StoreError)
"""What may befall a step; the next turn tries the step again."""
END_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn removed, by step. None: not due. A step that failed is in `failures` only."""

    removed: Mapping[str, int | None]
    failures: Mapping[str, Exception]


class Housekeeping:
    """One turn over everything of an installation. No record that was not read is ever removed."""

    def __init__(self, settings: Settings, store: EventStore, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._sweep = ContentSweep(store, settings.home, clock)

    def turn(self, sweep_after: float = DAY) -> Turn:
        """Every step is tried, also after one that failed. `sweep_after`: seconds between sweeps
        of the document bytes, which walk the whole folder.
        """
        steps: dict[str, Callable[[], int | None]] = {
            "feed_records": self._trim_feed,
            "outcome_batches": self._purge_outcomes,
            "content_orphans": lambda: self._sweep.sweep(sweep_after),
        }
        removed: dict[str, int | None] = {}
        failures: dict[str, Exception] = {}
        for name, step in steps.items():
            try:
                removed[name] = step()
            except PASSING_FAILURES as error:
                failures[name] = error
        return Turn(removed, failures)

    def _trim_feed(self) -> int:
        settings = self._settings
        if settings.kafka_bootstrap is not None:
            return 0
        # First: with later facts a position that moves on meanwhile would lie beyond the end.
        stored = self._store.sources.all()
        facts = topic_facts(settings)
        answers = {
            Partition(topic, number): end
            for topic in (OUTCOMES, NOTIFICATIONS)
            if topic in facts
            for number, end in enumerate(facts[topic].log_end)
        }
        return trim(settings, settings.feed_retention_hours, read_below(stored, facts)) + trim(
            settings, settings.outcome_retention_hours, answers
        )

    def _purge_outcomes(self) -> int:
        oldest = self._clock.now() - self._settings.outcome_retention_hours * HOUR
        return self._store.outcomes.purge(datetime.fromtimestamp(oldest, UTC))


def read_below(
    stored: Mapping[str, SourceOffsets], facts: Mapping[str, TopicFacts]
) -> dict[Partition, int]:
    """Below which offset each partition was read. Partitions whose offset does not fit are left
    out: a topic made anew, a log that was cut, a partition nobody has read.
    """
    fed = [facts[topic] for topic in FEED_TOPICS if topic in facts]
    return {
        position.partition: position.stored.next_offset
        for position in offsets_of(stored, fed)
        if position.stored is not None and position.misfit is None
    }


@contextmanager
def housekept(settings: Settings, metrics: Metrics, clock: Clock) -> Iterator[None]:
    """While the block runs, a thread does a turn at once, then each hour.

    The thread has a store of its own: it holds nobody up, and its errors end nothing else.
    """
    end = threading.Event()

    def turns() -> None:
        _one_turn(settings, metrics, clock)
        while not end.wait(HOUR):
            _one_turn(settings, metrics, clock)

    thread = threading.Thread(target=turns, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(END_SECONDS)


def _one_turn(settings: Settings, metrics: Metrics, clock: Clock) -> None:
    try:
        with EventStore.open(settings) as store:
            turn = Housekeeping(settings, store, clock).turn()
    except (*PASSING_FAILURES, EmbeddedPostgresError) as error:
        get_logger().warning("housekeeping_failed", error=error)
        return
    report(turn, metrics, clock)


def report(turn: Turn, metrics: Metrics, clock: Clock) -> None:
    """One line of log, and the metrics."""
    for what, count in turn.removed.items():
        metrics.housekeeping_removed.labels(what).inc(count or 0)
    if turn.failures:
        failed = {step: type(error).__name__ for step, error in turn.failures.items()}
        get_logger().warning("housekeeping_failed", total=dict(turn.removed), error=failed)
        return
    metrics.housekeeping_done.set(clock.now())
    get_logger().info("housekeeping_done", total=dict(turn.removed))
