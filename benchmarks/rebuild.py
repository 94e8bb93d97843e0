"""C: from store to timeline: rebuilt, live, and the floor of both, on the events that A stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import psycopg
from pydantic import SecretStr

from ingest.runtime.settings import Settings

from .harness import Benchmark, Ratio, Run, Variant, run_between
from .place import Place, name_of
from .processes import commands, watch, work

ONLY_TIMELINE = ["project", "--until-idle", "--only", "timeline"]


@dataclass(slots=True)
class Rebuild:
    """Measures on copies of one store. `fresh`: nothing projected yet; `live`: all of it."""

    place: Place
    fresh: str
    live: str

    def read(self) -> Run:
        """Read, open, decode; nothing else."""
        return self._work("read_all", self.fresh)

    def project(self) -> Run:
        """The live projection, from nothing to the end of the log."""
        dsn = self.place.copy_database(self.fresh)
        try:
            return _project(self.place, dsn)
        finally:
            self.place.drop_database(dsn)

    def replay(self, workers: int) -> Run:
        """A rebuild beside the live one, compared and switched."""
        return self._work("rebuild", self.live, workers=workers)

    def _work(self, module: str, template: str, **told: Any) -> Run:
        dsn = self.place.copy_database(template)
        try:
            return work(self.place, module, _settings(self.place, dsn), **told)
        finally:
            self.place.drop_database(dsn)


def benchmark_c(place: Place, stored: str) -> Benchmark:
    """On copies of the store of this DSN, whose timeline is projected here once."""
    live = place.copy_database(name_of(stored))
    _project(place, live)
    measured = Rebuild(place, name_of(stored), name_of(live))
    variants = [
        Variant("read", "read, open and decode all, do nothing", measured.read),
        Variant("live", "histoire project, the live timeline", measured.project),
        Variant("replay_1", "rebuilt, compared, switched: 1 worker", lambda: measured.replay(1)),
    ]
    ratios = [Ratio("replay_1", "read"), Ratio("live", "read")]
    if len(os.sched_getaffinity(0)) > 1:
        label = "rebuilt, compared, switched: 2 workers"
        variants.append(Variant("replay_2", label, lambda: measured.replay(2)))
        ratios.insert(0, Ratio("replay_2", "read"))
    return Benchmark("c", "store to timeline", "events", variants, ratios)


def _settings(place: Place, dsn: str) -> Settings:
    return place.settings(
        database_dsn=SecretStr(dsn),
        content_dir=str(place.home / f"content-{name_of(dsn)}"),
        metrics_port=0,
        log_level="warning",
    )


def _project(place: Place, dsn: str) -> Run:
    with psycopg.connect(dsn, autocommit=True) as conn:
        total = _count(conn, "select max(position) from event") or 0
        with commands(place, ONLY_TIMELINE, _settings(place, dsn)) as running:
            # Counted from the first batch on: before it nothing tells that it has begun.
            begin, end, count = watch(place, running, lambda: _projected(conn), total)
    return run_between(begin, end, count)


def _projected(conn: psycopg.Connection[Any]) -> int | None:
    return (
        _count(
            conn,
            "select b.position from projection.build b join projection.live l"
            " on l.projection = b.projection and l.build = b.number"
            " where b.projection = 'timeline'",
        )
        or None
    )


def _count(conn: psycopg.Connection[Any], query: str) -> int | None:
    row = conn.execute(query.encode()).fetchone()
    return None if row is None or row[0] is None else int(row[0])
