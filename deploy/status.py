"""`histoire status`: the same truth as the metrics and the audit, in a terminal.

It asks the store, the feed and the group's metrics endpoint; it starts and changes nothing but the
embedded database, which every command starts.
"""

import time
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer
from rich.table import Table

from ingest.eventstore import EventStore
from ingest.positions import PartitionPosition, positions_of
from ingest.runtime.console import Exit, out, print_json
from ingest.runtime.database import connect, store_dsn
from ingest.runtime.feed import FeedError, TopicFacts, topic_facts
from ingest.runtime.settings import Settings
from projections import PROJECTIONS
from projections.builds import Build, live_build
from schemas.messages import FEED_TOPICS

from .group_metrics import samples_of

LETTERS_LISTED = 10_000
"""Dead letters looked at for the counts by code; beyond it they are a lower bound."""


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """One topic of the feed, all its partitions together. `lag`: messages not counted yet."""

    topic: str
    partitions: int
    fetched: int
    accepted: int
    duplicate: int
    unchanged: int
    rejected: int
    lag: int
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
    """All of it at one moment. `processes`: those of the running group, None when none answers."""

    feed: str
    feed_error: str | None
    topics: list[TopicStatus]
    position: int
    events: int
    letters_waiting: dict[str, int]
    outcome_batches_waiting: int
    projections: list[ProjectionStatus]
    processes: dict[str, bool] | None

    @property
    def healthy(self) -> bool:
        """Nothing is halted, nothing is away, every process of a running group runs."""
        halted = any(topic.halted for topic in self.topics)
        down = self.processes is not None and not all(self.processes.values())
        return not (halted or down or self.feed_error)


def status_of(settings: Settings) -> Status:
    """What is asked now. Raises what the store raises when it is away or not migrated."""
    facts, feed_error = _facts(settings)
    with EventStore.open(settings) as store:
        fed = [fact for fact in facts.values() if fact.topic in FEED_TOPICS]
        positions = positions_of(store.source_positions(), fed)
        counts = store.counts()
        end = store.max_position()
        letters = store.letters(limit=LETTERS_LISTED)
    codes: dict[str, int] = {}
    for letter in letters:
        codes[letter.code] = codes.get(letter.code, 0) + 1
    return Status(
        feed=settings.kafka_bootstrap or "embedded",
        feed_error=feed_error,
        topics=[_topic(name, positions) for name in FEED_TOPICS],
        position=end,
        events=counts.events,
        letters_waiting=dict(sorted(codes.items())),
        outcome_batches_waiting=counts.unpublished_outcome_batches,
        projections=_projections(settings, end),
        processes=_processes(settings),
    )


def _facts(settings: Settings) -> tuple[dict[str, TopicFacts], str | None]:
    try:
        return topic_facts(settings), None
    except FeedError as error:
        return {}, str(error)


def _topic(name: str, positions: list[PartitionPosition]) -> TopicStatus:
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


def _processes(settings: Settings) -> dict[str, bool] | None:
    if not settings.metrics_port:
        return None
    found = samples_of(settings.metrics_port, "histoire_process_up")
    return {labels["process"]: value == 1 for labels, value in found} or None


def register_status(app: typer.Typer) -> None:
    """Add `histoire status`."""

    @app.command()
    def status(
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    ) -> None:
        """Show how the system is: feed, store, dead letters, projections, processes.

        Exit code 1 when something is halted, away or down.
        """
        found = status_of(Settings.load())
        if as_json:
            print_json({**asdict(found), "healthy": found.healthy})
        else:
            _print(found)
        if not found.healthy:
            raise typer.Exit(Exit.FAILED)


def _print(found: Status) -> None:
    console = out()
    kinds = ("fetched", "accepted", "duplicate", "unchanged", "rejected", "lag")
    topics = Table("feed", *kinds, title=f"feed: {found.feed}", title_justify="left")
    for topic in found.topics:
        topics.add_row(topic.topic, *(f"{getattr(topic, kind):,}" for kind in kinds))
    console.print(topics)
    table = Table("projection", "build", "position", "lag", "behind", title_justify="left")
    table.title = f"store: {found.events:,} events, position {found.position:,}"
    for row in found.projections:
        behind = "?" if row.behind_seconds is None else f"{row.behind_seconds:,.1f} s"
        table.add_row(row.projection, str(row.build), f"{row.position:,}", f"{row.lag:,}", behind)
    console.print(table)
    for name, value in _lines(found):
        console.print(f"{name}: {value}")


def _lines(found: Status) -> list[tuple[str, Any]]:
    waiting = ", ".join(f"{code} {count:,}" for code, count in found.letters_waiting.items())
    up = found.processes
    processes = (
        "no group runs (histoire run)"
        if up is None
        else ", ".join(f"{name} {'up' if running else 'DOWN'}" for name, running in up.items())
    )
    lines: list[tuple[str, Any]] = [
        ("dead letters waiting", waiting or "none"),
        ("outcome batches to publish", f"{found.outcome_batches_waiting:,}"),
        ("processes", processes),
    ]
    lines += [("halted", line) for topic in found.topics for line in topic.halted]
    if found.feed_error:
        lines.append(("feed", found.feed_error))
    return lines
