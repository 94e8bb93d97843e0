"""The registry over a real store: one transaction with its answers, and what a batch rests on."""

from __future__ import annotations

import random
from functools import partial

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from prometheus_client import CollectorRegistry

from ingest.basis.prefetch import BasisReader
from ingest.batch.late_reads import decide_batch
from ingest.batch.retry import Retry
from ingest.consume.metrics import IngestionMetrics
from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import LostRace
from ingest.facts.registry import Kind, entry_stream
from ingest.read.arrivals import Arrival
from ingest.read.interpret import interpret
from ingest.read.service_wait import without_waiting
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.metrics import Metrics
from ingest.upkeep.audit import balance_checks
from ingest.upkeep.registry_listing import RegistryListing
from tests.ingest.decide.deciding import World
from tests.ingest.eventstore.catalogue import Catalogue, write_to
from tests.ingest.feed_messages import CONTEXT, SOFTWARE, deposit, feed_record, partition_for
from tests.ingest.ingest_site import Site, answers
from tests.ingest.registry_messages import (
    COMPANY,
    SERVICE,
    Message,
    certify,
    evaluate,
    moment,
    reference,
    service,
    withdraw,
)

OTHER = "test-autre-logiciel"


def test_what_the_registry_is_told_is_stored_in_clear_and_the_sheet_balances(site: Site) -> None:
    assert site.write(reference(), certify(), service()) == ["accepted"] * 3
    assert site.write(reference(), evaluate(), withdraw(OTHER)) == [
        *("unchanged", "accepted", "registry_entry_unknown")
    ]
    assert site.write(deposit(1)) == ["accepted"]
    names = [event.name for event in site.events() if event.record == 0]
    assert sorted(names) == sorted(
        ["registry_opened"] * 3
        + ["software_referenced", "company_certified", "service_referenced", "service_evaluated"]
    )
    first = next(event for event in site.events() if event.name == "software_referenced")
    assert site.said(first)["id"] == SOFTWARE
    with psycopg.connect(site.settings.database_dsn.get_secret_value()) as conn:  # type: ignore[union-attr]
        row = conn.execute("select state from event where position = %s", (first.position,))
        assert row.fetchone() == (first.encoded,)
    _, checks = balance_checks(site.store.auditing.at_one_moment(), [], at_end=False)
    assert [check.name for check in checks if not check.holds] == []
    assert site.balance()["events"] == len(site.events())


def test_a_refused_deposit_passes_once_its_software_is_referenced(site: Site) -> None:
    site.write(reference(OTHER))
    assert site.write(deposit(1)) == ["software_unreferenced"]
    (letter,) = site.store.dead_letters.page()
    assert letter.code == "software_unreferenced"
    retry = Retry(site.store, CONTEXT, SystemClock(), without_waiting)
    ((still,),) = retry([letter.letter])
    assert still.code == "software_unreferenced"
    site.write(reference())
    ((passed,),) = retry([letter.letter])
    assert passed.status == "accepted"
    assert "document_submitted" in site.names()


def test_in_one_batch_the_registry_comes_first(site: Site) -> None:
    written = site.writer().write(site.parts(deposit(1), deposit(2), reference(OTHER)))
    assert sorted(answers(written)) == [
        "accepted",
        "software_unreferenced",
        "software_unreferenced",
    ]


def test_messages_of_the_registry_are_applied_once_over_batches(site: Site) -> None:
    said, back = reference(), withdraw()
    assert site.write(said) == ["accepted"]
    assert site.write(back, said) == ["accepted", "duplicate"]
    assert site.write(said) == ["duplicate"]
    assert site.write(deposit(1)) == ["software_withdrawn"]


Told = tuple[Message, ...]


@pytest.mark.parametrize(
    ("before", "between", "answer"),
    [
        ((), (reference(OTHER),), "software_unreferenced"),
        ((reference(OTHER),), (reference(),), "accepted"),
        ((reference(),), (withdraw(),), "software_withdrawn"),
        ((reference(), withdraw()), (reference(first="20230801"),), "accepted"),
    ],
)
def test_what_changes_between_reading_and_commit_is_seen_under_the_lock(
    site: Site, before: Told, between: Told, answer: str
) -> None:
    """Acceptance and refusal rest on the registry alike, also on one that is not in use."""
    for message in before:
        site.write(message)
    parts = site.parts(deposit(1))
    with EventStore.open(site.settings) as other:
        arrivals = [arrival for part in parts for arrival in part.records]
        reader = BasisReader(other, CONTEXT)
        decided = decide_batch(partial(reader.read, arrivals), arrivals)
        site.write(*between)
        with pytest.raises(LostRace):
            other.append(decided.batch)
        # What this reader kept is older than the heads it reads now.
        decide_batch(partial(reader.read, arrivals), arrivals)
        (again,) = arrivals
        assert (again.code or again.status) == answer
        assert answers(site.writer().write(parts)) == [answer]


