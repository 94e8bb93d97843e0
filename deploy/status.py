"""`histoire status`: the same truth as the metrics and the audit, in a terminal.

It asks the store, the feed and the group's metrics endpoint; it starts and changes nothing but the
embedded database, which every command starts.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import typer
from rich.table import Table

from ingest.commands.errors import as_command_errors
from ingest.eventstore import EventStore
from ingest.feed import FeedError, TopicFacts, topic_facts
from ingest.read.positions import PartitionOffsets, offsets_of
from ingest.runtime.console import Exit, out, print_json
from ingest.runtime.options import Json
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections import PROJECTIONS
from projections.builds import Build, live_build
from schemas.feed.messages import FEED_TOPICS, NOTIFICATIONS, OUTCOMES

from .group_metrics import samples_of

TOPICS: Final = (*FEED_TOPICS, OUTCOMES, NOTIFICATIONS)
ENDINGS: Final[Mapping[int, str]] = {
    Exit.FAILED: "the work failed",
    Exit.USAGE: "wrong settings, or not migrated",
    Exit.STOPPED: "too many messages would be rejected",
    Exit.UNAVAILABLE: "a service is away",
    Exit.HALTED: "halted, a person must decide",
    Exit.MISSING: "a program is missing",
    Exit.INTERNAL: "a fault of ours",
}
"""What an exit code of a process of the group means; its log says more."""
LETTERS_LISTED = 10_000
"""Dead letters looked at for the counts by code; beyond it they are a lower bound."""


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
    """All of it at one moment. `processes`: those of the running group, whether each runs; None
    when none answers. `ended`: why those that do not run ended. `feed_error`: why the feed is away;
    `missing`: topics that it lacks.
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
        """OK: nothing is halted, missing or away, every process of a running group runs."""
        if self.feed_error:
            return Exit.UNAVAILABLE
        halted = any(topic.halted for topic in self.topics)
        down = self.processes is not None and not all(self.processes.values())
        return Exit.FAILED if halted or down or self.missing else Exit.OK


def status_of(settings: Settings) -> Status:
    """What is asked now. Raises what the store raises when it is away or not migrated."""
    facts, feed_error = _facts(settings)
    processes, ended = _processes(settings)
    with EventStore.open(settings) as store:
        fed = [fact for fact in facts.values() if fact.topic in FEED_TOPICS]
        positions = offsets_of(store.sources.all(), fed)
        counts = store.auditing.counts()
        end = store.reading.max_position()
        letters = store.dead_letters.page(limit=LETTERS_LISTED)
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


def ending(code: int) -> str:
    """An exit code of a process of the group in words."""
    if code < 0:
        return f"ended by signal {-code}"
    reason = ENDINGS.get(code)
    return f"exit code {code}" + (f": {reason}" if reason else "")


def register_status(app: typer.Typer) -> None:
    """Add `histoire status`."""

    @app.command()
    def status(
        as_json: Json = False,
    ) -> None:
        """Show how the system is: feed, store, dead letters, projections, processes.

        Exit codes: 1 when something is halted, missing or down; 2 not migrated; 4 the feed or the
        database is away.
        """
        with as_command_errors():
            found = status_of(Settings.load())
        if as_json:
            print_json({**asdict(found), "healthy": found.exit_code is Exit.OK})
        else:
            _print(found)
        if found.exit_code is not Exit.OK:
            raise typer.Exit(found.exit_code)


def _print(found: Status) -> None:
    console = out()
    kinds = ("fetched", "accepted", "duplicate", "unchanged", "rejected", "lag")
    topics = Table("feed", *kinds, title=f"feed: {found.feed}", title_justify="left")
    for topic in found.topics:
        topics.add_row(topic.topic, *(_shown(getattr(topic, kind)) for kind in kinds))
    console.print(topics)
    table = Table("projection", "build", "position", "lag", "behind", title_justify="left")
    table.title = f"store: {found.events:,} events, position {found.position:,}"
    for row in found.projections:
        behind = "?" if row.behind_seconds is None else f"{row.behind_seconds:,.1f} s"
        table.add_row(row.projection, str(row.build), f"{row.position:,}", f"{row.lag:,}", behind)
    console.print(table)
    for name, value in _lines(found):
        console.print(f"{name}: {value}")


def _shown(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _state(found: Status, process: str, running: bool) -> str:
    if running:
        return f"{process} up"
    end = found.ended.get(process)
    return f"{process} DOWN" + (f" ({end})" if end else "")


def _lines(found: Status) -> list[tuple[str, Any]]:
    waiting = ", ".join(f"{code} {count:,}" for code, count in found.letters_waiting.items())
    up = found.processes
    processes = (
        "no group runs (histoire run)"
        if up is None
        else ", ".join(_state(found, name, running) for name, running in up.items())
    )
    lines: list[tuple[str, Any]] = [
        ("dead letters waiting", waiting or "none"),
        ("outcome batches to publish", f"{found.outcome_batches_waiting:,}"),
        ("processes", processes),
    ]
    lines += [("halted", line) for topic in found.topics for line in topic.halted]
    if found.missing:
        said = f"{', '.join(found.missing)}. Run: histoire migrate"
        lines.append(("topics that do not exist", said))
    if found.feed_error:
        lines.append(("feed", found.feed_error))
    return lines
