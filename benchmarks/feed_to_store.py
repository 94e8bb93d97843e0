"""A: from the feed into the store, beside the bare loop. A2: the same with document bytes.

The path is the command itself, `histoire ingest --until-idle`, in a process of its own. It is
watched through its durable positions: the time runs from the rows they get at assignment, just
before the first poll, until they stand at the end of every partition.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from .feed import Feed, feed_settings
from .harness import Benchmark, BenchmarkError, Ratio, Run, Variant, run_between
from .place import Place
from .processes import commands, watch, work

ACCEPTED_LEAST: Final = 0.9
"""Below this share of accepted messages the speed is that of refusing."""
STEADY_FROM: Final = 0.2
"""Several ingestors are counted from this share on, when the group has settled."""
ENOUGH_CORES: Final = 2


@dataclass(slots=True)
class FeedToStore:
    """Measures what reads one feed. `stored`: database of the last run of the path, kept for C."""

    place: Place
    feed: Feed
    stored: str | None = None

    def bare(self) -> Run:
        """The bare loop into an empty database."""
        dsn = self.place.empty_database()
        try:
            run = work(self.place, "bare_loop", self.place.settings(), dsn=dsn, **self._told())
        finally:
            self.place.drop_database(dsn)
        return _with_bytes(run, self.feed)

    def files(self) -> Run:
        """Bytes into files, nothing else."""
        folder = self.place.new_folder()
        settings = self.place.settings()
        by_bytes = int(settings.batch_max_bytes) // self.feed.mean_bytes
        batch = max(1, min(settings.batch_max_records, by_bytes))
        try:
            return work(
                self.place,
                "copy_files",
                settings,
                folder=str(folder),
                batch=batch,
                **self._told(),
            )
        finally:
            shutil.rmtree(folder)

    def path(self, ingestors: int = 1) -> Run:
        """`histoire ingest --until-idle` so many times, into a freshly migrated store."""
        dsn = self.place.copy_database(self.feed.template)
        settings = feed_settings(self.place, self.feed.prefix, dsn)
        share = STEADY_FROM if ingestors > 1 else 0.0
        with psycopg.connect(dsn, autocommit=True) as conn:
            with commands(self.place, ["ingest", "--until-idle"], settings, ingestors) as running:
                begin, end, count = watch(
                    self.place,
                    running,
                    lambda: _stored(conn),
                    self.feed.messages,
                    from_share=share,
                )
            facts = _balance(conn, self.feed.messages)
        shutil.rmtree(settings.content_url, ignore_errors=True)
        self._keep(dsn)
        run = run_between(begin, end, count, facts=facts | {"ingestors": ingestors})
        return _with_bytes(run, self.feed)

    def _told(self) -> dict[str, Any]:
        broker = self.place.broker
        assert broker is not None, "a bare loop needs Kafka"
        return {
            "bootstrap": broker.bootstrap,
            "topics": self.feed.topics,
            "messages": self.feed.messages,
        }

    def _keep(self, dsn: str) -> None:
        if self.stored is not None:
            self.place.drop_database(self.stored)
        self.stored = dsn


def benchmark_a(measured: FeedToStore) -> Benchmark:
    """Metadata-only messages."""
    path = Variant("path", "histoire ingest, every guarantee on", measured.path)
    if measured.place.broker is None:
        note = f"over the embedded feed only, without the bare loop: {measured.place.no_broker}"
        return Benchmark("a", "feed to store", "messages", [path], [], [note])
    variants = [Variant("bare", "bare loop, no guarantee", measured.bare), path]
    ratios = [Ratio("path", "bare", 1.0)]
    if len(os.sched_getaffinity(0)) >= ENOUGH_CORES:
        label = f"two ingestors, from {STEADY_FROM:.0%} of the messages on"
        variants.append(Variant("path_2", label, lambda: measured.path(2)))
        ratios.append(Ratio("path_2", "bare"))
    return Benchmark("a", "feed to store", "messages", variants, ratios)


def benchmark_a2(measured: FeedToStore) -> Benchmark:
    """Messages with the bytes of their documents."""
    path = Variant("path", "histoire ingest: validated, sealed, stored", measured.path)
    title = "feed to store, with document bytes"
    if measured.place.broker is None:
        note = f"over the embedded feed only, without the floor: {measured.place.no_broker}"
        return Benchmark("a2", title, "messages", [path], [], [note])
    files = Variant("files", "bytes into fsync'ed files, nothing else", measured.files)
    return Benchmark("a2", title, "messages", [files, path], [Ratio("path", "files", 0.7)])


def _stored(conn: psycopg.Connection[Any]) -> int | None:
    row = conn.execute(
        "select count(*), coalesce(sum(next_offset - first_offset), 0)::bigint from source_position"
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[1]) if row[0] else None


def _balance(conn: psycopg.Connection[Any], messages: int) -> dict[str, Any]:
    """What became of the messages. Raises BenchmarkError unless nearly all were accepted."""
    cursor = conn.execute(
        "select sum(accepted)::bigint as accepted, sum(duplicate)::bigint as duplicate,"
        " sum(unchanged)::bigint as unchanged, sum(rejected)::bigint as rejected,"
        " sum(events)::bigint as events from source_position"
    )
    names = [column.name for column in cursor.description or ()]
    found = dict(zip(names, cursor.fetchone() or (), strict=True))
    total = sum(found[name] for name in names if name != "events")
    if total != messages:
        raise BenchmarkError(f"{messages} messages were published, {total} were accounted for")
    if found["accepted"] < ACCEPTED_LEAST * messages:
        raise BenchmarkError(f"only {found['accepted']} of {messages} messages were accepted")
    return found


def _with_bytes(run: Run, feed: Feed) -> Run:
    data = feed.bytes * run.count // feed.messages
    return Run(run.count, run.seconds, run.cpu, run.other, data, run.facts)
