"""Random histories through the real decisions, against a naive model that knows none of our code.

Compared are the last answer to each message, every document as it ends, and what each audience
sees. `HISTORIES_TIMES=20` makes twenty times as many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.basis.basis import Basis
from ingest.basis.prefetch import BasisReader
from ingest.batch.assemble import assemble
from ingest.batch.write import BatchWriter
from ingest.eventstore.append_batch import PendingLink, RecordedEvent
from ingest.eventstore.log.encoded_batch import check_batch
from ingest.facts.message import DocumentMessage
from ingest.facts.needs import KINDS
from ingest.facts.view import View
from ingest.read.arrivals import Arrival, source_of
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import SystemClock
from projections.events import events_of_records
from projections.timeline.fold import PersonFold
from projections.timeline.query import record_facts
from schemas.events import DOCUMENT_REPLACED, DocumentFlags, DocumentStatus
from schemas.forms.stream_ids import document_stream
from schemas.heads import Head
from schemas.policy.may_do import DEFAULT_POLICY, Policy
from schemas.policy.may_see import WITHOUT_END, Reader, ReaderKind, RecordFacts, may_see
from tests.ingest import feed_messages as feed
from tests.ingest.decide.deciding import Whole, World, whole_view
from tests.ingest.histories.ingest_histories import (
    IMAGED,
    LINKED,
    MASKS,
    MINORS,
    NUMBERS,
    PERSONS,
    Names,
    cut,
    fresh_names,
    histories,
    houses,
    policy_of_house,
    versions,
)
from tests.ingest.histories.naive_model import (
    ARCHIVED,
    CURRENT,
    DELETED,
    HIDDEN,
    HIDDEN_FROM_PARENTS,
    MASK,
    Deposit,
    House,
    Message,
    Naive,
    OnRecord,
)
from tests.ingest.ingest_site import CLUSTER, Site, outcome_of

MANY = int(os.environ.get("HISTORIES_TIMES", "1"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
READERS = ("patient", "representative", "professional", "dr a", "hospital")
BITS = {
    MASK: DocumentFlags.MASQUE_PS,
    HIDDEN: DocumentFlags.INVISIBLE_PATIENT,
    HIDDEN_FROM_PARENTS: DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX,
}


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples * MANY,
        deadline=None,
        suppress_health_check=[*HealthCheck],
    )


# The system, in memory: decisions and batches are real, the store is a few lists


@dataclass
class Memory:
    """What the store would hold, and nothing else: decisions see it as they see a store."""

    names: Names
    policy: Policy
    view: View = field(init=False)
    events: list[RecordedEvent] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    letters: dict[int, tuple[int, Arrival]] = field(default_factory=dict)
    versions: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.view = whole_view(policy=self.policy)

    def write(self, messages: Sequence[Message]) -> None:
        """One batch."""
        self.write_of([(self.names, message) for message in messages])

    def write_of(self, messages: Iterable[tuple[Names, Message]]) -> None:
        """One batch, of several families."""
        arrivals = [self.arrival(names, message) for names, message in messages]
        waiting = {number: again(arrival, number) for number, (_, arrival) in self.letters.items()}
        links = [PendingLink(to, by) for to, bys in self.view.waiting.items() for by in bys]
        versions = Whole[bytes, int](0)
        versions.update(self.versions)
        basis = Basis(self.view, versions, links)
        for arrival in waiting.values():
            basis.letters.setdefault(stream_of(arrival), []).append(arrival)
        decided = assemble(basis, arrivals)
        assert not decided.missing
        check_batch(decided.batch)
        for place, arrival in enumerate(arrivals, start=len(self.answers)):
            self.answers.append(outcome_of(arrival))
            if self.answers[-1] == "target_unknown":
                self.letters[place + 1] = place, arrival
        for letter in decided.dead_letters:
            assert letter.dead_letter is not None
            place, _ = self.letters.pop(letter.dead_letter)
            self.answers[place] = outcome_of(letter)
        self.versions |= {change.stream: change.head.version for change in decided.batch.heads}
        for event in decided.batch.events:
            self.events.append(
                RecordedEvent(
                    *(len(self.events) + 1, event.record, NOW, event.stream, event.version),
                    *(event.name, 1, event.message_id, event.encoded),
                )
            )

    def arrival(self, names: Names, message: Message) -> Arrival:
        said = names.said(message)
        partition = feed.partition_for(said)
        read = World(self.view).read(said)
        return Arrival(source_of(CLUSTER, partition), partition, feed.feed_record(said), read)

    def record(self, person: str) -> int | None:
        ref = self.view.refs.get(self.names.person(person))
        return None if ref is None else ref.record

    def person(self, record: int) -> frozenset[int]:
        return self.view.person(record)

    def documents(self) -> dict[bytes, Head]:
        return {s: head for s, head in self.view.documents.items() if head is not None}


def again(arrival: Arrival, letter: int) -> Arrival:
    return Arrival(
        *(arrival.source, arrival.partition, arrival.feed_record, arrival.read), 2, letter
    )


def stream_of(arrival: Arrival) -> bytes:
    assert isinstance(arrival.read, DocumentMessage)
    return arrival.read.stream


# The same, on a real store


@dataclass
class Stored:
    names: Names
    policy: Policy
    site: Site
    answers: list[str] = field(default_factory=list)
    places: dict[tuple[str, int], int] = field(default_factory=dict)
    prefetched: Collection[str] = KINDS
    late_reads: Counter[str] = field(default_factory=Counter)

    def write(self, messages: Sequence[Message]) -> None:
        """One batch of messages that are in the order of their partitions."""
        context = replace(feed.CONTEXT, policy=self.policy)
        reader = BasisReader(self.site.store, context, prefetched=self.prefetched)
        writer = BatchWriter(self.site.store, context, SystemClock(), without_waiting, reader)
        parts = self.site.parts(*(self.names.said(message) for message in messages))
        written = writer.write(parts)
        self.late_reads.update(written.late_reads)
        for arrival in (arrival for part in written.parts for arrival in part.records):
            self.places[arrival.source, arrival.feed_record.offset] = len(self.answers)
            self.answers.append(outcome_of(arrival))
        for letter in written.dead_letters:
            place = self.places[letter.source, letter.feed_record.offset]
            self.answers[place] = outcome_of(letter)

    @property
    def events(self) -> list[RecordedEvent]:
        records = [record for person in PERSONS if (record := self.record(person)) is not None]
        found = [
            event for record in records for event in self.site.store.reading.read_record(record)
        ]
        return sorted(found, key=lambda event: event.position)

    def record(self, person: str) -> int | None:
        token = self.site.store.secrets.ins_hash(self.names.person(person))
        ref = self.site.store.identities.lookup([token]).get(token)
        return None if ref is None else ref.record

    def person(self, record: int) -> frozenset[int]:
        return self.site.store.reading.person(record)

    def documents(self) -> dict[bytes, Head]:
        streams = [document_stream(self.names.unique_id(number)) for number in NUMBERS]
        return self.site.store.reading.heads(streams)


def by_partition(names: Names, batch: Iterable[Message]) -> list[Message]:
    """As a batch is decided: partition after partition."""
    groups: dict[object, list[Message]] = {}
    for message in batch:
        groups.setdefault(feed.partition_for(names.said(message)), []).append(message)
    return [message for group in groups.values() for message in group]


# Comparing

Ended = dict[int, tuple[str, frozenset[str], bool, bool, frozenset[int]]]
System = Memory | Stored


def ended_of_model(model: Naive) -> Ended:
    """Where it is, flags, whether the mask is the patient's, whether bytes are kept, successors."""
    return {
        number: (
            "replaced" if model.is_replaced(paper) and paper.shelf != DELETED else paper.shelf,
            frozenset(paper.flags),
            paper.patients_mask,
            paper.has_content,
            frozenset(paper.replaced_by),
        )
        for number, paper in model.papers.items()
    }


