"""Reading by position, by record and by person; identities and positions of sources."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ingest.eventstore import AppendBatch, EventStore
from ingest.eventstore.keys.identities import Identities
from ingest.eventstore.keys.key_ring import KeyRing
from ingest.eventstore.keys.master_key import read_master_key
from ingest.eventstore.sessions import Session
from ingest.eventstore.tables.sources import PositionMoved, TopicChanged
from schemas.forms.stream_ids import document_stream
from tests.ingest.eventstore.store_batches import (
    SOURCE,
    Batch,
    Place,
    linked,
    records,
    uids,
    unlinked,
)


def test_pages_by_record_are_whole_complete_and_in_order(store: EventStore) -> None:
    numbers = records(store, 7)
    draw = random.Random(3)
    counts = dict(zip(numbers, (1, 40, 2, 0, 9, 3, 5), strict=True))
    owners = [record for record, count in counts.items() for _ in range(count)]
    draw.shuffle(owners)
    batch = Batch()
    for uid, record in zip(uids(len(owners)), owners, strict=True):
        batch.add(uid, record)
    store.append(batch)
    expected = sorted((e.record, at) for at, e in enumerate(batch.events, start=1))
    for page in (1, 4, 10, 1000):
        pages = list(store.reading.read_records(numbers[0], numbers[-1] + 1, page=page))
        assert [(e.record, e.position) for p in pages for e in p] == expected
        seen = [record for p in pages for record in dict.fromkeys(e.record for e in p)]
        assert len(seen) == len(set(seen)), "a record was cut by a page"
    some = [e for p in store.reading.read_records(numbers[1], numbers[4], until=30) for e in p]
    assert [(e.record, e.position) for e in some] == [
        (r, p) for r, p in expected if numbers[1] <= r < numbers[4] and p <= 30
    ]
    (one,) = [r for r, c in counts.items() if c == 9]
    assert [(e.record, e.position) for e in store.reading.read_record(one)] == [
        pair for pair in expected if pair[0] == one
    ]
    assert store.reading.max_record() == numbers[-1]


def test_a_stream_is_read_in_order_of_its_versions(store: EventStore) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    for version in (1, 2, 3):
        batch.add("1.2.3.1", record, version=version)
        batch.add(f"1.2.4.{version}", record)
    store.append(batch)
    read = store.reading.read_stream(document_stream("1.2.3.1"))
    assert [(e.position, e.version) for e in read] == [(1, 1), (3, 2), (5, 3)]
    assert store.reading.read_stream(bytes(16)) == []


def test_a_person_is_all_records_linked_now(store: EventStore) -> None:
    a, b, c, d = records(store, 4)
    batch = Batch()
    versions = dict.fromkeys((a, b, c, d), 0)

    def say(record: int, name: str, state: bytes) -> None:
        versions[record] += 1
        batch.add(f"1.9.{record}", record, version=versions[record], name=name, state=state)

    for one, other in ((a, b), (b, c)):
        say(one, "record_linked", linked(other))
        say(other, "record_linked", linked(one))
    store.append(batch)
    assert store.reading.person(a) == {a, b, c}
    assert store.reading.person(d) == {d}
    assert store.reading.links([a, b, d]) == {a: {b}, b: {a, c}, d: frozenset()}
    batch = Batch()
    say(a, "record_unlinked", unlinked(b))
    say(b, "record_unlinked", unlinked(a))
    store.append(batch)
    assert store.reading.person(a) == {a}
    assert store.reading.person(c) == {b, c}


def test_tokens_resolve_to_one_record_for_ever_in_every_process(
    store: EventStore, place: Place, seed: int
) -> None:
    tokens = [store.secrets.ins_hash(f"1.2.250.1.213.1.4.10|{number}") for number in range(300)]
    assert store.identities.lookup(tokens) == {}

    def resolve(order: int) -> dict[bytes, int]:
        mine = list(tokens)
        random.Random(order).shuffle(mine)
        with place.open() as other:
            found: dict[bytes, int] = {}
            for at in range(0, 300, 50):
                refs = other.identities.resolve(mine[at : at + 50])
                found |= {token: ref.record for token, ref in refs.items()}
            return found

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(resolve, range(seed, seed + 3)))
    assert answers[0] == answers[1] == answers[2]
    assert len(set(answers[0].values())) == 300
    assert {
        t: ref.record for t, ref in store.identities.lookup([*tokens, bytes(16)]).items()
    } == answers[0]


def test_what_is_remembered_of_identities_and_keys_is_bounded(place: Place) -> None:
    master = read_master_key(place.master_key)
    tokens = [number.to_bytes(16) for number in range(30)]
    with closing(Session(place.dsn, "test")) as session:
        ring = KeyRing(session, master, capacity=8)
        identities = Identities(session, ring, capacity=8)
        found: dict[bytes, int] = {}
        for at in range(0, 30, 3):
            chosen = tokens[at : at + 3]
            found |= {t: ref.record for t, ref in identities.resolve(chosen).items()}
            assert len(identities._cache) <= 8
            assert len(ring._cache) <= 8
        again = {t: ref.record for t, ref in identities.lookup(tokens).items()}
        assert again == found


def test_hashes_are_keyed_and_stable(store: EventStore, place: Place) -> None:
    ins = "1.2.250.1.213.1.4.10|180017500000012"
    assert len(store.secrets.ins_hash(ins)) == 16
    assert store.secrets.subject(ins.encode()) == store.secrets.ins_hash(ins)
    assert -(2**63) <= store.secrets.author_hash("1.2.250.1.71.4.2.1^899700000001") < 2**63
    with place.open() as other:
        assert other.secrets.ins_hash(ins) == store.secrets.ins_hash(ins)
        assert other.secrets.author_hash("x") == store.secrets.author_hash("x")


def test_a_source_begins_once_and_a_gap_is_accepted_by_hand_only(store: EventStore) -> None:
    first = store.sources.insert(SOURCE, "topic-a", 10)
    assert (first.first_offset, first.next_offset) == (10, 10)
    assert store.sources.insert(SOURCE, "topic-b", 99) == first
    with pytest.raises(PositionMoved):
        store.sources.accept_gap(SOURCE, 11, 20, topic_id="topic-a", reason="r", by="me")
    store.sources.accept_gap(SOURCE, 10, 20, topic_id="topic-a", reason="retention", by="me")
    moved = store.sources.all()[SOURCE]
    assert (moved.next_offset, moved.holes) == (20, 10)
    store.sources.accept_gap(SOURCE, 20, 0, topic_id="topic-b", reason="made anew", by="me")
    anew = store.sources.all()[SOURCE]
    assert (anew.topic_id, anew.next_offset, anew.first_offset) == ("topic-b", 0, 0)
    assert anew.next_offset - anew.first_offset == anew.holes


def test_a_changed_number_of_partitions_is_refused(store: EventStore) -> None:
    store.sources.check_topic("cluster/documents", "id", 24)
    store.sources.check_topic("cluster/documents", "id", 24)
    with pytest.raises(TopicChanged, match="24 partitions and has 25"):
        store.sources.check_topic("cluster/documents", "id", 25)


def test_empty_questions_have_empty_answers(store: EventStore) -> None:
    assert store.reading.heads([]) == {}
    assert store.reading.submitted([]) == {}
    assert store.reading.applied([]) == {}
    assert store.reading.pending_links([]) == []
    assert store.dead_letters.waiting_for([]) == []
    assert store.identities.resolve([]) == {}
    assert store.reading.read_after(0, 10) == []
    assert list(store.reading.read_records(0, 100)) == []
    answer = store.append(AppendBatch())
    assert (answer.first_position, answer.last_position) == (0, 0)
