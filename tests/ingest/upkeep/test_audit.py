"""The audit balances what was ingested, and finds damage that was planted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import psycopg
import pytest

from ingest.batch.retry import Retry, waiting
from ingest.consume.startup import context_of, feed_facts
from ingest.eventstore import EventStore
from ingest.feed import OutgoingRecord, open_publisher, topic_facts
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.upkeep.audit import balance_checks
from ingest.upkeep.relay import Relay
from tests.ingest.feed_messages import (
    BRUNO,
    deposit,
    dicom,
    mask,
    operation,
    record_message,
    unique_id,
)
from tests.ingest.ingest_site import Site


def failed(site: Site, *, at_end: bool = True) -> list[str]:
    moment = site.store.auditing.at_one_moment()
    facts = list(topic_facts(site.settings).values())
    _, checks = balance_checks(moment, facts, at_end=at_end)
    return [check.name for check in checks if not check.holds]


@pytest.fixture
def busy(site: Site) -> Site:
    """A site on which everything has happened once."""
    site.publish(
        mask(1),
        deposit(1),
        deposit(1),
        deposit(2, replaces=unique_id(1), content=dicom()),
        deposit(3, matricule=BRUNO),
        mask(77),
        operation("DeleteDocument", 3, matricule=BRUNO),
        record_message("OpposeFeeding"),
    )
    site.publish_records(OutgoingRecord("patients", b"x", b"garbage"))
    site.ingest()
    site.publish(deposit(4), record_message("WithdrawOpposition"), deposit(77))
    site.ingest()
    again = Retry(
        site.store, context_of(site.settings, feed_facts(site.settings, site.store)), SystemClock()
    )
    assert list(again([letter.letter for letter in waiting(site.store)]))
    publisher = open_publisher(site.settings, client_id="relay")
    Relay(site.store, publisher, "test", SystemClock()).run(StopSignal(), until_idle=True)
    publisher.close()
    return site


def test_it_balances(busy: Site) -> None:
    assert failed(busy) == []


def test_what_is_on_its_way_does_not_unbalance_but_shows_at_the_end(busy: Site) -> None:
    (sent,) = busy.publish(deposit(5))
    assert failed(busy, at_end=False) == []
    name = f"{sent.partition.topic}/{sent.partition.number}"
    assert failed(busy) == [f"{name}: read to the end"]


def test_it_balances_after_an_erasure(busy: Site) -> None:
    letters = sum(busy.store.auditing.counts().dead_letters.values())
    busy.store.erase(busy.events()[0].record)
    counts = busy.store.auditing.counts().dead_letters
    assert counts["erased"]
    assert sum(counts.values()) == letters
    assert failed(busy) == []


def test_a_letter_lost_after_an_erasure_is_found(busy: Site) -> None:
    busy.store.erase(busy.events()[0].record)
    dsn: Any = busy.settings.database_dsn
    with psycopg.connect(dsn.get_secret_value(), autocommit=True) as conn:
        conn.execute(
            "delete from dead_letter"
            " where id = (select min(id) from dead_letter where status <> 'erased')"
        )
    assert failed(busy, at_end=False) == ["messages rejected = dead letters"]


def test_it_balances_beside_a_writer_that_commits_all_the_time(busy: Site) -> None:
    stop = threading.Event()

    def write() -> None:
        with EventStore.open(busy.settings) as store:
            other = Site(busy.settings, store)
            for number in count(1000):
                if stop.is_set():
                    return
                other.write(deposit(number), mask(number + 1_000_000))

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            moments = [busy.store.auditing.at_one_moment()]
            while moments[-1].counts.events < moments[0].counts.events + 15:
                assert not writing.done(), "nothing is written any more"
                moments.append(busy.store.auditing.at_one_moment())
        finally:
            stop.set()
        writing.result()
    for moment in moments:
        _, checks = balance_checks(moment, [], at_end=False)
        assert [check.name for check in checks if not check.holds] == []


EVENT_GUARD = "alter table event disable trigger event_is_for_ever"
PARTITION_GUARD = "alter table event_00000 disable trigger event_is_for_ever"
DAMAGE = {
    "an event deleted": (
        "delete from event where position = (select max(position) from event)",
        "events of all partitions = events in the log",
    ),
    "a head moved": (
        "update stream set version = version + 1"
        " where stream = (select stream from stream order by stream limit 1)",
        "streams that disagree with their events",
    ),
    "a letter deleted": (
        "delete from dead_letter where id = (select min(id) from dead_letter)",
        "messages rejected = dead letters",
    ),
    "a position moved": (
        "update source_position set next_offset = next_offset - 1 where rejected > 0",
        "offsets passed = messages counted + holes",
    ),
    "a counter changed": (
        "update source_position set accepted = accepted + 1 where accepted > 0",
        "offsets passed = messages counted + holes",
    ),
    "a position beyond the log": (
        "update source_position set next_offset = next_offset + 9, accepted = accepted + 9"
        " where accepted > 0",
        "position fits the feed",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_planted_damage_is_found(busy: Site, what: str) -> None:
    statement, expected = DAMAGE[what]
    dsn: Any = busy.settings.database_dsn
    with psycopg.connect(dsn.get_secret_value(), autocommit=True) as conn:
        conn.execute(EVENT_GUARD)
        conn.execute(PARTITION_GUARD)
        conn.execute(statement)
    assert any(expected in name for name in failed(busy, at_end=False))
