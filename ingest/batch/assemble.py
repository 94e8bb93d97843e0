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
from ingest.eventstore.batch import (
    AppendBatch,
    AppliedMessage,
    HeadChange,
    NewContent,
    NewEvent,
    NewReference,
)
from ingest.facts.view import Decision
from ingest.read.arrivals import UNDECIDED, Arrival
from ingest.read.interpret import Interpreted
from schemas.codec.messages import encode
from schemas.events import SCHEMA_OF
from schemas.forms.stream_ids import record_stream
from schemas.rules.table.rejections import Rejection

from .waiting import waits_for


@dataclass(slots=True)
class Assembly:
    """One batch: under construction until `finish`, decided and put together after it.

    `batch`: what is to be appended. `dead_letters`: those decided again, in the order they were.
    `names`: how many events there are of each name.
    """

    basis: Basis
    batch: AppendBatch = field(default_factory=AppendBatch)
    dead_letters: list[Arrival] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _versions: dict[bytes, int] = field(default_factory=dict)
    _records: dict[bytes, int] = field(default_factory=dict)
    _first: dict[bytes, int] = field(default_factory=dict)
    _parked: dict[bytes, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    _waiting: dict[bytes, list[Arrival]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        # Rejections rest on the registry too: its versions are checked whatever was decided.
        self.batch.record_versions.update(self.basis.registry)
        for arrival in self.basis.letters:
            if arrival.dead_letter is not None:
                self._waiting[self.basis.waits_for[arrival.dead_letter]].append(arrival)

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """Decide these, in order.

        A message about an unknown document waits; if the document comes later in the batch, the
        message is decided after it.
        """
        for arrival in arrivals:
            self._take(arrival, arrival)

    def _take(self, arrival: Arrival, cause: Arrival) -> None:
        """`cause`: the message that had this one decided; it itself, or the one waited for."""
        read = arrival.read
        if not isinstance(read, Interpreted):
            arrival.reject(read.rejection)
            return
        decision = decide(self.basis.known, read)
        if not isinstance(decision, Rejection):
            arrival.decide(decision.status, decision.warnings)
            self._add(read, decision, cause)
            return
        document = waits_for(read, decision)
        if document is None:
            arrival.reject(decision)
        else:
            self._parked[document].append(arrival)

    def _add(self, read: Interpreted, decision: Decision, cause: Arrival) -> None:
        known = self.basis.known
        first = len(self.batch.events) if decision.events else None
        for event in decision.events:
            state = event.encoded
            if state is None:
                state = encode(SCHEMA_OF[event.name], event.datum)
            self._append(event.stream, event.record, event.name, read.message_id, state)
        # A dead letter's events belong to the message that had it decided (the balance sheet).
        cause.events += len(decision.events)
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
            self._document_came(read.stream, cause)

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

    def _document_came(self, stream: bytes, cause: Arrival) -> None:
        """What waited for this document is decided: dead letters first, each in order of receipt.

        The events of a dead letter belong to `cause`, those of a parked message to itself.
        """
        self.batch.watched.add(stream)
        parked = self._parked.pop(stream, ())
        for letter in self._waiting.pop(stream, ()):
            if letter.dead_letter is not None:
                self.batch.seen_letters.add(letter.dead_letter)
            self._decide_again(letter, cause)
        for arrival in parked:
            if arrival.status == UNDECIDED:
                self._take(arrival, arrival)

    def decide_dead_letters_again(self, dead_letters: Iterable[Arrival]) -> None:
        """Decide these, in order (a retry by hand)."""
        given = list(dead_letters)
        same = {letter.dead_letter: letter for letter in given}
        for stream, waiting in self._waiting.items():
            self._waiting[stream] = [same.get(letter.dead_letter, letter) for letter in waiting]
        for letter in given:
            self._decide_again(letter, letter)

    def _decide_again(self, letter: Arrival, cause: Arrival) -> None:
        if letter.status == UNDECIDED:
            self._take(letter, cause)
            if letter not in self.dead_letters:
                self.dead_letters.append(letter)

    def finish(self) -> None:
        """The batch is whole: what still waits for its document is rejected."""
        for stream, arrivals in self._parked.items():
            self.batch.absent.add(stream)
            for arrival in arrivals:
                arrival.reject(TARGET_UNKNOWN)
        out = self.batch
        out.seen_links = {link for link in self.basis.links if link.target in out.watched}
        out.heads = [self._head(stream) for stream in self._versions]

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


def assemble(
    basis: Basis, arrivals: Sequence[Arrival], dead_letters: Sequence[Arrival] = ()
) -> Assembly:
    """The batch of these arrivals, then of these dead letters (a retry by hand), decided."""
    for arrival in (*arrivals, *dead_letters):
        # A batch that lost a race is decided once more from the beginning.
        arrival.forget_decision()
    assembly = Assembly(basis)
    assembly.take(arrivals)
    assembly.decide_dead_letters_again(dead_letters)
    assembly.finish()
    return assembly
