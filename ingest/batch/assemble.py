"""Decides a batch in message order and puts together what one transaction writes (decision
0014).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingest.basis.basis import Basis
from ingest.decide.decide import apply_decision, decide
from ingest.decide.document import TARGET_UNKNOWN
from ingest.eventstore.append_batch import (
    AppendBatch,
    AppliedMessage,
    HeadChange,
    NewContent,
    NewEvent,
    NewReference,
    PendingLink,
)
from ingest.facts.decision import Decision
from ingest.facts.events.event import Event
from ingest.facts.evolve import DOCUMENT_EVENTS
from ingest.facts.imaging import references_of
from ingest.facts.message import Deposit, Interpreted, Operation
from ingest.facts.needs import Need, NotRead
from ingest.facts.registry import REGISTRY_RECORD
from ingest.read.arrivals import UNDECIDED, Arrival
from schemas.codec.messages import encode
from schemas.events import SCHEMA_OF
from schemas.forms.stream_ids import record_stream
from schemas.heads import Head
from schemas.rules.table.rejections import Rejection

from .waiting import waits_for


@dataclass(slots=True)
class Assembly:
    """One batch: under construction until `finish`, decided and put together after it.

    `batch`: what is to be appended. `dead_letters`: those decided again, in the order they were.
    `names`: how many events there are of each name. `missing`: what decisions asked for and nobody
    read; unless it is empty, nothing of the batch counts. `late_reads`: by kind of need, how much
    was read only after a decision had asked for it.
    """

    basis: Basis
    batch: AppendBatch = field(default_factory=AppendBatch)
    dead_letters: list[Arrival] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    missing: set[Need] = field(default_factory=set)
    late_reads: Counter[str] = field(default_factory=Counter)
    _versions: dict[bytes, int] = field(default_factory=dict)
    _records: dict[bytes, int] = field(default_factory=dict)
    _first: dict[bytes, int] = field(default_factory=dict)
    _parked: dict[bytes, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    _waiting: dict[bytes, list[Arrival]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        # Rejections rest on the registry too: its versions are checked whatever was decided.
        self.batch.record_versions.update(self.basis.entries)
        self._waiting.update((stream, list(of)) for stream, of in self.basis.letters.items())

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """Decide these, in order.

        A message about an unknown document waits; if the document comes later in the batch, the
        message is decided after it.
        """
        for arrival in arrivals:
            self._take(arrival, arrival)

    def _take(self, arrival: Arrival, cause: Arrival) -> None:
        """`cause`: the message that had this one decided, which is itself or the document waited
        for.
        """
        read = arrival.read
        if not isinstance(read, Interpreted):
            arrival.reject(read.rejection)
            return
        try:
            decision = decide(self.basis.view, read)
            if isinstance(decision, Decision):
                self._read_versions(decision)
        except NotRead as missing:
            # What comes after it is decided all the same, to learn what else is missing.
            self.missing.add(missing.need)
            return
        if not isinstance(decision, Rejection):
            arrival.decide(decision.status, decision.warnings)
            self._add(read, decision, cause)
            return
        document = waits_for(read, decision)
        if document is None:
            arrival.reject(decision)
        else:
            self._parked[document].append(arrival)

    def _read_versions(self, decision: Decision) -> None:
        """The versions of all streams that the decision changes or rests on are known, as read:
        what the batch itself does to a record is checked by its head. Raises NotRead.
        """
        basis, versions = self.basis, self._versions
        read = [
            (event.stream, self._version_as_read(event))
            for event in decision.events
            if event.stream not in versions
        ]
        records = [(one, basis.version_of_record(one)) for one in decision.records]
        versions.update(read)
        self.batch.record_versions.update((record_stream(one), at) for one, at in records)

    def _version_as_read(self, event: Event) -> int:
        if event.name in DOCUMENT_EVENTS:
            return self.basis.version_of_document(event.stream)
        if event.record == REGISTRY_RECORD:
            return self.basis.version_of_entry(event.stream)
        return self.basis.version_of_record(event.record)

    def _add(self, read: Interpreted, decision: Decision, cause: Arrival) -> None:
        out = self.batch
        first = len(out.events) if decision.events else None
        for event in decision.events:
            encoded = event.encoded
            if encoded is None:
                encoded = encode(SCHEMA_OF[event.name], event.datum)
            self._append(event, read.message_id, encoded)
        # A dead letter's events belong to the message that had it decided (the balance sheet).
        cause.events += len(decision.events)
        apply_decision(self.basis.view, read, decision)
        out.absent.update(decision.absent)
        if isinstance(read, Deposit):
            self._add_document(read, decision, cause)
        elif isinstance(read, Operation) and decision.applies:
            out.applied.append(AppliedMessage(read.message_id, read.digest, first))

    def _append(self, event: Event, message_id: bytes, encoded: bytes) -> None:
        events, stream, record, name = self.batch.events, event.stream, event.record, event.name
        version = self._versions[stream] + 1
        if stream not in self._records:
            self._records[stream] = record
            self._first[stream] = len(events)
        self._versions[stream] = version
        self.names[name] += 1
        events.append(NewEvent(stream, record, version, name, message_id, encoded))

    def _add_document(self, read: Deposit, decision: Decision, cause: Arrival) -> None:
        """The bytes of the document, its links and references, and what waited for it."""
        out, stream, document = self.batch, read.stream, read.datum["document"]
        record = self.basis.view.ref(read.ins).record
        if decision.waits_for is not None:
            out.pending_links.append(PendingLink(decision.waits_for, stream))
        out.resolved_links.extend(PendingLink(stream, by) for by in decision.resolved)
        if decision.keeps_content and read.content is not None:
            out.contents.append(NewContent(record, document["sha256"], read.content))
        if decision.is_new:
            references = references_of(record, document)
            out.references.extend(NewReference(reference, stream) for reference in references)
            self._document_came(stream, cause)

    def _document_came(self, stream: bytes, cause: Arrival) -> None:
        """What waited for this document is decided: dead letters first, each in order of receipt.

        The events of a dead letter belong to `cause`, those of a parked message to itself.
        """
        self.batch.watched.add(stream)
        parked = self._parked.pop(stream, ())
        for letter in self._waiting.pop(stream, ()):
            if letter.dead_letter is not None:
                self.batch.seen_dead_letters.add(letter.dead_letter)
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
        out.heads = [self._head(stream) for stream in self._records]

    def _head(self, stream: bytes) -> HeadChange:
        view, record = self.basis.view, self._records[stream]
        if record == REGISTRY_RECORD:
            kind = view.entry(stream).kind
            head = Head(record, self._versions[stream], kind, 0, (), None)
        else:
            document = None if stream == record_stream(record) else view.document(stream)
            head = view.record(record) if document is None else document
        base = self.basis.versions[stream]
        return HeadChange(stream, head, base, self._first[stream] if base == 0 else -1)


def assemble(
    basis: Basis, arrivals: Sequence[Arrival], dead_letters: Sequence[Arrival] = ()
) -> Assembly:
    """The batch of these arrivals, then of these dead letters (a retry by hand), decided, unless
    something is missing.
    """
    for arrival in (*arrivals, *dead_letters):
        # A batch that lost a race is decided once more from the beginning.
        arrival.forget_decision()
    assembly = Assembly(basis)
    assembly.take(arrivals)
    assembly.decide_dead_letters_again(dead_letters)
    if not assembly.missing:
        assembly.finish()
    return assembly
