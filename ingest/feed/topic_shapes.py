"""A topic as planned, and as it is on a feed; what is said when the two differ."""

from __future__ import annotations

from dataclasses import dataclass

from .types import FeedMismatch


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """How a topic is created."""

    partitions: int
    retention_hours: int


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as it is. `log_start` and `log_end` by partition number: it holds [start, end)."""

    topic: str
    topic_id: str
    cluster_id: str
    log_start: tuple[int, ...]
    log_end: tuple[int, ...]

    @property
    def partitions(self) -> int:
        """How many partitions the topic has."""
        return len(self.log_end)


def count_mismatch(topic: str, found: int, wanted: int) -> FeedMismatch:
    """The halt when a topic has another number of partitions than it should (decision 0002)."""
    return FeedMismatch(
        f"topic {topic} has {found} partitions, the settings say {wanted}: another count sends a "
        f"patient's messages elsewhere and breaks their order; set HISTOIRE_TOPIC_PARTITIONS back "
        f"or feed a new topic prefix"
    )
