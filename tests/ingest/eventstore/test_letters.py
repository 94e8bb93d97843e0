"""Dead letters wait, are found by what they wait for, and are decided once per attempt."""

from __future__ import annotations

import os

import pytest

from ingest.eventstore import AppendBatch, DeadLetterDecision, EventStore, LostRace
from ingest.eventstore.keys.sealing import SealBroken, dead_letter_context, unseal
from ingest.eventstore.log.dead_letters import DeadLetterNotFound, seal_dead_letters
from tests.ingest.eventstore.store_batches import Batch, letter, records

TARGET = bytes(range(16))


def test_letters_come_opened_in_the_order_of_receipt(store: EventStore) -> None:
    (record,) = records(store, 1)
    store.append(
        AppendBatch(
            dead_letters=[
                letter(5, waits_for=TARGET, record=record),
                letter(6, code="malformed", path="document.size", fingerprint=b"12345678"),
                letter(3, waits_for=TARGET),
            ]
        )
    )
    waiting = store.dead_letters.waiting_for([TARGET, bytes(16)])
    assert [(w.offset, w.raw, w.attempt) for w in waiting] == [
        (5, b"raw record 5", 1),
        (3, b"raw record 3", 1),
    ]
    assert [w.letter for w in store.dead_letters.waiting([3, 1, 99])] == [1, 3]
    (malformed,) = store.dead_letters.page(code="malformed")
    assert (malformed.path, malformed.fingerprint) == ("document.size", b"12345678")
    assert store.dead_letters.get(malformed.letter).raw == b"raw record 6"
    assert [row.letter for row in store.dead_letters.page(after=1, limit=1)] == [2]
    assert store.dead_letters.page(source="elsewhere") == []


def test_a_letter_is_sealed_under_the_key_of_its_record_where_there_is_one() -> None:
    record_key, letter_key = bytes(32), bytes(range(32))
    of_record, of_nobody = seal_dead_letters(
        [letter(1, record=7), letter(2)], {7: record_key}, letter_key, os.urandom
    )
    for (said, sealed), key, other in (
        (of_record, record_key, letter_key),
        (of_nobody, letter_key, record_key),
    ):
        assert sealed is not None
        place = dead_letter_context(said.source, said.offset)
        assert unseal(key, place, sealed) == said.raw
        with pytest.raises(SealBroken):
            unseal(other, place, sealed)


def test_a_decision_closes_a_letter_or_leaves_it_waiting_under_its_new_code(
    store: EventStore,
) -> None:
    store.append(AppendBatch(dead_letters=[letter(1), letter(2)]))
    decided = [
        DeadLetterDecision(1, 2, "accepted", None, None),
        DeadLetterDecision(2, 2, "rejected", "record_closed", "ins"),
    ]
    store.append(AppendBatch(dead_letter_decisions=decided))
    closed, open_ = store.dead_letters.page(status=None)
    assert (closed.status, closed.attempt, closed.code) == ("accepted", 2, "target_unknown")
    assert store.dead_letters.get(closed.letter).raw is None
    assert (open_.status, open_.attempt, open_.code) == ("waiting", 2, "record_closed")
    assert store.dead_letters.get(open_.letter).raw == b"raw record 2"
    for again in (decided[0], decided[1], DeadLetterDecision(1, 3, "accepted", None, None)):
        with pytest.raises(LostRace):
            store.append(AppendBatch(dead_letter_decisions=[again]))
    assert store.auditing.counts().dead_letters == {"accepted": 1, "waiting": 1}


def test_a_letter_that_came_meanwhile_makes_the_target_a_lost_race(store: EventStore) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    target = batch.add("1.2.3.1", record)
    batch.watched.add(target)
    store.append(AppendBatch(dead_letters=[letter(1, waits_for=target)]))
    with pytest.raises(LostRace):
        store.append(batch)
    batch.seen_dead_letters = {1}
    batch.dead_letter_decisions = [DeadLetterDecision(1, 2, "accepted", None, None)]
    store.append(batch)
    assert store.dead_letters.waiting_for([target]) == []


def test_discarded_letters_keep_their_bytes_and_the_reason(store: EventStore) -> None:
    store.append(AppendBatch(dead_letters=[letter(1, waits_for=TARGET)]))
    store.dead_letters.discard(1, "sent by mistake", "operator")
    assert store.dead_letters.page() == []
    found = store.dead_letters.get(1)
    assert (found.letter.status, found.letter.discard_reason) == ("discarded", "sent by mistake")
    assert found.raw == b"raw record 1"
    assert store.dead_letters.waiting_for([TARGET]) == []
    for unknown in (1, 2):
        with pytest.raises(DeadLetterNotFound):
            store.dead_letters.discard(unknown, "again", "operator")
    with pytest.raises(DeadLetterNotFound):
        store.dead_letters.get(2)
