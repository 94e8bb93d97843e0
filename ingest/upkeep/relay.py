"""Publishes the outcomes of committed batches, keyed by software, at least once (decision 0006)."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from ingest.eventstore import EventStore
from ingest.feed import (
    Acknowledgement,
    FeedUnavailable,
    Headers,
    OutgoingRecord,
    Publisher,
    PublishFailure,
)
from ingest.feed.cloud_events import TRACEPARENT, time_header
from ingest.read.service_wait import wait_for_services
from ingest.runtime.crash_points import crash_point
from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.metrics import Metrics
from schemas.codec.messages import decode_event, encode
from schemas.feed.messages import OUTCOMES
from schemas.feed.outcomes import Outcome

ROWS: Final = 50
"""Rows (batches of one partition) published and marked in one go."""
FLUSH_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 0.05


class RelayRefused(Exception):
    """The feed refuses an outcome (a right, the topic): halt, nothing is marked."""


class Relay:
    """Moves outcomes from the store to their topic."""

    def __init__(self, store: EventStore, publisher: Publisher, source: str, clock: Clock) -> None:
        """`source`: the software that publishes (`ce_source`)."""
        self._store = store
        self._publisher = publisher
        self._source = source.encode()
        self._clock = clock
        self._lock = threading.Lock()

    def relay_once(self, metrics: Metrics | None = None) -> int:
        """The oldest rows are published and marked; returns how many outcomes.

        They are published again with the same outcomeId when the process ends between the two.
        Raises FeedUnavailable when the feed does not reply in time, RelayRefused when it refuses.
        """
        rows = self._store.outcomes.unpublished(ROWS)
        outcomes = [
            outcome
            for row in rows
            for outcome in decode_event("OutcomeBatch", row.payload)["outcomes"]
        ]
        if metrics is not None:  # before publishing, which may have to wait for the feed
            metrics.relay_waiting.labels(OUTCOMES).set(len(outcomes))
            oldest = rows[0].created_at.timestamp() if rows else 0
            metrics.relay_oldest.labels(OUTCOMES).set(oldest)
        if outcomes:
            self._publish(outcomes)
            crash_point("outcomes_published")
        if rows:
            self._store.outcomes.mark_published(row.id for row in rows)
        return len(outcomes)

    def run(
        self,
        stop: StopSignal,
        *,
        until_idle: bool = False,
        metrics: Metrics | None = None,
        on_outcomes: Callable[[int], None] | None = None,
    ) -> int:
        """Relay until stopped, or until nothing is left; how many outcomes were published.

        A store or a feed that is away is waited for.
        """
        total, wait = 0, wait_for_services(stop, metrics)
        while not stop.is_set():
            count = wait(lambda: self.relay_once(metrics))
            total += count
            if on_outcomes is not None:
                on_outcomes(count)
            if metrics is not None:
                self._report(metrics, count)
            if count == 0:
                if until_idle:
                    break
                stop.wait(IDLE_SECONDS)
        return total

    def _publish(self, outcomes: Sequence[Outcome]) -> None:
        failures = list[PublishFailure]()

        def done(reply: Acknowledgement | PublishFailure) -> None:
            if isinstance(reply, PublishFailure):
                with self._lock:
                    failures.append(reply)

        self._publisher.publish_many([self._record(outcome) for outcome in outcomes], done)
        if not self._publisher.flush(FLUSH_SECONDS):
            raise FeedUnavailable(f"outcomes were not acknowledged within {FLUSH_SECONDS:.0f} s")
        if failures:
            raise RelayRefused(f"an outcome was refused: {failures[0].code}")

    def _record(self, outcome: Outcome) -> OutgoingRecord:
        headers: Headers = (
            ("ce_specversion", b"1.0"),
            ("ce_id", outcome["outcomeId"].encode()),
            ("ce_source", self._source),
            ("ce_type", b"Outcome"),
            time_header(outcome["decidedAt"]),
            ("content-type", b"application/avro"),
        )
        trace = outcome["traceparent"]
        if trace is not None:
            headers = (*headers, (TRACEPARENT, trace.encode()))
        key = outcome["softwareId"].encode()
        return OutgoingRecord(OUTCOMES, key, encode("Outcome", outcome), headers)

    def _report(self, metrics: Metrics, count: int) -> None:
        metrics.heartbeat.labels("relay").set(self._clock.now())
        metrics.relay_published.labels(OUTCOMES).inc(count)
