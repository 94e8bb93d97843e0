"""Reads what the decisions of a batch rest on: a fixed number of queries, none per message.

Successors of replaced documents and links between records are followed only where a message of the
batch needs them, which is rare.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ingest.decide.entitlement import needs_access_facts
from ingest.decide.kos import references_of
from ingest.eventstore import EventStore
from ingest.eventstore.batch import PendingLink, WaitingLetter
from ingest.facts.access import FACT_EVENTS, Said
from ingest.facts.evolve import CLOSED_BY
from ingest.facts.view import (
    LINE_MAX,
    Known,
    RecordHead,
    Submitted,
    document_of_head,
    record_of_head,
)
from ingest.read.arrivals import Arrival, read_dead_letters
from ingest.read.interpret import Interpreted
from ingest.read.site import Context
from schemas.codec.messages import decode_event
from schemas.events import DOCUMENT_REPLACED, DOCUMENT_SUBMITTED, RECORD_CLOSED, RecordFlags
from schemas.forms.stream_ids import document_stream, record_stream

from .identities import DeclaredReader
from .registry import RegistryReader


@dataclass(slots=True)
class Basis:
    """What was read for a batch. `bases`: versions of the streams that exist, as read.

    `asked`: records whose heads were read, each once: what else is said of them is read after.
    `registry`: versions of the entries that feeding rests on, as read (0: there is none).
    `links`, `letters`: all that waits for a document that a deposit of the batch may bring.
    """

    known: Known
    bases: dict[bytes, int] = field(default_factory=dict)
    links: list[PendingLink] = field(default_factory=list)
    letters: list[Arrival] = field(default_factory=list)
    waits_for: dict[int, bytes] = field(default_factory=dict)
    registry: dict[bytes, int] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)


class BasisReader:
    """Reads a `Basis` from a store."""

    def __init__(self, store: EventStore, context: Context) -> None:
        self._store = store
        self._context = context
        self._registry = RegistryReader(store, required=context.registry_required)
        self._declared = DeclaredReader(store)
        self._latest: Basis | None = None
        self._author_hash = lru_cache(maxsize=65_536)(store.secrets.author_hash)

    def read(self, arrivals: Sequence[Arrival]) -> Basis:
        """All that deciding these records may ask for."""
        context = self._context
        known = Known(self._author_hash, severities=context.severities, policy=context.policy)
        known.registry_required = context.registry_required
        basis = Basis(known)
        messages = _interpreted(arrivals)
        self._load_messages(basis, messages)
        self._load_waiting(basis, messages)
        messages += _interpreted(basis.letters)
        self._load_closures(basis, messages)
        self._load_documents(basis, messages)
        self._load_companions(basis, messages)
        self._load_persons(basis, messages)
        self._load_versions(basis, messages)
        self._load_declared(basis, messages)
        self._load_registry(basis, messages)
        self._latest = basis
        return basis

    def appended(self) -> None:
        """What was decided on the basis read last is committed, whole: what it says of declared
        identities need not be read again.
        """
        if self._latest is not None:
            known, bases = self._latest.known, self._latest.bases
            before = {record: bases.get(record_stream(record), 0) for record in known.records}
            self._declared.appended(before, known.records, known.declared)
            self._latest = None

    def _load_registry(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """Whether software and companies may feed, and what the registry is told."""
        basis.known.registry, basis.registry = self._registry.read(messages)
        basis.bases.update((stream, v) for stream, v in basis.registry.items() if v)

    def _load_messages(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """Records, heads of documents and records, and what was applied."""
        known = basis.known
        inses = {message.ins for message in messages if message.ins}
        inses.update(message.other_ins for message in messages if message.other_ins)
        tokens = {ins: self._store.secrets.token(ins) for ins in inses.difference(known.refs)}
        refs = self._store.identities.resolve(tokens.values())
        known.refs.update((ins, refs[token]) for ins, token in tokens.items())
        streams = {message.stream for message in messages if message.stream}
        streams.update(message.target for message in messages if message.target)
        self._load_heads(basis, streams, {known.refs[ins].record for ins in inses})
        asked = [m.message_id for m in messages if m.name != "DepositDocument"]
        if asked:
            known.applied.update(self._store.reading.applied(asked))

    def _load_heads(
        self, basis: Basis, streams: Iterable[bytes], records: Iterable[int] = ()
    ) -> None:
        known = basis.known
        record_of = {record_stream(one): one for one in records if one not in basis.asked}
        basis.asked.update(record_of.values())
        wanted = {*streams, *record_of}.difference(basis.bases)
        if not wanted:
            return
        for stream, head in self._store.reading.heads(wanted).items():
            basis.bases[stream] = head.version
            record = record_of.get(stream)
            if record is None:
                known.documents[stream] = document_of_head(head)
            else:
                known.records[record] = record_of_head(head)

    def _load_waiting(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """What waits for the documents that are new: links, and letters with all they need."""
        streams = {m.stream for m in messages if m.submitted and m.stream}.difference(basis.bases)
        if not streams:
            return
        basis.links = self._store.reading.pending_links(streams)
        for link in basis.links:
            before = basis.known.pending.get(link.target, ())
            basis.known.pending[link.target] = (*before, link.by)
        letters: list[WaitingLetter] = self._store.dead_letters.waiting_for(streams)
        basis.letters = read_dead_letters(letters, self._context)
        basis.waits_for = {a.letter: a.waits_for for a in letters if a.waits_for}
        self._load_messages(basis, _interpreted(basis.letters))

    def _load_closures(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """Why records are closed, where that decides and their heads do not say it: they did not
        before these bits were kept, nor do they of a closure that the person asked for.
        """
        known = basis.known
        asked = {known.refs[m.ins].record for m in messages if m.ins and _asks_why_closed(m)}
        heads = {record: known.record_head(record) for record in asked}
        unsaid = {r: head for r, head in heads.items() if head.state & _WHY_CLOSED == _CLOSED}
        if not unsaid:
            return
        for event, said in self._store.reading.said(unsaid, (RECORD_CLOSED,)):
            head = unsaid[event.record]
            if event.version <= head.version:
                why = CLOSED_BY.get(said["reasonCode"], 0)
                known.records[event.record] = head._replace(state=head.state | why)

    def _load_documents(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """First events of documents deposited again, and the successors where masks may pass."""
        known = basis.known
        bys = {link.by for link in basis.links}
        self._load_heads(basis, bys)
        again: set[bytes | None] = {
            m.stream for m in messages if m.submitted and m.stream in known.documents
        }
        if known.policy.parts_author_from_organisation:
            again |= {m.target if m.submitted else m.stream for m in messages}
        self._load_submitted(basis, bys | {stream for stream in again if stream is not None})
        asked = {m.stream for m in messages if m.stream and _asks_for_successors(m)}
        self._load_lines(basis, bys | asked)

    def _load_companions(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """Documents of imaging that name a study or accession of one that comes or changes status,
        then the reports of the KOS among them.
        """
        known = basis.known
        changed = {m.stream for m in messages if m.stream and m.name in _CHANGE_STATUS}
        self._load_submitted(basis, changed & known.documents.keys())
        firsts = [known.submitted[stream] for stream in changed & known.submitted.keys()]
        asked = _references(firsts) | _references(
            Submitted(known.refs[m.ins].record, m.datum) for m in messages if m.submitted
        )
        for _ in ("those that serve", "what they serve"):
            new = asked - known.referring.keys()
            if not new:
                return
            asked = self._load_referring(basis, new)

    def _load_referring(self, basis: Basis, references: set[str]) -> set[str]:
        """Documents that refer to these; what else these refer to."""
        known, hashed = basis.known, self._store.secrets.reference
        named = {hashed(reference): reference for reference in references}
        known.referring.update((reference, {}) for reference in references)
        for reference, stream in self._store.reading.referring(named):
            known.referring[named[reference]][stream] = None
        streams = {stream for reference in references for stream in known.referring[reference]}
        self._load_heads(basis, streams)
        self._load_submitted(basis, streams)
        return _references(known.submitted[stream] for stream in streams)

    def _load_lines(self, basis: Basis, streams: Iterable[bytes]) -> None:
        """All successors of these documents, direct or not."""
        known = basis.known
        todo = {stream for stream in streams if _is_replaced(known, stream)}
        todo -= known.successors.keys()
        for _ in range(LINE_MAX + 1):
            if not todo:
                return
            todo = self._follow(basis, todo)

    def _follow(self, basis: Basis, streams: Iterable[bytes]) -> set[bytes]:
        """The successors of replaced documents; those among them that are replaced themselves."""
        known, found = basis.known, set[bytes]()
        said: dict[bytes, dict[bytes, None]] = {stream: {} for stream in streams}
        for event in self._store.reading.read_streams(said):
            if event.name == DOCUMENT_REPLACED and event.state is not None:
                by = decode_event("DocumentReplaced", event.state)["replacedBy"]
                said[event.stream][document_stream(by)] = None
        for stream, successors in said.items():
            known.successors[stream] = tuple(successors)
            found.update(successors)
        self._load_heads(basis, found)
        self._load_submitted(basis, found)
        return {s for s in found if s not in known.successors and _is_replaced(known, s)}

    def _load_submitted(self, basis: Basis, streams: set[bytes]) -> None:
        known = basis.known
        wanted = streams - known.submitted.keys()
        if not wanted:
            return
        for stream, event in self._store.reading.submitted(wanted).items():
            datum = None if event.state is None else decode_event("DepositDocument", event.state)
            known.submitted[stream] = Submitted(event.record, datum)

    def _load_persons(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """Links of the records that must be one person's, with the heads of all of them."""
        known = basis.known
        asked = {known.refs[m.ins].record for m in messages if m.ins and needs_access_facts(m)}
        todo = _records_to_compare(basis, messages) | asked
        while todo:
            # Heads before links: a link made in between is found by the re-check of the version.
            self._load_heads(basis, (), todo)
            links = self._store.reading.links(todo)
            known.links.update(links)
            todo = {other for others in links.values() for other in others} - known.links.keys()
        if asked:
            # Of everybody who is or may become the same person within the batch.
            known.access = {record: [] for record in known.links}
            for event, said in self._store.reading.said(known.links, FACT_EVENTS):
                known.access[event.record].append(Said(event.position, event.name, said))

    def _load_declared(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """The identities declared on records that are declared again, or get new documents with
        traits to compare.
        """
        known, heads = basis.known, dict[int, RecordHead]()
        compares = known.severities.of("traits_differ") != "off"
        for message in messages:
            if message.submitted:
                asks = compares and message.datum["document"]["sourcePatientInfo"] is not None
                asks = asks and message.stream not in known.documents
            else:
                asks = message.name == "DeclareIdentity"
            if asks:
                record = known.refs[message.ins].record
                heads[record] = known.record_head(record)
        known.declared = self._declared.read(heads)

    def _load_versions(self, basis: Basis, messages: Sequence[Interpreted]) -> None:
        """Where records are to be linked: the documents of both persons that replace another, in
        the order they came, and all that they name (`join_versions`).
        """
        known = basis.known
        inses = {ins for m in messages if m.name == "LinkIns" for ins in (m.ins, m.other_ins)}
        records = {known.refs[ins].record for ins in inses if ins}
        if not records:
            return
        persons = frozenset().union(*(known.person(record) for record in records))
        firsts = {
            event.stream: Submitted(event.record, said)
            for event, said in self._store.reading.said(persons, (DOCUMENT_SUBMITTED,))
        }
        kept = dict[bytes, None]()
        for stream, first in firsts.items():
            replaces = None if first.datum is None else first.datum["document"]["replaces"]
            if replaces is not None:
                kept |= {stream: None, document_stream(replaces): None}
        known.submitted = {s: first for s, first in firsts.items() if s in kept} | known.submitted
        self._load_heads(basis, kept)
        self._load_lines(basis, kept)


def _interpreted(arrivals: Sequence[Arrival]) -> list[Interpreted]:
    return [arrival.read for arrival in arrivals if isinstance(arrival.read, Interpreted)]


def _references(firsts: Iterable[Submitted]) -> set[str]:
    """Studies and accessions that these documents name; none of erased ones."""
    return {
        reference
        for first in firsts
        if first.datum is not None
        for reference in references_of(first.record, first.datum["document"])
    }


_CHANGE_STATUS: Final = frozenset({"ArchiveDocument", "UnarchiveDocument", "DeleteDocument"})


_CLOSED: Final = RecordFlags.CLOSED.value
_WHY_CLOSED: Final = _CLOSED | sum(CLOSED_BY.values())


def _asks_why_closed(message: Interpreted) -> bool:
    """Who opens a record again, and what is told of old documents, depends on it."""
    if message.submitted:
        return bool(message.datum["provenance"]["channel"] == "HISTORICAL")
    return message.name in ("OpenRecord", "CloseRecord")


def _asks_for_successors(message: Interpreted) -> bool:
    """A mask may pass to them; whether a document is current depends on whose they are."""
    if message.name == "ChangeVisibility":
        return message.datum["masquePs"] is not None
    return message.name in ("ArchiveDocument", "UnarchiveDocument")


def _is_replaced(known: Known, stream: bytes) -> bool:
    state = known.documents.get(stream)
    return state is not None and state.replaced_by is not None


def _records_to_compare(basis: Basis, messages: Sequence[Interpreted]) -> set[int]:
    """Both records wherever a message and the document it is about are not of one record.

    Documents that the batch itself brings count too.
    """
    known = basis.known
    record_of = {stream: state.record for stream, state in known.documents.items()}
    for message in messages:
        if message.submitted and message.stream is not None:
            record_of.setdefault(message.stream, known.refs[message.ins].record)
    found = set[int]()
    for message in messages:
        if not message.ins:
            continue
        record = known.refs[message.ins].record
        for stream in (message.stream, message.target):
            other = record_of.get(stream, record) if stream else record
            if other != record:
                found |= {record, other}
        if message.other_ins is not None:
            found |= {record, known.refs[message.other_ins].record}
    for stream, successors in known.successors.items():
        concerned = {record_of[at] for at in (stream, *successors) if at in record_of}
        if len(concerned) > 1:
            found |= concerned
    for link in basis.links:
        target, by = record_of.get(link.target), record_of.get(link.by)
        if target is not None and by is not None and target != by:
            found |= {target, by}
    return found
