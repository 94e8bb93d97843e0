"""The state of the system at one moment, as values: topics, projections, processes."""

from dataclasses import dataclass, field

from ingest.runtime.console import Exit


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """One topic of the feed, all its partitions together. `lag`: messages not counted yet.

    All None when the feed is away or has no such topic: then nothing is known of it.
    """

    topic: str
    partitions: int | None = None
    fetched: int | None = None
    accepted: int | None = None
    duplicate: int | None = None
    unchanged: int | None = None
    rejected: int | None = None
    lag: int | None = None
    halted: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """The build of a projection that serves, and how far it is."""

    projection: str
    build: int
    position: int
    lag: int
    behind_seconds: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole system at one moment.

    `processes`: whether each process of the group runs; None when no group answers. `ended`: why
    those that do not run ended. `feed_error`: why the feed is away. `missing`: topics it lacks.
    """

    feed: str
    feed_error: str | None
    missing: list[str]
    topics: list[TopicStatus]
    position: int
    events: int
    letters_waiting: dict[str, int]
    outcome_batches_waiting: int
    projections: list[ProjectionStatus]
    processes: dict[str, bool] | None
    ended: dict[str, str]

    @property
    def exit_code(self) -> Exit:
        """OK when nothing is halted, missing or away, and every process of a running group runs."""
        if self.feed_error:
            return Exit.UNAVAILABLE
        halted = any(topic.halted for topic in self.topics)
        down = self.processes is not None and not all(self.processes.values())
        return Exit.FAILED if halted or down or self.missing else Exit.OK
