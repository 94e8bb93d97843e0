"""Reads the entries of the registry that a batch rests on.

Kept by version: a head that has not moved is not read again. What was read is looked up once more
under the lock (decision 0014), so a decision never depends on what is kept here.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from ingest.decide.registry import REGISTRY_MESSAGES, kind_of_message, streams_asked
from ingest.eventstore import EventStore
from ingest.facts.registry import KIND_STREAM, NO_ENTRY, Kind, RegistryEntry, evolve_entry
from ingest.read.interpret import Interpreted
from schemas.codec.messages import decode_event
from schemas.events import SCHEMA_OF

KEPT_MAX: Final = 100_000
_FEEDS: Final = "DepositDocument"
_JUDGED: Final = frozenset({Kind.SOFTWARE, Kind.COMPANY})
"""Kinds that feeding rests on, as far as they are in use."""
Entries = dict[bytes, RegistryEntry]


class RegistryReader:
    """Reads entries from a store. One thread at a time."""

    def __init__(self, store: EventStore, *, required: bool) -> None:
        """`required`: every kind is in use, also without an entry."""
        self._store = store
        self._required = required
        self._kept: Entries = {}

    def read(self, messages: Sequence[Interpreted]) -> tuple[Entries, dict[bytes, int]]:
        """The entries there are of those that these messages rest on, and the versions of all of
        them as read (0: there is none).
        """
        asking = [m for m in messages if m.name == _FEEDS or m.name in REGISTRY_MESSAGES]
        if not asking:
            return {}, {}
        told = {kind_of_message(m) for m in asking if m.name in REGISTRY_MESSAGES}
        wanted = told | (_JUDGED if any(m.name == _FEEDS for m in asking) else frozenset())
        kinds = self._entries(KIND_STREAM[kind] for kind in wanted)
        versions = {KIND_STREAM[kind]: 0 for kind in wanted if KIND_STREAM[kind] not in kinds}
        if not (kinds or told or self._required):
            return {}, versions
        asked = {stream for message in asking for stream in streams_asked(message)}
        found = self._entries(asked)
        versions |= dict.fromkeys(asked, 0)
        versions |= {stream: entry.version for stream, entry in found.items()}
        return kinds | found, versions

    def _entries(self, streams: Iterable[bytes]) -> Entries:
        versions = {s: head.version for s, head in self._store.reading.heads(streams).items()}
        kept = self._kept
        moved = {s for s, version in versions.items() if kept.get(s, NO_ENTRY).version != version}
        if moved:
            if len(kept) + len(moved) > KEPT_MAX:
                kept.clear()
                moved = set(versions)
            kept.update(self._folded(moved, versions))
        return {stream: kept[stream] for stream in versions}

    def _folded(self, streams: Iterable[bytes], versions: dict[bytes, int]) -> Entries:
        """Folded up to these versions: what came since is found by the check under the lock."""
        folded = dict.fromkeys(streams, NO_ENTRY)
        for event in self._store.reading.read_streams(folded):
            if event.version <= versions[event.stream] and event.state is not None:
                datum = decode_event(SCHEMA_OF[event.name], event.state)
                folded[event.stream] = evolve_entry(folded[event.stream], event.name, datum)
        return folded
