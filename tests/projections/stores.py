"""A real store with a history in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from ingest.eventstore import AppendBatch, EventStore, HeadChange, NewEvent, RecordedEvent
from ingest.runtime.lifecycle import StopSignal
from ingest.runtime.settings import Settings
from projections import PROJECTIONS
from projections.live.loop import Progress, ProjectionLoop
from projections.projection import Projection
from schemas.heads import Head
from tests.projections.given import ins


def settings_of(dsn: str, home: Path, *, batch: int = 2000) -> Settings:
    return Settings(home=home, database_dsn=SecretStr(dsn), projection_batch=batch)


def make_records(store: EventStore, count: int) -> None:
    """Records 1 to `count` exist, of the identities of `given.ins`."""
    for number in range(1, count + 1):
        identity = ins(number)
        token = store.secrets.ins_hash(f"{identity['oid']}|{identity['matricule']}")
        assert store.identities.resolve([token])[token].record == number


def append(store: EventStore, events: Sequence[RecordedEvent], bases: dict[bytes, int]) -> None:
    """One batch; `bases` keeps the versions of the streams from batch to batch."""
    first: dict[bytes, int] = {}
    last: dict[bytes, RecordedEvent] = {}
    for index, event in enumerate(events):
        first.setdefault(event.stream, index)
        last[event.stream] = event
    heads = [
        HeadChange(
            stream,
            Head(event.record, event.version, 0, 0, (), None),
            bases.get(stream, 0),
            -1 if bases.get(stream) else first[stream],
        )
        for stream, event in last.items()
    ]
    new = [
        NewEvent(e.stream, e.record, e.version, e.name, e.message_id, e.encoded or b"")
        for e in events
    ]
    store.append(AppendBatch(events=new, heads=heads))
    bases.update({stream: event.version for stream, event in last.items()})


def append_all(store: EventStore, events: Sequence[RecordedEvent], size: int = 1000) -> None:
    bases: dict[bytes, int] = {}
    for at in range(0, len(events), size):
        append(store, events[at : at + size], bases)


def project(settings: Settings, projections: Sequence[Projection] = PROJECTIONS) -> Progress:
    """All projections, until idle."""
    return ProjectionLoop(settings, projections, StopSignal()).run(until_idle=True)
