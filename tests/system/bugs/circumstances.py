"""What must happen for some bugs to show; the right product goes through each of them unharmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from tests.system.bugs.planting import module


def a_zombie() -> None:
    """Every third batch comes once more, from an owner that was replaced while it slept."""
    batch, arrivals = module("ingest.batch.write"), module("ingest.read.arrivals")
    original, count = batch.BatchWriter.write, 0

    def copied(part: Any) -> Any:
        fresh = [
            arrivals.Arrival(a.source, a.partition, a.feed_record, a.read, a.attempt, a.dead_letter)
            for a in part.records
        ]
        return replace(part, records=fresh)

    def write(self: Any, parts: Any, gate: Any = batch.let_pass) -> Any:
        nonlocal count
        again = [copied(part) for part in parts]
        written = original(self, parts, gate)
        count += 1
        if count % 3 == 0:
            original(self, again)
        return written

    batch.BatchWriter.write = write


def a_commit_without_answer() -> None:
    """The connection is lost at the third COMMIT, which the server has done."""
    store, database = module("ingest.eventstore.store"), module("ingest.runtime.postgres.database")
    original, count = store.transaction, 0

    @contextmanager
    def transaction(conn: Any) -> Iterator[None]:
        nonlocal count
        with original(conn):
            yield
        count += 1
        if count == 3:
            conn.close()
            raise database.UnknownCommit("the connection was lost at COMMIT")

    store.transaction = transaction


def an_erasure_midway() -> None:
    """After the second of very small batches another process erases everybody met so far."""
    batch, stores = module("ingest.batch.write"), module("ingest.eventstore")
    consumer, settings = (
        module("ingest.consume.consumer").Consumer,
        module("ingest.runtime.settings"),
    )
    write_batch, poll, count = batch.BatchWriter.write, consumer._poll, 0
    met = set[str]()

    def poll_few(self: Any) -> Any:
        self._limits = replace(self._limits, feed_records=5)
        return poll(self)

    def write(self: Any, parts: Any, *more: Any) -> Any:
        nonlocal count
        met.update(a.read.ins for p in parts for a in p.records if hasattr(a.read, "ins"))
        written = write_batch(self, parts, *more)
        count += 1
        if count == 2:
            with stores.EventStore.open(settings.Settings.load()) as other:
                known = other.identities.lookup(other.secrets.ins_hash(ins) for ins in met)
                assert [other.erase(ref.record) for ref in known.values()]
        return written

    consumer._poll, batch.BatchWriter.write = poll_few, write


def an_analyst_writes() -> None:
    """While the third batch is written and not committed, an application of the library appends,
    and the projections are brought up to date.
    """
    store = module("ingest.eventstore.store")
    original, count = store.write_outcomes, 0

    def write_outcomes(*arguments: Any) -> None:
        nonlocal count
        original(*arguments)
        count += 1
        if count == 3 and _append_of_library():
            command = [sys.executable, "-m", "deploy", "project", "--until-idle"]
            subprocess.run(command, check=True, capture_output=True)

    store.write_outcomes = write_outcomes


def _append_of_library() -> bool:
    """Whether it could: the lock of the writers keeps it out while a batch is under way."""
    from eventsourcing.persistence import PersistenceError, StoredEvent

    from ingest.eventstore import EventStore
    from ingest.eventstore.library.recorder import HistoireRecorder
    from ingest.runtime.settings import Settings

    with EventStore.open(Settings.load()) as other:
        recorder = HistoireRecorder(other, "an-analyst")
        try:
            recorder.insert_events([StoredEvent(uuid4(), 1, "analysis:Noted", b"{}")])
        except PersistenceError:
            return False
    return True


def a_kill_among_documents() -> None:
    """Projecting dies once the timeline has rows of documents that are not committed."""
    projections = module("projections.live.runner")
    apply, crash_point = projections.Runner._apply, projections.crash_point
    among_documents = False

    def apply_page(self: Any, build: Any, page: Any) -> None:
        nonlocal among_documents
        names = {event.name for event in page.events}
        among_documents = self.projection.name == "timeline" and "document_submitted" in names
        apply(self, build, page)

    def dies(point: str) -> None:
        crash_point(point)
        if among_documents and point == "rows_written":
            os.kill(os.getpid(), signal.SIGKILL)

    projections.Runner._apply, projections.crash_point = apply_page, dies


CIRCUMSTANCES: Final[Mapping[str, Callable[[], None]]] = {
    plant.__name__: plant
    for plant in (
        *(a_zombie, a_commit_without_answer, an_erasure_midway, an_analyst_writes),
        a_kill_among_documents,
    )
}
