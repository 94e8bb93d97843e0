"""Reads the entries of the registry that a batch rests on.

Kept by version: a head that has not moved is not read again. What was read is looked up once more
under the lock (decision 0014); no decision depends on what is kept here.
"""

from collections.abc import Iterable
from typing import Final

from ingest.eventstore import EventStore
from ingest.facts.registry import NO_ENTRY, RegistryEntry, evolve_entry

KEPT_MAX: Final = 100_000
Entries = dict[bytes, RegistryEntry]


class EntryReader:
    """Reads entries from a store. One thread at a time."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._kept: Entries = {}

    def read(self, streams: Iterable[bytes]) -> Entries:
        """These entries; `NO_ENTRY` where there is none."""
        wanted = set(streams)
        versions = {s: head.version for s, head in self._store.reading.heads(wanted).items()}
        kept = self._kept
        moved = {s for s, version in versions.items() if kept.get(s, NO_ENTRY).version != version}
        if moved:
            if len(kept) + len(moved) > KEPT_MAX:
                kept.clear()
                moved = set(versions)
            kept.update(self._folded(moved, versions))
        return {stream: kept[stream] if stream in versions else NO_ENTRY for stream in wanted}

    def _folded(self, streams: Iterable[bytes], versions: dict[bytes, int]) -> Entries:
        """Folded up to these versions: what came since is found by the check under the lock."""
        folded = dict.fromkeys(streams, NO_ENTRY)
        for event in self._store.reading.read_streams(folded):
            if event.version <= versions[event.stream] and not event.erased:
                entry = folded[event.stream]
                folded[event.stream] = evolve_entry(entry, event.name, event.datum)
        return folded
