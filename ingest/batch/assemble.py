"""Decides a batch in message order and puts together what one transaction writes (decision
0014).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingest.basis.prefetch import Basis
from ingest.decide.decide import apply_decision, decide
from ingest.decide.document import TARGET_UNKNOWN
from ingest.decide.kos import references_of
from ingest.eventstore.log.batch import (
    AppendBatch,
    AppliedMessage,
    HeadChange,
    NewContent,
    NewEvent,
    NewReference,
)
from ingest.facts.view import Decision
from ingest.read.arrivals import Answer, Arrival
from ingest.read.interpret import Interpreted, Refused
from schemas.codec.messages import encode
from schemas.events import SCHEMA_OF
from schemas.feed.outcomes import REJECTED
from schemas.forms.stream_ids import record_stream
from schemas.rules.table.rejections import Rejection


@dataclass(slots=True)
class Decided:
    """A batch decided: every arrival has its answer.

    `letters`: dead letters decided again, in the order they were. `names`: events by name.
    """

    batch: AppendBatch
    letters: list[Arrival]
    names: dict[str, int]


def rejected(rejection: Rejection, read: Interpreted | Refused) -> Answer:
    """The answer that refuses a message, with the warnings on it all the same."""
    return Answer(REJECTED, rejection.code, rejection.path, read.warnings)


@dataclass(slots=True)
class Assembly:
    """One batch under construction. Take the arrivals in order, then `finish`."""

    basis: Basis
    batch: AppendBatch = field(default_factory=AppendBatch)
    letters: list[Arrival] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _versions: dict[bytes, int] = field(default_factory=dict)
    _records: dict[bytes, int] = field(default_factory=dict)
    _first: dict[bytes, int] = field(default_factory=dict)
    _parked: dict[bytes, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    _waiting: dict[bytes, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    _by: Arrival | None = None

    def __post_init__(self) -> None:
        # Refusals rest on the registry too: it is the same whatever was kept of it.
        self.batch.record_versions.update(self.basis.registry)
        for arrival in self.basis.letters:
            if arrival.letter is not None:
                self._waiting[self.basis.waits_for[arrival.letter]].append(arrival)

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """Decide these, in order. One whose document is not known waits within the batch: it may
        come further on, and then is decided after it as if it had come later.
        """
        for arrival in arrivals:
            self._by = arrival
            self._take(arrival)

    def _take(self, arrival: Arrival) -> None:
        read = arrival.read
        if not isinstance(read, Interpreted):
            arrival.answer = rejected(read.rejection, read)
            return
        decision = decide(self.basis.known, read)
        if decision is TARGET_UNKNOWN and read.stream is not None:
            self._parked[read.stream].append(arrival)
        elif isinstance(decision, Rejection):
            arrival.answer = rejected(decision, read)
        else:
            arrival.answer = Answer(decision.status, warnings=(*read.warnings, *decision.warnings))
            self._add(arrival, read, decision)

    def _add(self, arrival: Arrival, read: Interpreted, decision: Decision) -> None:
        known = self.basis.known
        first = len(self.batch.events) if decision.events else None
        for event in decision.events:
            state = event.encoded
            if state is None:
                state = encode(SCHEMA_OF[event.name], event.datum)
            self._append(event.stream, event.record, event.name, read.message_id, state)
        # A dead letter's events belong to the message that had it decided (the balance sheet).
        (self._by or arrival).events += len(decision.events)
        apply_decision(known, read, decision)
        out = self.batch
        if decision.applies:
            out.applied.append(AppliedMessage(read.message_id, read.digest, first))
        if decision.pending is not None:
            out.pending_links.append(decision.pending)
        out.resolved_links.extend(decision.resolved)
        out.absent.update(decision.absent)
        for record in decision.records:
            stream = record_stream(record)
            # As read: what the batch itself does to the record is checked by its head.
            out.record_versions[stream] = self.basis.bases.get(stream, 0)
        if decision.keeps_content and read.content is not None:
            record = known.refs[read.ins].record
            out.contents.append(NewContent(record, read.datum["document"]["sha256"], read.content))
        if decision.is_new and read.stream is not None:
            record = known.refs[read.ins].record
            for reference in references_of(record, read.datum["document"]):
                out.references.append(NewReference(reference, read.stream))
            self._document_came(read.stream)

    def _append(
        self, stream: bytes, record: int, name: str, message_id: bytes, state: bytes
    ) -> None:
        events, versions = self.batch.events, self._versions
        version = versions.get(stream)
        if version is None:
            version = self.basis.bases.get(stream, 0)
            self._records[stream] = record
            self._first[stream] = len(events)
        versions[stream] = version + 1
        self.names[name] += 1
        events.append(NewEvent(stream, record, version + 1, name, message_id, state))

    def _document_came(self, stream: bytes | None) -> None:
        """What waited for this document is decided now, in order of receipt: letters first."""
        if stream is None:
            return
        self.batch.watched.add(stream)
        parked = self._parked.pop(stream, ())
        for letter in self._waiting.pop(stream, ()):
            if letter.letter is not None:
                self.batch.seen_letters.add(letter.letter)
            self._redecide(letter)
        for arrival in parked:
            if arrival.answer is None:
                before, self._by = self._by, arrival
                self._take(arrival)
                self._by = before

    def retake(self, letters: Iterable[Arrival]) -> None:
        """Decide these dead letters again, in order (a retry by hand)."""
        given = list(letters)
        same = {letter.letter: letter for letter in given}
        for stream, waiting in self._waiting.items():
            self._waiting[stream] = [same.get(letter.letter, letter) for letter in waiting]
        for letter in given:
            self._by = letter
            self._redecide(letter)

    def _redecide(self, letter: Arrival) -> None:
        if letter.answer is None:
            self._take(letter)
            if letter not in self.letters:
                self.letters.append(letter)

    def finish(self) -> Decided:
        """The batch is whole: what still waits for its document is refused."""
        for stream, arrivals in self._parked.items():
            self.batch.absent.add(stream)
            for arrival in arrivals:
                arrival.answer = rejected(TARGET_UNKNOWN, arrival.read)
        out = self.batch
        out.seen_links = {link for link in self.basis.links if link.target in out.watched}
        out.heads = [self._head(stream) for stream in self._versions]
        return Decided(out, self.letters, self.names)

    def _head(self, stream: bytes) -> HeadChange:
        known, record = self.basis.known, self._records[stream]
        base = self.basis.bases.get(stream, 0)
        first = self._first[stream] if base == 0 else -1
        version = self._versions[stream]
        entry = known.registry.get(stream)
        if entry is not None:
            return HeadChange(stream, record, base, version, entry.kind, 0, (), None, first)
        document = known.documents.get(stream)
        if document is None:
            flags = known.records[record].state
            return HeadChange(stream, record, base, version, 0, flags, (), None, first)
        return HeadChange(
            stream,
            record,
            base,
            version,
            document.status,
            document.flags,
            document.authors,
            document.replaced_by,
            first,
        )


def assemble(basis: Basis, arrivals: Sequence[Arrival], letters: Sequence[Arrival] = ()) -> Decided:
    """The batch of these arrivals, then of these dead letters (a retry by hand), decided."""
    for arrival in (*arrivals, *letters):
        # A batch that lost a race is decided once more from the beginning.
        arrival.answer, arrival.events = None, 0
    assembly = Assembly(basis)
    assembly.take(arrivals)
    assembly.retake(letters)
    return assembly.finish()