def shelf_of(system: System, state: Head, successors: Iterable[Head]) -> str:
    """The status is the last word but where a link was undone: then whose successors they are."""
    status = DocumentStatus(state.status)
    person = system.person(state.record)
    assert status != DocumentStatus.DEPRECATED or state.replaced_by
    if status == DocumentStatus.DELETED:
        return DELETED
    if any(successor.record in person for successor in successors):
        return "replaced"
    return ARCHIVED if state.flags & DocumentFlags.ARCHIVED else CURRENT


def ended_of_system(system: System) -> Ended:
    streams = {number: document_stream(system.names.unique_id(number)) for number in NUMBERS}
    number_of = {stream: number for number, stream in streams.items()}
    documents = system.documents()
    successors: dict[bytes, set[int]] = {stream: set() for stream in number_of}
    for event in events_of_records(system.events):
        if event.name == DOCUMENT_REPLACED and event.stream in number_of:
            by = number_of[document_stream(event.datum["replacedBy"])]
            assert by not in successors[event.stream], "said twice"
            successors[event.stream].add(by)
    found: Ended = {}
    for stream, state in documents.items():
        if stream in number_of:
            flags = frozenset(name for name, bit in BITS.items() if state.flags & bit)
            found[number_of[stream]] = (
                shelf_of(system, state, [documents[streams[by]] for by in successors[stream]]),
                flags,
                bool(state.flags & DocumentFlags.MASQUE_PS_BY_PATIENT),
                bool(state.flags & DocumentFlags.CONTENT),
                frozenset(successors[stream]),
            )
            last = None if state.replaced_by is None else number_of[state.replaced_by]
            assert last in successors[stream] or (last is None and not successors[stream])
    return found


