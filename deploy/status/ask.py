"""Asks store, feed and the metrics of the group for the state of the system."""

import time
from typing import Final

from deploy.group.metrics import samples_of
from deploy.status.endings import ending
from deploy.status.state import ProjectionStatus, Status, TopicStatus
from ingest.eventstore import EventStore
from ingest.feed import FeedError, TopicFacts, topic_facts
from ingest.read.offsets import PartitionOffsets, offsets_of
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections import PROJECTIONS
from projections.builds import Build, live_build
from schemas.feed.messages import FEED_TOPICS, NOTIFICATIONS, OUTCOMES

TOPICS: Final = (*FEED_TOPICS, OUTCOMES, NOTIFICATIONS)


DEAD_LETTERS_LISTED = 10_000
"""Dead letters looked at for the counts by code; beyond it they are a lower bound."""


def status_of(settings: Settings) -> Status:
    """The state now. Raises what the store raises when it is away or not migrated."""
    facts, feed_error = _facts(settings)
    processes, ended = _processes(settings)
    with EventStore.open(settings) as store:
        fed = [fact for fact in facts.values() if fact.topic in FEED_TOPICS]
        positions = offsets_of(store.sources.all(), fed)
        counts = store.auditing.counts()
        end = store.reading.max_position()
        letters = store.dead_letters.page(limit=DEAD_LETTERS_LISTED)
    codes: dict[str, int] = {}
    for letter in letters:
        codes[letter.code] = codes.get(letter.code, 0) + 1
    return Status(
        feed=settings.kafka_bootstrap or "embedded",
        feed_error=feed_error,
        missing=[] if feed_error else [name for name in TOPICS if name not in facts],
        topics=[
            _topic(name, positions) if name in facts else TopicStatus(name) for name in FEED_TOPICS
        ],
        position=end,
        events=counts.events,
        letters_waiting=dict(sorted(codes.items())),
        outcome_batches_waiting=counts.unpublished_outcome_batches,
        projections=_projections(settings, end),
        processes=processes,
        ended=ended,
    )


def _facts(settings: Settings) -> tuple[dict[str, TopicFacts], str | None]:
    try:
        return topic_facts(settings), None
    except FeedError as error:
        return {}, str(error)


def _topic(name: str, positions: list[PartitionOffsets]) -> TopicStatus:
    own = [position for position in positions if position.partition.topic == name]
    stored = [position.stored for position in own if position.stored is not None]
    counts = {
        kind: sum(getattr(source, kind) for source in stored)
        for kind in ("accepted", "duplicate", "unchanged", "rejected")
    }
    lag = sum(p.log_end or 0 if p.stored is None else max(0, p.lag or 0) for p in own)
    halted = [f"{name}/{p.partition.number}: {p.misfit}" for p in own if p.misfit]
    return TopicStatus(name, len(own), sum(counts.values()), **counts, lag=lag, halted=halted)


def _projections(settings: Settings, end: int) -> list[ProjectionStatus]:
    with connect(store_dsn(settings), application_name=f"{settings.instance}-status") as conn:
        builds = [live_build(conn.cursor(), projection.name) for projection in PROJECTIONS]
    return [_projection(build, end) for build in builds]


def _projection(build: Build, end: int) -> ProjectionStatus:
    lag = max(0, end - build.position)
    at = build.recorded_at
    behind = 0.0 if lag == 0 else None if at is None else max(0.0, time.time() - at.timestamp())
    return ProjectionStatus(build.projection, build.number, build.position, lag, behind)


def _processes(settings: Settings) -> tuple[dict[str, bool] | None, dict[str, str]]:
    if not settings.metrics_port:
        return None, {}
    names = ("histoire_process_up", "histoire_process_exit_code")
    up, codes = samples_of(settings.metrics_port, *names)
    running = {labels["process"]: value == 1 for labels, value in up}
    ends = {labels["process"]: ending(int(value)) for labels, value in codes}
    return running or None, {name: end for name, end in ends.items() if not running.get(name)}
