"""The whole registry, folded from its events as they come: for lists and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ingest.eventstore import EventStore
from ingest.facts.registry import (
    KIND_OF,
    NO_ENTRY,
    EntryState,
    Kind,
    Period,
    RegistryEntry,
    evolve_entry,
)

PAGE: Final = 5000
STATES: Final[tuple[EntryState, ...]] = ("announced", "valid", "expired", "withdrawn")


@dataclass(frozen=True, slots=True, order=True)
class EntryKey:
    """What an entry is called."""

    kind: Kind
    id: str


class RegistryListing:
    """Every entry, up to the last `refresh`."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._position = 0
        self.entries: dict[EntryKey, RegistryEntry] = {}

    def refresh(self) -> None:
        """What was appended since is known too."""
        while page := self._store.reading.registry_events(self._position, PAGE):
            for event in page:
                self._position = event.position
                if event.name in KIND_OF and not event.erased:
                    datum = event.datum
                    key = EntryKey(KIND_OF[event.name], datum["id"])
                    before = self.entries.get(key, NO_ENTRY)
                    self.entries[key] = evolve_entry(before, event.name, datum)

    def counts(self, moment_ms: int) -> Counter[tuple[Kind, EntryState]]:
        """How many entries of each kind are in each state at a moment."""
        states = ((key.kind, entry.state_at(moment_ms)) for key, entry in self.entries.items())
        return Counter((kind, state) for kind, state in states if state is not None)


def history(store: EventStore, stream: bytes) -> Iterator[dict[str, Any]]:
    """What the registry was told of one entry, in order, as JSON would have it."""
    for event in store.reading.read_stream(stream):
        if not event.erased:
            moment = event.recorded_at.isoformat()
            yield {"recordedAt": moment, "event": event.name, **event.datum}


def told(key: EntryKey, entry: RegistryEntry, moment_ms: int) -> dict[str, Any]:
    """An entry as JSON would have it."""
    return {
        "kind": key.kind.name.lower(),
        "id": key.id,
        "state": entry.state_at(moment_ms),
        "periods": [_period(period) for period in entry.periods],
        **{
            field: value
            for field, value in (entry.reference or {}).items()
            if field not in _LEFT_OUT
        },
        "evaluated": _without_source(entry.evaluated),
        "withdrawn": _without_source(entry.withdrawn),
    }


_LEFT_OUT: Final = frozenset({"source", "id"})


def _without_source(said: Any) -> dict[str, Any] | None:
    return None if said is None else {k: v for k, v in said.items() if k not in _LEFT_OUT}


def _period(period: Period) -> dict[str, Any]:
    return {
        "from": _moment(period.begin),
        "before": None if period.end is None else _moment(period.end),
        "withdrawn": period.withdrawn,
    }


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