def reader_named(names: Names, reader: str) -> Reader:
    if reader in ("patient", "representative"):
        return Reader(ReaderKind(reader))
    ids = frozenset() if reader == "professional" else frozenset({names.identifier(reader)})
    return Reader(ReaderKind.PROFESSIONAL, ids, WITHOUT_END)


def seen_of_system(system: System, person: str) -> dict[str, tuple[set[int], set[int]]]:
    """By the fold that every timeline is made of, and `may_see`."""
    record = system.record(person)
    if record is None:
        return {reader: (set(), set()) for reader in READERS}
    records = system.person(record)
    state = PersonFold()
    for event in events_of_records(e for e in system.events if e.record in records):
        state.apply(event)
    facts = record_facts(state.records.values())
    seen: dict[str, tuple[set[int], set[int]]] = {}
    for reader in READERS:
        seen[reader] = set(), set()
        for row in state.rows.values():
            authors = [author["id"] for author in feed_authors(row.authors)]
            authors += [author["organisationId"] for author in feed_authors(row.authors)]
            shown = row.facts(frozenset(authors) - {None})
            record_of_row = facts.get(row.record, RecordFacts())
            if may_see(reader_named(system.names, reader), record_of_row, shown, NOW):
                number = int(row.unique_id.removeprefix(feed.ROOT + ".")) % 100
                seen[reader][row.archived].add(number)
    return seen


def feed_authors(text: str) -> list[dict[str, Any]]:
    import orjson

    found: list[dict[str, Any]] = orjson.loads(text)
    return found


def same_as_model(system: System, model: Naive) -> None:
    assert dict(enumerate(system.answers)) == model.answers
    assert ended_of_system(system) == ended_of_model(model)
    for person in PERSONS:
        expected = {reader: model.seen(person, reader) for reader in READERS}
        assert seen_of_system(system, person) == expected, person


def play(model: Naive, messages: Iterable[Message]) -> Naive:
    for place, message in enumerate(messages):
        model.take(place, message)
    return model


@given(messages=histories(), house=houses, data=st.data())
@profile(320)
def test_random_histories(messages: list[Message], house: House, data: st.DataObject) -> None:
    system = Memory(fresh_names(), policy_of_house(house))
    for batch in data.draw(cut(messages)):
        system.write(batch)
    same_as_model(system, play(Naive(house, MINORS), messages))


@given(messages=histories(most=10, themes=(LINKED, MASKS, IMAGED)), house=houses, data=st.data())
@profile(40)
def random_histories_on_a_store(
    site: Site, messages: list[Message], house: House, data: st.DataObject
) -> None:
    system = Stored(fresh_names(), policy_of_house(house), site)
    batches = [by_partition(system.names, batch) for batch in data.draw(cut(messages))]
    for batch in batches:
        system.write(batch)
    received = [message for batch in batches for message in batch]
    same_as_model(system, play(Naive(house, MINORS), received))


