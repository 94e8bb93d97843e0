"""Dead letters: decided again against the store, marked in the same transaction."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from ingest.batch.retry import Retry, of_schemas_known_now, waiting
from ingest.eventstore import EventStore, UnknownCommit
from ingest.eventstore.append_batch import AppendBatch, Appended
from ingest.feed import OutgoingRecord
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import StopSignal, SystemClock
from schemas.codec.messages import decode_event
from schemas.rules.table.rejections import REJECTIONS
from schemas.versions.catalogue import schema_catalogue
from tests.ingest.feed_messages import BRUNO, CONTEXT, deposit, mask, record_message, unique_id
from tests.ingest.ingest_site import Site


def retry(site: Site, *letters: int) -> list[str]:
    again = Retry(site.store, CONTEXT, SystemClock())
    chosen = letters or [letter.letter for letter in waiting(site.store)]
    return [arrival.code or arrival.status for done in again(chosen) for arrival in done]


def test_a_deposit_refused_for_an_opposition_is_accepted_after_its_withdrawal(site: Site) -> None:
    site.write(record_message("OpposeFeeding"))
    site.write(deposit(1), deposit(2, replaces=unique_id(1)), mask(1))
    assert retry(site) == ["opposed", "opposed", "target_unknown"]
    site.write(record_message("WithdrawOpposition"))
    assert retry(site) == ["accepted", "accepted", "accepted"]
    assert retry(site) == []
    letters = site.store.dead_letters.page(status=None)
    assert [(letter.status, letter.attempt) for letter in letters] == [("accepted", 3)] * 3
    assert site.balance()["events"] == len(site.events())
    assert site.balance()["rejected"] == 3
    assert site.store.auditing.verify_streams() == []


def test_what_another_persons_document_refused_is_accepted_after_the_link(site: Site) -> None:
    """The link comes on another topic, maybe after the documents: nothing is lost by it."""
    site.write(deposit(1, matricule=BRUNO))
    refused = site.write(deposit(2, replaces=unique_id(1)), mask(1))
    assert refused == ["target_of_other_person"] * 2
    rule = REJECTIONS["target_of_other_person"]
    assert rule.retryable
    assert "LinkIns" in rule.repair
    assert site.write(record_message("LinkIns")) == ["accepted"]
    assert retry(site) == ["accepted", "accepted"]
    assert site.names()[-4:] == [
        *("document_submitted", "document_replaced"),
        *["document_visibility_changed"] * 2,
    ]


def test_each_attempt_has_an_outcome_of_its_own(site: Site) -> None:
    site.write(record_message("OpposeFeeding"))
    site.write(deposit(1))
    retry(site)
    site.write(record_message("WithdrawOpposition"))
    retry(site)
    outcomes = [
        (outcome["outcomeId"].rsplit("/", 1)[1], outcome["status"], outcome["code"])
        for row in site.store.outcomes.unpublished(100)
        for outcome in decode_event("OutcomeBatch", row.payload)["outcomes"]
        if outcome["topic"] == "documents"
    ]
    assert outcomes == [
        ("1", "REJECTED", "opposed"),
        ("2", "REJECTED", "opposed"),
        ("3", "ACCEPTED", None),
    ]


def test_a_letter_retried_while_its_target_is_in_the_same_retry(site: Site) -> None:
    site.write(record_message("OpposeFeeding"))
    site.write(mask(1), deposit(1))
    site.write(record_message("WithdrawOpposition"))
    assert retry(site) == ["accepted", "accepted"]
    assert site.names()[-2:] == ["document_submitted", "document_visibility_changed"]


def test_letters_of_a_schema_that_is_known_now(site: Site) -> None:
    unknown = OutgoingRecord("documents", b"k", b"\xc3\x01" + b"\x07" * 8 + b"rest")
    site.publish_records(unknown)
    site.ingest()
    (letter,) = site.store.dead_letters.page(code="schema_unknown")
    assert letter.fingerprint == b"\x07" * 8
    assert of_schemas_known_now(site.store) == []


def test_a_message_can_be_deposited_anew_instead_of_retried(site: Site) -> None:
    site.write(record_message("OpposeFeeding"))
    site.write(deposit(1))
    site.write(record_message("WithdrawOpposition"))
    assert site.write(deposit(1)) == ["accepted"]
    assert retry(site) == ["duplicate"]


def test_a_discarded_letter_is_not_decided_again(site: Site) -> None:
    site.write(mask(1))
    (letter,) = site.store.dead_letters.page()
    site.store.dead_letters.discard(letter.letter, "a mistake", "operator")
    assert retry(site, letter.letter) == []
    site.write(deposit(1))
    assert site.names() == ["record_opened", "document_submitted"]


class Beside(EventStore):
    """A store on which something happens just before each append of a retry."""

    before: Callable[[], None] = staticmethod(lambda: None)
    after: Callable[[], None] = staticmethod(lambda: None)

    def append(self, batch: AppendBatch) -> Appended:
        self.before()
        appended = super().append(batch)
        self.after()
        return appended


def refused_by_an_opposition(site: Site, *numbers: int) -> None:
    site.write(record_message("OpposeFeeding"))
    site.write(*(deposit(number) for number in numbers))
    site.write(record_message("WithdrawOpposition"))


def test_a_retry_beside_running_ingestion_is_not_kept_waiting(site: Site) -> None:
    """Ingestion moves the partition of the letter on again and again: no reason to decide anew."""
    refused_by_an_opposition(site, 1)
    (letter,) = site.store.dead_letters.page()
    numbers = iter(range(100, 200))
    appends = []

    def ingestion_goes_on() -> None:
        appends.append(1)
        site.write(deposit(next(numbers), matricule=BRUNO))

    with Beside.open(site.settings) as store:
        store.before = ingestion_goes_on
        done = list(Retry(store, CONTEXT, SystemClock())([letter.letter]))
    assert [arrival.status for (arrival,) in done] == ["accepted"]
    assert len(appends) == 1
    balance = site.balance()
    assert balance["events"] == len(site.events())
    assert balance["fetched"] == 4


def test_a_retry_whose_commit_is_unknown_decides_what_still_waits(site: Site) -> None:
    refused_by_an_opposition(site, 1)
    (letter,) = site.store.dead_letters.page()

    def cut() -> None:
        raise UnknownCommit("cut")

    for committed in (False, True):
        with Beside.open(site.settings) as store:

            def once(store: Beside = store, committed: bool = committed) -> None:
                store.before = store.after = lambda: None
                cut()

            if committed:
                store.after = once
            else:
                store.before = once
            done = list(Retry(store, CONTEXT, SystemClock())([letter.letter]))
        assert len(done) == (0 if site.store.dead_letters.page() == [] and committed else 1)
    assert site.names().count("document_submitted") == 1
    assert site.balance()["events"] == len(site.events())


def test_a_retry_ends_when_it_is_told_to_stop(site: Site) -> None:
    site.write(mask(1))
    (letter,) = site.store.dead_letters.page()
    stop = StopSignal()
    stop.set()
    assert (
        list(Retry(site.store, CONTEXT, SystemClock(), without_waiting, stop)([letter.letter]))
        == []
    )


def test_letters_of_a_schema_that_is_in_the_folder_now_are_found(site: Site) -> None:
    (known, *_) = schema_catalogue().by_fingerprint
    unknown = OutgoingRecord("documents", b"k", b"\xc3\x01" + b"\x07" * 8 + b"rest")
    site.publish_records(unknown, unknown)
    site.ingest()
    first, second = site.store.dead_letters.page(code="schema_unknown")
    assert site.settings.database_dsn is not None
    with psycopg.connect(site.settings.database_dsn.get_secret_value(), autocommit=True) as conn:
        conn.execute(
            "update dead_letter set fingerprint = %s where id = %s", (known, second.letter)
        )
    assert of_schemas_known_now(site.store) == [second.letter]
    assert first.letter != second.letter
