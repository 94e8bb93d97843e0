"""Reads what decisions need into a basis: one query per kind of need, none per message.

Each kind is read by a function of its own, which first reads the heads that it depends on: what was
appended to a stream after its head was read is found when versions are compared under the lock
(decision 0014). Therefore kinds may be read in any order.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import RecordedEvent
from ingest.facts.access import FACT_EVENTS, AccessEvent
from ingest.facts.heads import NO_HEAD, FirstEvent
from ingest.facts.needs import (
    ACCESS,
    APPLIED,
    DECLARED,
    DOCUMENT,
    ENTRY,
    FIRST_EVENT,
    IDENTITY,
    PERSON,
    RECORD,
    REFERRING,
    SUCCESSORS,
    VERSIONS,
    WAITING,
    Key,
    Need,
)
from ingest.facts.view import LATER_VERSIONS_MAX
from ingest.read.arrivals import Arrival, read_dead_letters
from ingest.read.site import Context
from schemas.events import DOCUMENT_REPLACED, DOCUMENT_SUBMITTED
from schemas.feed.messages import DepositDocument
from schemas.forms.stream_ids import document_stream, record_stream

from .basis import Basis
from .entries import EntryReader
from .identities import DeclaredReader


class Loader:
    """Fills one basis. What is there already is not read again."""

    def __init__(
        self,
        store: EventStore,
        context: Context,
        basis: Basis,
        entries: EntryReader,
        declared: DeclaredReader,
    ) -> None:
        self._store = store
        self._context = context
        self._basis = basis
        self._view = basis.view
        self._entries = entries
        self._declared = declared
        self._new_letters: list[Arrival] = []
        self._reads: Mapping[str, Callable[[set[Key]], None]] = {
            IDENTITY: cast(Callable[[set[Key]], None], self._identities),
            DOCUMENT: cast(Callable[[set[Key]], None], self._documents),
            RECORD: cast(Callable[[set[Key]], None], self._records),
            APPLIED: cast(Callable[[set[Key]], None], self._applied),
            FIRST_EVENT: cast(Callable[[set[Key]], None], self._first_events),
            WAITING: cast(Callable[[set[Key]], None], self._waiting),
            SUCCESSORS: cast(Callable[[set[Key]], None], self._successors),
            PERSON: cast(Callable[[set[Key]], None], self._persons),
            DECLARED: cast(Callable[[set[Key]], None], self._identities_declared),
            ACCESS: cast(Callable[[set[Key]], None], self._access),
            ENTRY: cast(Callable[[set[Key]], None], self._registry),
            REFERRING: cast(Callable[[set[Key]], None], self._referring),
            VERSIONS: cast(Callable[[set[Key]], None], self._versions),
        }

    def load(self, needs: Iterable[Need]) -> list[Arrival]:
        """All of these are in the basis. The dead letters that wait for documents among them, which
        were not in it before.
        """
        keys = defaultdict[str, set[Key]](set)
        for kind, key in needs:
            keys[kind].add(key)
        heads = cast(set[bytes], keys.pop(DOCUMENT, set())), cast(set[int], keys.pop(RECORD, set()))
        if any(heads):
            self._heads(*heads)
        for kind, wanted in keys.items():
            self._reads[kind](wanted)
        letters, self._new_letters = self._new_letters, []
        return letters

    # Heads

    def _documents(self, streams: set[bytes]) -> None:
        self._heads(streams, ())

    def _records(self, records: Iterable[int]) -> None:
        self._heads((), records)

    def _heads(self, streams: Iterable[bytes], records: Iterable[int]) -> None:
        view, versions = self._view, self._basis.versions
        documents = {stream for stream in streams if stream not in view.documents}
        record_of = {record_stream(one): one for one in records if one not in view.records}
        wanted = documents.union(record_of)
        if not wanted:
            return
        heads = self._store.reading.heads(wanted)
        for stream in wanted:
            head = heads.get(stream)
            versions[stream] = 0 if head is None else head.version
            record = record_of.get(stream)
            if record is None:
                view.documents[stream] = head
            else:
                view.records[record] = NO_HEAD if head is None else head

    # Messages, and the records they are about

    def _identities(self, inses: set[str]) -> None:
        refs = self._view.refs
        tokens = {ins: self._store.secrets.ins_hash(ins) for ins in inses if ins not in refs}
        if tokens:
            found = self._store.identities.resolve(tokens.values())
            refs.update((ins, found[token]) for ins, token in tokens.items())

    def _applied(self, message_ids: set[bytes]) -> None:
        applied = self._view.applied
        wanted = message_ids - applied.keys()
        if wanted:
            found = self._store.reading.applied(wanted)
            applied.update((message_id, found.get(message_id)) for message_id in wanted)

    # Documents

    def _first_events(self, streams: set[bytes]) -> None:
        self._documents(streams)
        view = self._view
        wanted = streams - view.first_events.keys()
        stored = {stream for stream in wanted if view.documents[stream] is not None}
        view.first_events.update(dict.fromkeys(wanted))
        if stored:
            for stream, event in self._store.reading.submitted(stored).items():
                view.first_events[stream] = first_event(event)

    def _waiting(self, streams: set[bytes]) -> None:
        """Only of documents that have not come: nothing waits for one that has."""
        self._documents(streams)
        view, basis = self._view, self._basis
        wanted = streams - view.waiting.keys()
        unknown = {stream for stream in wanted if view.documents[stream] is None}
        view.waiting.update(dict.fromkeys(wanted, ()))
        if not unknown:
            return
        for link in self._store.reading.pending_links(unknown):
            basis.links.append(link)
            view.waiting[link.target] = (*view.waiting[link.target], link.by)
        waiting = self._store.dead_letters.waiting_for(unknown)
        stream_of = {one.letter: one.waits_for for one in waiting}
        for letter in read_dead_letters(waiting, self._context):
            stream = None if letter.dead_letter is None else stream_of[letter.dead_letter]
            if stream is not None:
                basis.letters.setdefault(stream, []).append(letter)
                self._new_letters.append(letter)

    def _successors(self, streams: set[bytes]) -> None:
        """With all that come after them, their heads and their deposits."""
        self._documents(streams)
        todo = self._replaced(streams)
        for _ in range(LATER_VERSIONS_MAX + 1):
            if not todo:
                return
            found = self._direct_successors(todo)
            self._first_events(found)
            todo = self._replaced(found)

    def _replaced(self, streams: Iterable[bytes]) -> set[bytes]:
        """Those of these that are replaced, and whose successors were not read."""
        view, found = self._view, set[bytes]()
        for stream in streams:
            head = view.documents[stream]
            if head is not None and head.replaced_by is not None and stream not in view.successors:
                found.add(stream)
        return found

    def _direct_successors(self, streams: Iterable[bytes]) -> set[bytes]:
        successors: dict[bytes, dict[bytes, None]] = {stream: {} for stream in streams}
        for event in self._store.reading.read_streams(successors):
            if event.name == DOCUMENT_REPLACED and not event.erased:
                by = event.datum["replacedBy"]
                successors[event.stream][document_stream(by)] = None
        self._view.successors.update((s, tuple(found)) for s, found in successors.items())
        return {by for found in successors.values() for by in found}

    def _referring(self, references: set[str]) -> None:
        """With the heads and the deposits of the documents."""
        referring, hashed = self._view.referring, self._store.secrets.reference
        wanted = references - referring.keys()
        if not wanted:
            return
        named = {hashed(reference): reference for reference in wanted}
        referring.update(dict.fromkeys(wanted, ()))
        for reference, stream in self._store.reading.referring(named):
            referring[named[reference]] = (*referring[named[reference]], stream)
        self._first_events({stream for one in wanted for stream in referring[one]})

    def _versions(self, records: set[int]) -> None:
        """With the heads, deposits and later versions of the documents and of what they replace."""
        self._records(records)
        view = self._view
        wanted = records - view.versions.keys()
        if not wanted:
            return
        found: dict[int, tuple[bytes, ...]] = dict.fromkeys(wanted, ())
        named = set[bytes]()
        for event in self._store.reading.named(wanted, (DOCUMENT_SUBMITTED,)):
            replaces = cast(DepositDocument, event.datum)["document"]["replaces"]
            if replaces is not None:
                found[event.record] = (*found[event.record], event.stream)
                named |= {event.stream, document_stream(replaces)}
        self._first_events(named)
        self._successors(named)
        view.versions.update(found)

    # Persons

    def _persons(self, records: set[int]) -> None:
        """Links followed to the end, with the heads of all records."""
        links = self._view.links
        todo = records - links.keys()
        while todo:
            # Heads before links: a link made in between is found by the re-check of the version.
            self._records(todo)
            links.update(self._store.reading.links(todo))
            todo = {other for one in todo for other in links[one]} - links.keys()

    def _identities_declared(self, records: set[int]) -> None:
        self._records(records)
        view = self._view
        wanted = records - view.declared.keys()
        view.declared.update(self._declared.read({one: view.records[one] for one in wanted}))

    def _access(self, records: set[int]) -> None:
        self._records(records)
        access = self._view.access
        wanted = records - access.keys()
        if not wanted:
            return
        found: dict[int, list[AccessEvent]] = {record: [] for record in wanted}
        for event in self._store.reading.named(wanted, FACT_EVENTS):
            found[event.record].append(AccessEvent(event.position, event.name, event.datum))
        access.update((record, tuple(events)) for record, events in found.items())

    # The registry

    def _registry(self, streams: set[bytes]) -> None:
        view, basis = self._view, self._basis
        wanted = streams - view.entries.keys()
        if wanted:
            entries = self._entries.read(wanted)
            view.entries.update(entries)
            basis.entries.update((stream, one.version) for stream, one in entries.items())
            basis.versions.update(basis.entries)


def first_event(event: RecordedEvent) -> FirstEvent:
    """What the first event of a document tells; without its datum when its key is destroyed."""
    datum = None if event.erased else event.datum
    return FirstEvent(event.record, cast("DepositDocument | None", datum), event.position)