def test_random_histories_on_a_store(site: Site) -> None:
    """What must be read for a batch is read, and what is written is what was decided."""
    random_histories_on_a_store(site)
    assert site.store.auditing.verify_streams() == []
    balance = site.balance()
    kinds = ("accepted", "duplicate", "unchanged", "rejected")
    assert balance["fetched"] == sum(balance[kind] for kind in kinds)
    assert balance["events"] == len(site.events())


# Order of arrival (decision 0018)


def played(*batches: Sequence[Message]) -> Memory:
    system = Memory(fresh_names(), DEFAULT_POLICY)
    for batch in batches:
        system.write(batch)
    return system


def same_end(one: Memory, other: Memory) -> None:
    assert ended_of_system(one) == ended_of_system(other)
    for person in PERSONS:
        assert seen_of_system(one, person) == seen_of_system(other, person), person


@given(messages=histories(), data=st.data())
@profile(45)
def test_repeated_messages_change_nothing(messages: list[Message], data: st.DataObject) -> None:
    once = played(messages)
    done = [at for at, answer in enumerate(once.answers) if answer in ("accepted", "unchanged")]
    copied = data.draw(st.lists(st.sampled_from(done), max_size=6)) if done else []
    queue, copies = list(enumerate(messages)), set[int]()
    for at in copied:
        first = next(place for place, (number, _) in enumerate(queue) if number == at)
        place = data.draw(st.integers(first + 1, len(queue)))
        queue.insert(place, (-1, messages[at]))
    copies = {place for place, (number, _) in enumerate(queue) if number == -1}
    again = played([message for _, message in queue])
    same_end(once, again)
    assert {again.answers[place] for place in copies} <= {"duplicate"}
    assert [a for place, a in enumerate(again.answers) if place not in copies] == once.answers


@given(messages=versions(), data=st.data())
@profile(45)
def test_versions_end_the_same_in_every_order_of_arrival(
    messages: list[Message], data: st.DataObject
) -> None:
    """Deposits of one person by who may replace them; what is done to them comes afterwards."""
    deposits: list[Message] = [m for m in messages if isinstance(m, Deposit)]
    others = [message for message in messages if not isinstance(message, Deposit)]
    shuffled = data.draw(st.permutations(deposits))
    cuts = data.draw(cut(shuffled))
    same_end(played(deposits, others), played(*cuts, others))


@given(messages=versions(), data=st.data())
@profile(45)
def test_what_is_done_to_a_document_may_come_before_it(
    messages: list[Message], data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from([m.number for m in messages if isinstance(m, Deposit)]))
    about = [m for m in messages if not isinstance(m, Deposit | OnRecord) and m.number == number]
    first = [m for m in messages if isinstance(m, Deposit) and m.number == number]
    rest = [m for m in messages if m not in about and m not in first]
    early, late = played(about, first, rest), played(first, about, rest)
    same_end(early, late)
    swapped = late.answers[1 : len(about) + 1] + late.answers[:1]
    assert early.answers == swapped + late.answers[len(about) + 1 :]


@given(one=histories(), other=histories(), data=st.data())
@profile(30)
def test_families_do_not_touch_each_other(
    one: list[Message], other: list[Message], data: st.DataObject
) -> None:
    """Messages of several producers on several families, interleaved in any way, in any batches."""
    both = [
        (names, list(messages))
        for names, messages in ((fresh_names(), one), (fresh_names(), other))
    ]
    alone = []
    for names, messages in both:
        alone.append(Memory(names, DEFAULT_POLICY))
        alone[-1].write(messages)
    together = Memory(both[0][0], DEFAULT_POLICY)
    turns = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4)), max_size=12))
    batch: list[tuple[Names, Message]] = []
    for at, count in [*turns, (0, 100), (1, 100)]:
        names, messages = both[at]
        batch += [(names, messages.pop(0)) for _ in range(min(count, len(messages)))]
        if count % 2 == 0:  # else the batch goes on
            together.write_of(batch)
            batch = []
    for system in alone:
        together.names = system.names
        same_end(together, system)
