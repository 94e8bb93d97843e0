"""What a publisher tells the metrics: its queue, and the replies of the feed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ingest.feed.types import Acknowledgement
from ingest.runtime.metrics import Metrics
from schemas.feed.messages import FEED_TOPICS

from .messages import FeedReply

_REFUSALS: Final = ("too_large", "not_authorised", "no_such_topic")


class QueueMetrics:
    """Sets the metrics of a publisher; does nothing without metrics."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics
        if metrics is not None:  # there before the first reply: an absent series has no rate
            for topic in FEED_TOPICS:
                metrics.publisher_acknowledged.labels(topic)
            for code in _REFUSALS:
                metrics.publisher_failures.labels(code)

    def queue(self, messages: int, oldest: Callable[[], float | None], now: float) -> None:
        """The publisher is alive, so many messages wait, and the oldest since `oldest()`."""
        if self._metrics is not None:
            self._metrics.heartbeat.labels("publisher").set(now)
            self._metrics.publisher_queue.set(messages)
            self._metrics.publisher_oldest.set(oldest() or 0)

    def replies(self, replies: Iterable[FeedReply]) -> None:
        """The feed has replied."""
        if self._metrics is None:
            return
        for reply in replies:
            if isinstance(reply, Acknowledgement):
                self._metrics.publisher_acknowledged.labels(reply.partition.topic).inc()
            else:
                self._metrics.publisher_failures.labels(reply.code).inc()
