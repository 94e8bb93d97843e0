"""The metrics of `histoire project`: lag of each projection, age of the oldest event that waits,
notifications that wait.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ingest.runtime.metrics import Metrics
from schemas.feed.messages import NOTIFICATIONS

from .runner import Runner, passed_stage

TIMELINE: Final = "timeline"
"""The projection that counts as "projected" to a patient."""


class LoopMetrics:
    """Sets the metrics of the loop. With `metrics` None nothing is set."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics: Final = metrics
        self._caught_up = 0.0

    def turn(self, runners: Sequence[Runner], end: int) -> None:
        """One turn of the loop is done. `end`: position of the newest event."""
        metrics, now = self._metrics, time.time()
        if metrics is None:
            return
        metrics.log_position.set(end)
        metrics.heartbeat.labels("project").set(now)
        for runner in runners:
            lag = max(0, end - runner.position)
            metrics.projection_lag.labels(runner.projection.name).set(lag)
            if runner.projection.name == TIMELINE:
                self._age(metrics, runner, lag, now)

    def _age(self, metrics: Metrics, runner: Runner, lag: int, now: float) -> None:
        # The oldest event that waits was recorded after the last one applied, and after the last
        # moment when none waited.
        oldest = 0.0
        if lag == 0:
            self._caught_up = now
        else:
            applied = runner.recorded_at
            oldest = max(self._caught_up, applied.timestamp() if applied else 0.0) or now
            self._caught_up = oldest
        metrics.oldest_unprocessed_timestamp.labels("projected", "log", "all").set(oldest)

    def notifications_wait(self, count: int, oldest: datetime | None) -> None:
        """`count` notifications await a reply; `oldest`: when their first event was recorded."""
        if self._metrics is not None:
            since = oldest.timestamp() if oldest else 0
            self._metrics.relay_waiting.labels(NOTIFICATIONS).set(count)
            self._metrics.relay_oldest.labels(NOTIFICATIONS).set(since)

    def notified(self, count: int, newest: datetime | None) -> None:
        """`count` notifications were acknowledged; `newest`: when the last event was recorded."""
        if self._metrics is None:
            return
        self._metrics.relay_published.labels(NOTIFICATIONS).inc(count)
        if count and newest is not None:
            passed_stage(self._metrics, "notified", newest, time.time())
