"""Who has access, read back from a real store: over batches, over linked records, in a race."""

from __future__ import annotations

from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import AppendBatch, Appended
from schemas.events import RecordFlags
from schemas.forms.stream_ids import record_stream
from tests.ingest.access_given import CHILD, DR_B, SAID_AT, access_message, doctor, representative
from tests.ingest.feed_messages import BRUNO, HOSPITAL, deposit, mask, record_message
from tests.ingest.ingest_site import Site, answers


def test_what_was_said_in_an_earlier_batch_counts(site: Site) -> None:
    assert site.write(deposit(1), access_message("AuthoriseAccess")) == ["accepted"] * 2
    assert site.write(access_message("AuthoriseAccess")) == ["unchanged"]
    blocking = [access_message("BlockProfessional"), access_message("BlockProfessional")]
    assert site.write(*blocking) == ["accepted", "unchanged"]
    assert site.write(access_message("AuthoriseAccess")) == ["professional_blocked"]
    assert site.names()[2:] == ["access_authorised", "professional_blocked", "access_withdrawn"]
    assert site.store.auditing.verify_streams() == []


def test_traces_do_not_count_among_the_facts_and_are_kept_whole(site: Site) -> None:
    site.write(deposit(1))
    trace = access_message("RecordAccess", mode="BREAK_GLASS", documentIds=["1.2.3"])
    assert site.write(trace, access_message("RecordAccess", action="LIST")) == ["accepted"] * 2
    said = site.said(site.events()[2])
    for field in ("provenance", "mode", "motive", "action", "outcome", "documentIds", "accessedAt"):
        assert said[field] == trace[1][field]
    assert site.store.reading.named([1], ["access_authorised"]) == []
    assert [event.name for event in site.store.reading.named([1], ["record_accessed"])] == [
        "record_accessed",
        "record_accessed",
    ]


def test_the_same_message_twice_is_one_event(site: Site) -> None:
    site.write(deposit(1))
    trace = access_message("RecordAccess")
    assert site.write(trace, trace) == ["accepted", "duplicate"]
    assert site.write(trace) == ["duplicate"]
    assert site.names().count("record_accessed") == 1


def test_a_representative_is_known_by_the_declared_birth_date(site: Site) -> None:
    block = access_message("BlockProfessional", by=representative())
    assert site.write(block) == ["person_not_minor"]
    declared = record_message("DeclareIdentity", traits=CHILD)
    again = access_message("BlockProfessional", by=representative())
    assert site.write(declared, again) == ["accepted", "accepted"]


def test_a_representative_unmasks_nothing_of_a_person_who_is_known_to_be_of_age(site: Site) -> None:
    site.write(deposit(1, masquePs=True))
    unmask = mask(1, False, by=representative())
    assert site.write(record_message("DeclareIdentity"), unmask) == ["accepted", "person_not_minor"]
    assert site.write(mask(1, False, by=representative())) == ["person_not_minor"]


def test_a_block_under_the_former_ins_holds_under_the_new_one(site: Site) -> None:
    site.write(deposit(1), access_message("BlockProfessional", matricule=BRUNO))
    assert site.write(access_message("AuthoriseAccess")) == ["accepted"]
    # In one batch: the link is made and counts for what comes after it.
    later = access_message("AuthoriseAccess", until=SAID_AT + 1)
    assert site.write(record_message("LinkIns"), later) == ["accepted", "professional_blocked"]
    later = access_message("AuthoriseAccess", until=SAID_AT + 1)
    assert site.write(later) == ["professional_blocked"]
    assert site.write(
        record_message("UnlinkIns"), access_message("AuthoriseAccess", until=SAID_AT + 1)
    ) == ["accepted", "accepted"]


DAVID = "185057505612388"


class Raced(EventStore):
    """Another writer is quicker, once, just before the append."""

    site: Site
    done = False

    def append(self, batch: AppendBatch) -> Appended:
        if not self.done:
            self.done = True
            block = access_message("BlockProfessional", matricule=DAVID, professionalId=DR_B)
            assert self.site.write(block) == ["accepted"]
        return super().append(batch)


def test_a_block_of_the_person_under_another_ins_meanwhile_counts(site: Site) -> None:
    """David's messages are on another partition, so another writer may be at work on them."""
    site.write(deposit(1), record_message("LinkIns", otherMatricule=DAVID))
    emergency = access_message("RecordAccess", mode="BREAK_GLASS", by=doctor(DR_B, HOSPITAL))
    parts = site.parts(emergency)
    with Raced.open(site.settings) as store:
        assert isinstance(store, Raced)
        store.site = site
        written = site.writer(store).write(parts)
    assert (written.races, answers(written)) == (1, ["professional_blocked"])


def test_how_a_record_was_closed_stands_in_its_head(site: Site) -> None:
    closed = RecordFlags.OPENED | RecordFlags.CLOSED
    for reason, bits in (
        ("PERSON_ASKED", closed),
        ("DEATH", closed | RecordFlags.DECEASED),
    ):
        site.write(record_message("OpenRecord"), record_message("CloseRecord", reasonCode=reason))
        stream = record_stream(1)
        assert (site.store.reading.heads([stream])[stream]).flags == bits
    assert site.write(record_message("OpenRecord")) == ["accepted"]
    assert (site.store.reading.heads([stream])[stream]).flags == RecordFlags.OPENED


def test_an_erased_person_says_nothing_and_nothing_is_said_of_him(site: Site) -> None:
    site.write(deposit(1), access_message("AuthoriseAccess"))
    site.store.erase(1)
    assert site.store.reading.named([1], ["access_authorised"]) == []
    assert site.write(access_message("WithdrawAccess")) == ["record_erased"]
