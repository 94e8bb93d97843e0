"""An erasure that races a batch, or was left half done, loses no count and stops nobody."""

from __future__ import annotations

import os
from collections.abc import Callable

import psycopg
import pytest

from ingest.eventstore import AppendBatch, EventStore, LostRace
from ingest.eventstore.keys.master_key import read_master_key
from schemas.forms.stream_ids import document_stream
from tests.ingest.eventstore.store_batches import Batch, Place, letter, records

TARGET = document_stream("1.2.3.1")


def sealing_store(place: Place, meanwhile: Callable[[], object]) -> EventStore:
    """A store that lets `meanwhile` happen between the reading of keys and the first seal."""
    left = [meanwhile]

    def entropy(count: int) -> bytes:
        if left and count:
            left.pop()()
        return os.urandom(count)

    master = read_master_key(place.master_key)
    return EventStore(place.dsn, place.dsn, master, str(place.content), entropy=entropy)


def deposit_of(uid: str, record: int) -> Batch:
    batch = Batch()
    batch.watched.add(batch.add(uid, record))
    return batch


def test_a_batch_sealed_before_an_erasure_is_not_committed_after_it(
    store: EventStore, place: Place
) -> None:
    gone, other = records(store, 2)
    batch = AppendBatch(dead_letters=[letter(1, record=gone, waits_for=TARGET)])
    with sealing_store(place, lambda: store.erase(gone)) as racing:
        with pytest.raises(LostRace):
            racing.append(batch)
        racing.append(batch)  # decided again
        racing.append(deposit_of("1.2.3.1", other))
    assert store.auditing.counts().dead_letters == {"erased": 1}
    assert store.dead_letters.page() == []
    assert store.dead_letters.waiting_for([TARGET]) == []


def test_an_event_sealed_before_an_erasure_is_not_committed_after_it(
    store: EventStore, place: Place
) -> None:
    (gone,) = records(store, 1)
    with (
        sealing_store(place, lambda: store.erase(gone)) as racing,
        pytest.raises(LostRace),
    ):
        racing.append(deposit_of("1.2.3.1", gone))
    assert store.auditing.counts().events == 0


def test_an_erasure_waits_for_the_writers(store: EventStore, place: Place) -> None:
    (gone,) = records(store, 1)
    store.append(AppendBatch(dead_letters=[letter(1, record=gone)]))
    with place.open(session_timeout=0.5) as other, psycopg.connect(place.dsn) as conn:
        conn.execute("select pg_advisory_xact_lock(7201, 3)")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.erase(gone)
    assert store.dead_letters.get(1).raw == b"raw record 1"
    assert store.erased([gone]) == frozenset()


def test_a_letter_under_a_destroyed_key_does_not_stop_what_it_waits_for(
    store: EventStore, place: Place
) -> None:
    """Whoever erased died between the key and the letters."""
    gone, other = records(store, 2)
    letters = [letter(1, record=gone, waits_for=TARGET), letter(2, record=other, waits_for=TARGET)]
    store.append(AppendBatch(dead_letters=letters))
    with psycopg.connect(place.dsn) as conn:
        conn.execute(
            "update record_key set wrapped = null, erased_at = now() where record = %s", (gone,)
        )
        conn.execute("update erasure_count set erasures = erasures + 1")
    assert [found.letter for found in store.dead_letters.waiting_for([TARGET])] == [2]
    batch = deposit_of("1.2.3.1", other)
    with pytest.raises(LostRace):
        store.append(batch)
    batch.seen_dead_letters = {2}
    store.append(batch)
    assert not store.erase(gone)
    assert store.auditing.counts().dead_letters == {"erased": 1, "waiting": 1}


def test_an_erased_letter_keeps_its_row_and_says_nothing_of_the_person(store: EventStore) -> None:
    token = store.secrets.ins_hash("1.2.250.1.213.1.4.10|180017500000012")
    record = store.identities.resolve([token])[token].record
    said = {"path": "document.title", "waits_for": TARGET, "fingerprint": b"12345678"}
    store.append(
        AppendBatch(
            dead_letters=[
                letter(1, record=record, subject=token, **said),
                letter(2, subject=token, **said),
                letter(3, subject=bytes(16)),
            ]
        )
    )
    store.dead_letters.discard(1, "sent by mistake", "operator")
    store.erase(record)
    store.append(AppendBatch(dead_letters=[letter(4, record=record, subject=token, **said)]))
    erased = store.dead_letters.page(status="erased")
    assert [(found.offset, found.code) for found in erased] == [
        (1, "target_unknown"),
        (2, "target_unknown"),
        (4, "target_unknown"),
    ]
    for found in erased:
        assert (found.path, found.message_id, found.software_id) == (None, None, "")
        assert (found.record, found.waits_for, found.fingerprint) == (None, None, None)
        assert (found.size, found.discard_reason, found.discarded_by) == (None, None, None)
        assert found.decided_at is not None
        assert store.dead_letters.get(found.letter).raw is None
    assert [found.offset for found in store.dead_letters.page()] == [3]
