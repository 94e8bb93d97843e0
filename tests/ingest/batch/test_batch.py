"""One batch, one transaction, on a real database: what is stored, repeated, refused, raced."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from ingest.batch.attempts import Contention
from ingest.batch.write import BatchWriter
from ingest.eventstore import EventStore, UnknownCommit
from ingest.eventstore.append_batch import AppendBatch, Appended, RecordedEvent
from ingest.eventstore.log.reading import Reading
from ingest.facts.events.event import Event
from ingest.facts.evolve import DOCUMENT_EVENTS, evolve_document, evolve_record, first_head
from ingest.facts.heads import NO_HEAD
from ingest.facts.view import LATER_VERSIONS_MAX
from ingest.read.arrivals import Arrival, source_of
from ingest.read.offsets import hole_sentence
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import SystemClock
from schemas.codec.messages import decode_event
from schemas.events import DOCUMENT_SUBMITTED, DocumentFlags, DocumentStatus
from schemas.forms.stream_ids import document_stream, record_stream
from schemas.heads import Head
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    CLARA,
    CONTEXT,
    deposit,
    dicom,
    mask,
    operation,
    record_message,
    stranger,
    unique_id,
)
from tests.ingest.ingest_site import Message, Site, answers, of_source


def heads_are_folds(site: Site) -> None:
    """Every head row is what `evolve` makes of the events of its stream."""
    folded: dict[bytes, Head] = {}
    for stored in site.events():
        event = Event(stored.stream, stored.record, stored.name, site.said(stored))
        before = folded.get(stored.stream)
        if stored.name == DOCUMENT_SUBMITTED:
            folded[stored.stream] = first_head(event, site.store.secrets.author_hash)
        elif stored.name in DOCUMENT_EVENTS:
            assert before is not None
            folded[stored.stream] = evolve_document(before, event)
        else:
            folded[stored.stream] = evolve_record(before or NO_HEAD, event)
    heads: dict[bytes, Head] = site.store.reading.heads(folded)
    for stream, state in folded.items():
        found, kept = heads[stream], ~0
        if stream != record_stream(state.record):
            # Whether bytes are kept is not in the event.
            kept = ~DocumentFlags.CONTENT
        assert found._replace(flags=found.flags & kept) == state._replace(flags=state.flags & kept)
    assert site.store.auditing.verify_streams() == []


def test_a_batch_is_stored_in_message_order(site: Site) -> None:
    assert site.write(deposit(1), mask(1), deposit(2, replaces=unique_id(1))) == ["accepted"] * 3
    assert site.names() == [
        "record_opened",
        "document_submitted",
        "document_visibility_changed",
        "document_submitted",
        "document_replaced",
        "document_visibility_changed",
    ]
    assert site.balance() == {
        "accepted": 3,
        "duplicate": 0,
        "unchanged": 0,
        "rejected": 0,
        "events": 6,
        "holes": 0,
        "fetched": 3,
    }
    heads_are_folds(site)


def test_what_is_submitted_is_the_received_message_without_its_bytes(site: Site) -> None:
    message = deposit(1, content=dicom())
    site.write(message)
    submitted = site.events()[1]
    assert site.said(submitted) == {**message[1], "content": None}
    assert submitted.message_id == message[1]["messageId"]
    assert site.store.contents.get(submitted.record, message[1]["document"]["sha256"]) == dicom()


def test_the_same_message_twice_in_one_batch_and_in_the_next(site: Site) -> None:
    first, masked = deposit(1), mask(1)
    assert site.write(first, masked, first, masked) == [
        "accepted",
        "accepted",
        "duplicate",
        "duplicate",
    ]
    assert site.write(first, masked) == ["duplicate", "duplicate"]
    assert len(site.events()) == 3


def test_an_operation_on_a_deposit_of_the_batch_that_is_a_duplicate(site: Site) -> None:
    site.write(deposit(1), mask(1))
    assert site.write(deposit(1), mask(1, on=False)) == ["duplicate", "accepted"]
    heads_are_folds(site)


def test_an_operation_before_its_deposit_in_one_batch(site: Site) -> None:
    assert site.write(mask(1), operation("ArchiveDocument", 1), deposit(1)) == ["accepted"] * 3
    head = site.store.reading.heads([document_stream(unique_id(1))])[document_stream(unique_id(1))]
    assert head.status == DocumentStatus.ARCHIVED
    assert head.flags & DocumentFlags.MASQUE_PS
    heads_are_folds(site)


def test_letters_are_decided_by_themselves_in_the_order_of_receipt(site: Site) -> None:
    late = mask(1)
    assert site.write(late, mask(1, on=False), late) == ["target_unknown"] * 3
    assert site.write(deposit(2, replaces=unique_id(1))) == ["accepted"]
    assert site.write(deposit(1)) == ["accepted"]
    # Submitted and replaced come first; then both masks, each passing to the successor.
    assert site.names()[2:] == [
        "document_submitted",
        "document_replaced",
        *["document_visibility_changed"] * 4,
    ]
    letters = site.store.dead_letters.page(status=None)
    assert [(letter.status, letter.attempt) for letter in letters] == [
        ("accepted", 2),
        ("accepted", 2),
        ("duplicate", 2),
    ]
    balance = site.balance()
    assert (balance["rejected"], balance["accepted"]) == (3, 2)
    assert balance["events"] == len(site.events())
    heads_are_folds(site)


def test_a_letter_decided_again_may_stay_refused_under_its_new_code(site: Site) -> None:
    site.write(mask(1))
    site.write(deposit(1, matricule=BRUNO))
    (letter,) = site.store.dead_letters.page()
    assert (letter.code, letter.attempt, letter.status) == ("target_of_other_person", 2, "waiting")


def test_the_outcomes_of_a_batch_are_one_row_per_partition(site: Site) -> None:
    site.write(mask(1), deposit(2), record_message("LinkIns"))
    rows = site.store.outcomes.unpublished(10)
    found = {
        row.source: [
            (outcome["offset"], outcome["status"], outcome["code"])
            for outcome in decode_event("OutcomeBatch", row.payload)["outcomes"]
        ]
        for row in rows
    }
    assert sorted(found.values()) == [
        [(0, "ACCEPTED", None)],
        [(0, "REJECTED", "target_unknown"), (1, "ACCEPTED", None)],
    ]


def test_linked_records_across_batches(site: Site) -> None:
    site.write(deposit(1, matricule=BRUNO))
    assert site.write(deposit(2, replaces=unique_id(1))) == ["target_of_other_person"]
    site.write(record_message("LinkIns"))
    assert site.write(deposit(2, replaces=unique_id(1))) == ["accepted"]
    assert site.write(mask(1)) == ["accepted"]
    site.write(record_message("UnlinkIns"))
    assert site.write(mask(1, on=False)) == ["target_of_other_person"]
    heads_are_folds(site)


def test_masks_pass_along_stored_chains_and_forks(site: Site) -> None:
    site.write(deposit(1))
    site.write(deposit(2, replaces=unique_id(1)), deposit(3, replaces=unique_id(1)))
    site.write(deposit(4, replaces=unique_id(2)))
    before = len(site.events())
    site.write(mask(1))
    assert len(site.events()) - before == 4
    heads_are_folds(site)


def test_a_mask_passes_to_two_hundred_versions_and_to_no_more(site: Site) -> None:
    """Neither the queries of a level nor the events of a message grow with what was sent before."""
    chain = [deposit(1), *(deposit(n, replaces=unique_id(n - 1)) for n in range(2, 203))]
    assert set(site.write(*chain)) == {"accepted"}
    before = len(site.events())
    assert site.write(mask(1)) == ["chain_too_long"]
    assert len(site.events()) == before
    assert site.write(mask(2)) == ["accepted"]
    assert len(site.events()) == before + LATER_VERSIONS_MAX + 1
    assert site.write(mask(1, by=stranger())) == ["accepted"]


def test_a_document_that_comes_after_too_many_versions_is_refused(site: Site) -> None:
    site.write(*(deposit(n, replaces=unique_id(n - 1)) for n in range(2, 204)))
    assert site.write(deposit(1)) == ["chain_too_long"]


def test_a_level_of_versions_is_one_query(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Iterable[bytes]]()
    read_streams = Reading.read_streams

    def counted(reading: Reading, streams: Iterable[bytes]) -> list[RecordedEvent]:
        asked.append(streams)
        return read_streams(reading, streams)

    monkeypatch.setattr(Reading, "read_streams", counted)
    for root in (1, 101, 201):
        site.write(deposit(root), *(deposit(root + n, replaces=unique_id(root)) for n in (1, 2)))
    parts = site.parts(mask(1), mask(101), mask(201))
    with EventStore.open(site.settings) as store:
        site.writer(store).write(parts)
    assert len(asked) == 1
    heads_are_folds(site)


def test_a_circle_over_batches_keeps_one_document(site: Site) -> None:
    for number, replaced in ((1, 3), (3, 2), (2, 1)):
        assert site.write(deposit(number, replaces=unique_id(replaced))) == ["accepted"]
    heads = site.store.reading.heads(document_stream(unique_id(n)) for n in (1, 2, 3))
    assert sorted(head.status for head in heads.values()) == [0, 2, 2]
    heads_are_folds(site)


def test_after_erasure(site: Site) -> None:
    site.write(deposit(1))
    (record,) = {event.record for event in site.events()}
    site.store.erase(record)
    assert site.write(deposit(1), deposit(2), mask(1), deposit(1, matricule=BRUNO)) == [
        "unique_id_used",
        "record_erased",
        "record_erased",
        "unique_id_used",
    ]


def test_a_hole_halts_its_partition_where_it_is_and_the_others_go_on(site: Site) -> None:
    """What comes before the hole is stored, so that a person who accepts it skips nothing else."""
    parts = site.parts(deposit(1), deposit(2), deposit(3), record_message("DeclareIdentity"))
    (documents, patients) = parts
    documents.records.pop(1)
    written = site.writer().write(parts)
    assert answers(written) == ["accepted", "accepted"]
    ((partition, hole),) = written.holes.items()
    assert (partition, hole) == (documents.partition, range(1, 2))
    sentence, name = hole_sentence(partition, hole), f"documents/{documents.partition.number}"
    assert f"{name}: there is no message at offset 1, the next one is 2" in sentence
    assert f"histoire positions accept {name} --to 2 --reason" in sentence
    stored = site.store.sources.all()
    sources = [part.records[0].source for part in (documents, patients)]
    assert [stored[source].next_offset for source in sources] == [1, 1]
    assert site.balance()["fetched"] == 2


@pytest.mark.parametrize("left", [0, 2])
def test_a_hole_at_the_begin_or_the_end_of_a_poll(site: Site, left: int) -> None:
    (part,) = site.parts(deposit(1), deposit(2), deposit(3))
    del part.records[left:]
    written = site.writer().write([part])
    assert answers(written) == ["accepted"] * left
    assert written.holes == {part.partition: range(left, 3)}


# Races: another writer is quicker, at the worst moment


class Raced(EventStore):
    """A store on which something else happens just before an append."""

    before: Callable[[], object] | None = None

    def append(self, batch: AppendBatch) -> Appended:
        if self.before is not None:
            before, self.before = self.before, None
            before()
        return super().append(batch)


@pytest.fixture
def raced(site: Site) -> Raced:
    return Raced.open(site.settings)


RACES = [
    ("the same document", deposit(1), deposit(1), ["duplicate"]),
    ("the target of an operation", deposit(1), mask(1), ["accepted"]),
    ("the target of a replacement", deposit(1), deposit(2, replaces=unique_id(1)), ["accepted"]),
    ("a waiting replacement", deposit(2, replaces=unique_id(1)), deposit(1), ["accepted"]),
    ("a waiting letter", mask(1), deposit(1), ["accepted"]),
    ("the record's state", record_message("OpposeFeeding"), deposit(1), ["opposed"]),
    ("the record itself", deposit(2), deposit(1), ["accepted"]),
]


OVER_CLARA = [
    record_message("LinkIns", otherMatricule=CLARA),
    record_message("LinkIns", matricule=CLARA),
]
LINK, UNLINK = record_message("LinkIns"), record_message("UnlinkIns")
RACES_OF_PERSONS = [
    ("a mask", [deposit(1, matricule=BRUNO)], mask(1)),
    ("a replacement", [deposit(1, matricule=BRUNO)], deposit(2, replaces=unique_id(1))),
    ("a repeated link", [], record_message("LinkIns", reason="again")),
]


@pytest.mark.parametrize(("what", "given", "ours"), RACES_OF_PERSONS)
def test_a_link_undone_meanwhile_counts(
    site: Site, raced: Raced, what: str, given: list[Message], ours: Message
) -> None:
    """What rests on two records being one person's rests on both records' streams."""
    site.write(*given, LINK)
    parts = site.parts(ours)
    for part in parts:  # from another source, as another process would read it
        site.offsets[part.partition] = part.from_offset
        site.store.sources.insert(source_of("other", part.partition), "topic", part.from_offset)
        of_source(part, "other")
    raced.before = lambda: site.write(UNLINK)
    with raced:
        written = site.writer(raced).write(parts)
    assert written.races == 1
    refused = "accepted" if what == "a repeated link" else "target_of_other_person"
    assert answers(written) == [refused]
    heads_are_folds(site)


@pytest.mark.parametrize(("what", "theirs", "ours", "expected"), RACES, ids=[r[0] for r in RACES])
def test_what_changed_meanwhile_is_decided_again(
    site: Site, raced: Raced, what: str, theirs: object, ours: object, expected: list[str]
) -> None:
    parts = site.parts(ours)  # type: ignore[arg-type]
    other = Site(site.settings, site.store)
    if ours[0] == theirs[0] or parts[0].partition.topic == "documents":  # type: ignore[index]
        other.offsets[parts[0].partition] = 0

    def quicker() -> None:
        # From another source, as another process would be.
        moved = [of_source(part, "other") for part in other.parts(theirs)]  # type: ignore[arg-type]
        for part in moved:
            site.store.sources.insert(part.records[0].source, "topic", 0)
        site.writer().write(moved)

    raced.before = quicker
    with raced:
        written = site.writer(raced).write(parts)
    assert answers(written) == expected
    assert written.races >= 1
    heads_are_folds(site)


def test_a_link_between_two_others_undone_meanwhile_counts(site: Site, raced: Raced) -> None:
    """Anna is Bruno by way of Clara: neither of the two records the message names has changed."""
    site.write(deposit(1, matricule=BRUNO), *OVER_CLARA)
    parts = site.parts(deposit(2, replaces=unique_id(1)))
    site.offsets[parts[0].partition] = parts[0].from_offset
    raced.before = lambda: site.write(record_message("UnlinkIns", matricule=CLARA))
    with raced:
        written = site.writer(raced).write(parts)
    assert (written.races, answers(written)) == (1, ["target_of_other_person"])


def test_another_owner_fences_us_out_and_the_rest_goes_on(site: Site, raced: Raced) -> None:
    ours = site.parts(deposit(1), record_message("OpposeFeeding", matricule=BRUNO))
    theirs = [replace(site.parts(deposit(1))[0], from_offset=0, next_offset=1)]
    arrival = theirs[0].records[0]
    arrival.feed_record = replace(arrival.feed_record, offset=0)
    raced.before = lambda: site.writer().write(theirs)
    with raced:
        written = site.writer(raced).write(ours)
    assert [part.partition for part in written.lost] == [ours[0].partition]
    assert answers(written) == ["accepted"]
    assert site.balance()["accepted"] == 2
    assert site.names().count("document_submitted") == 1


def test_a_batch_that_loses_every_race_halts(site: Site) -> None:
    class Unlucky(EventStore):
        def append(self, batch: AppendBatch) -> Appended:
            from ingest.eventstore import LostRace

            raise LostRace("always")

    parts = site.parts(deposit(1))
    with Unlucky.open(site.settings) as store, pytest.raises(Contention):
        site.writer(store).write(parts)


@pytest.mark.parametrize("committed", [True, False])
def test_an_unknown_commit_is_settled_by_the_positions(site: Site, committed: bool) -> None:
    class Cut(EventStore):
        """Loses the connection at COMMIT, before or after it took effect."""

        cut = False

        def append(self, batch: AppendBatch) -> Appended:
            if self.cut:
                return super().append(batch)
            self.cut = True
            if committed:
                super().append(batch)
            raise UnknownCommit("cut")

    parts = site.parts(deposit(1), mask(1))
    with Cut.open(site.settings) as store:
        written = BatchWriter(store, CONTEXT, SystemClock(), without_waiting).write(parts)
    assert answers(written) == ["accepted", "accepted"]
    assert written.unknown_commits == 1
    assert len(site.events()) == 3
    assert site.balance()["accepted"] == 2


def test_the_gate_sees_the_answers_and_stops_the_batch(site: Site) -> None:
    seen: list[str | None] = []

    class Stop(Exception):
        pass

    def gate(arrivals: object) -> None:
        assert isinstance(arrivals, list)
        for arrival in arrivals:
            assert isinstance(arrival, Arrival)
            seen.append(arrival.code)
        raise Stop

    with pytest.raises(Stop):
        site.writer().write(site.parts(mask(1)), gate)
    assert seen == ["target_unknown"]
    assert site.store.dead_letters.page() == []
    assert site.balance()["rejected"] == 0


def test_two_people_and_a_message_id_used_twice(site: Site) -> None:
    message_id = uuid.uuid4().bytes
    site.write(deposit(1), deposit(2, matricule=BRUNO))
    assert site.write(mask(1, message_id=message_id)) == ["accepted"]
    by_bruno = operation("DeleteDocument", 2, matricule=BRUNO, message_id=message_id)
    assert site.write(by_bruno) == ["message_id_conflict"]
    assert ANNA != BRUNO