@pytest.mark.parametrize("turn", range(4))
def test_answers_do_not_depend_on_batches_nor_on_what_is_kept(
    site: Site, seed: int, turn: int
) -> None:
    """The same messages one by one without a store, and in random batches by two readers that take
    turns, so that each has missed what the other wrote.
    """
    rng = random.Random(seed + turn)
    messages = [_random_message(rng, number) for number in range(80)]
    world = World()
    expected = [world.when(message)[0] for message in messages]
    assert len(set(expected)) > 4
    found = list[str]()
    with EventStore.open(site.settings) as other:
        readers = [(store, BasisReader(store, CONTEXT)) for store in (site.store, other)]
        while len(found) < len(messages):
            store, reader = rng.choice(readers)
            batch = messages[len(found) : len(found) + rng.randint(1, 9)]
            arrivals = [_arrival(message) for message in batch]
            decided = decide_batch(partial(reader.read, arrivals), arrivals)
            store.append(decided.batch)
            found += [a.code or a.status for a in arrivals]
    assert found == expected
    assert site.store.auditing.verify_streams() == []


def _random_message(rng: random.Random, number: int) -> Message:
    name = rng.choice([SOFTWARE, OTHER])
    day = f"2023{rng.randint(9, 12):02}{rng.randint(1, 28):02}"
    match rng.randint(0, 6):
        case 0:
            return reference(name, first=day, last=rng.choice([None, day, "20241231"]))
        case 1:
            return withdraw(name, day)
        case 2:
            kind, entry = rng.choice([("SERVICE", SERVICE), ("COMPANY", COMPANY)])
            return withdraw(entry, day, kind)
        case 3:
            return rng.choice([certify(first=day), service(first=day), evaluate(day=day)])
    schema, datum = deposit(number if rng.random() < 0.9 else 0)
    if rng.random() < 0.3:
        datum["provenance"]["actor"] |= {"sectorCode": "SA64", "organisationId": COMPANY}
    datum["provenance"]["software"]["id"] = name
    return schema, datum


def _arrival(message: Message) -> Arrival:
    partition, record = partition_for(message), feed_record(message)
    read = interpret(record, partition, CONTEXT)
    return Arrival("test", partition, record, read)


def test_what_changes_elsewhere_in_the_registry_is_no_race(site: Site) -> None:
    site.write(reference())
    parts = site.parts(deposit(1))
    with EventStore.open(site.settings) as other:
        arrivals = [arrival for part in parts for arrival in part.records]
        reader = BasisReader(other, CONTEXT)
        decided = decide_batch(partial(reader.read, arrivals), arrivals)
        site.write(reference(OTHER), service())
        assert other.append(decided.batch).last_position


def test_the_listing_grows_with_the_log_and_is_counted(site: Site) -> None:
    listing = RegistryListing(site.store)
    listing.refresh()
    assert not listing.entries
    site.write(reference(), reference(OTHER, last="20230601"), certify(), service())
    listing.refresh()
    site.write(withdraw(COMPANY, "20230601", "COMPANY"))
    listing.refresh()
    assert listing.counts(moment("20231114")) == {
        (Kind.SOFTWARE, "valid"): 1,
        (Kind.SOFTWARE, "expired"): 1,
        (Kind.SERVICE, "valid"): 1,
        (Kind.COMPANY, "withdrawn"): 1,
    }
    metrics = Metrics(CollectorRegistry())
    IngestionMetrics(metrics, site.store, SystemClock()).look_at_store()
    labels = {"kind": "company", "state": "withdrawn"}
    assert metrics.registry.get_sample_value("histoire_registry_entries", labels) == 1
    labels = {"kind": "company", "state": "valid"}
    assert metrics.registry.get_sample_value("histoire_registry_entries", labels) == 0


def test_a_library_application_reads_the_registry_and_cannot_write_its_streams(site: Site) -> None:
    """An analyst's catalogue, with the eventsourcing library alone."""
    site.write(service(), evaluate(conclusion="TO_CORRECT"), reference())
    dsn = site.settings.database_dsn
    assert dsn is not None
    env = {
        "PERSISTENCE_MODULE": "ingest.eventstore.library",
        "HISTOIRE_HOME": str(site.settings.home),
        "HISTOIRE_DATABASE_DSN": dsn.get_secret_value(),
        "HISTOIRE_MASTER_KEY_FILE": str(site.settings.master_key_path),
    }
    with Catalogue(env) as catalogue:
        catalogue.read()
        assert catalogue.conclusions == {SERVICE: "TO_CORRECT"}
        site.write(withdraw(SERVICE, kind="SERVICE"))
        catalogue.read()
        assert catalogue.conclusions == {}
        with pytest.raises(IntegrityError):
            write_to(catalogue.recorder, entry_stream(Kind.SERVICE, SERVICE), 4)
