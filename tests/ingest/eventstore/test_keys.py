"""Sealing and erasure: bytes open only where they belong, and never again once erased."""

from __future__ import annotations

import os

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.eventstore import AppendBatch, EventStore, KeyMissing, LostRace, NewContent
from ingest.eventstore.content.sealed import ContentErased
from ingest.eventstore.keys.master_key import FileMasterKey, MasterKeyError, Wrapping
from ingest.eventstore.keys.sealing import (
    OVERHEAD,
    SealBroken,
    dead_letter_context,
    event_context,
    seal,
    unseal,
)
from tests.ingest.eventstore.store_batches import Batch, Place, archived, letter, records

KEY = bytes(range(32))
places = st.one_of(
    st.builds(
        event_context,
        st.binary(min_size=16, max_size=16),
        st.integers(1, 2**31 - 1),
        st.sampled_from(["document_submitted", "document_archived", "record_opened"]),
    ),
    st.builds(dead_letter_context, st.text(max_size=20), st.integers(0, 2**63 - 1)),
)


@given(places, places, st.binary(max_size=200), st.binary(min_size=12, max_size=12))
def test_sealed_bytes_open_in_their_place_only(
    place: bytes, other: bytes, data: bytes, nonce: bytes
) -> None:
    sealed = seal(KEY, nonce, place, data)
    assert len(sealed) == len(data) + OVERHEAD
    assert unseal(KEY, place, sealed) == data
    if other != place:
        with pytest.raises(SealBroken):
            unseal(KEY, other, sealed)
    with pytest.raises(SealBroken):
        unseal(bytes(32), place, sealed)


@given(st.binary(max_size=80), st.data())
def test_changed_or_cut_bytes_are_a_broken_seal_never_a_crash(
    data: bytes, draw: st.DataObject
) -> None:
    sealed = seal(KEY, bytes(12), b"place", data)
    at = draw.draw(st.integers(0, len(sealed) - 1))
    flipped = sealed[:at] + bytes((sealed[at] ^ draw.draw(st.integers(1, 255)),)) + sealed[at + 1 :]
    for broken in (flipped, sealed[:at]):
        with pytest.raises(SealBroken):
            unseal(KEY, b"place", broken)


@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(min_size=32, max_size=32)), max_size=5))
def test_keys_unwrap_in_order_under_their_master_key_only(keys: list[tuple[bytes, bytes]]) -> None:
    master = FileMasterKey(os.urandom(32))
    given_keys = [Wrapping(context, key) for context, key in keys]
    wrapped = master.wrap(given_keys)
    sent = [Wrapping(c, w) for (c, _), w in zip(keys, wrapped, strict=True)]
    assert master.unwrap(sent) == [key for _, key in keys]
    for context, blob in sent:
        with pytest.raises(MasterKeyError):
            master.unwrap([Wrapping(context + b"x", blob)])
        with pytest.raises(MasterKeyError):
            FileMasterKey(os.urandom(32)).unwrap([Wrapping(context, blob)])


def one_event(store: EventStore, uid: str = "1.2.3.1") -> int:
    (record,) = records(store, 1)
    batch = Batch()
    batch.add(uid, record, state=archived(uid, "secret words"))
    store.append(batch)
    return record


def test_nothing_readable_is_in_the_tables(store: EventStore, place: Place) -> None:
    record = one_event(store)
    store.append(AppendBatch(dead_letters=[letter(1, record=record), letter(2)]))
    with psycopg.connect(place.dsn) as conn:
        rows = conn.execute("select state from event union all select raw from dead_letter")
        stored = b"".join(bytes(row[0]) for row in rows)
    assert b"secret words" not in stored
    assert b"raw record" not in stored


def test_an_event_moved_to_another_place_does_not_open(store: EventStore, place: Place) -> None:
    one_event(store)
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        for change in ("version = 2", "stream = gen_random_uuid()", "state = state || '\\x00'"):
            conn.execute("alter table event_00000 disable trigger all")
            conn.execute("create table kept as select * from event")
            conn.execute("set session_replication_role = replica")
            conn.execute(f"update event set {change}")
            with pytest.raises(SealBroken):
                store.reading.read_after(0, 10)
            conn.execute(
                "update event e set version = k.version, stream = k.stream,"
                " state = k.state from kept k where k.position = e.position"
            )
            conn.execute("drop table kept")
    assert len(store.reading.read_after(0, 10)) == 1


def test_a_row_of_keys_that_lacks_halts_reading(store: EventStore, place: Place) -> None:
    record = one_event(store)
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        conn.execute("delete from record_key where record = %s", (record,))
    with place.open() as other, pytest.raises(KeyMissing):
        other.reading.read_after(0, 10)


def test_erasure_reaches_every_process_and_everything_of_the_record(
    store: EventStore, place: Place
) -> None:
    token = store.secrets.ins_hash("1.2.250.1.213.1.4.10|180017500000012")
    record = store.identities.resolve([token])[token].record
    data = b"%PDF document"
    batch = Batch()
    stream = batch.add("1.2.3.1", record)
    other_record = records(store, 1)[0]
    batch.add("1.2.3.2", other_record)
    batch.contents.append(NewContent(record, bytes(32), data))
    batch.dead_letters.append(letter(1, record=record, waits_for=bytes(16)))
    batch.dead_letters.append(letter(2, subject=token))
    batch.dead_letters.append(letter(3, subject=bytes(16)))
    store.append(batch)

    with place.open() as elsewhere:
        assert elsewhere.reading.read_after(0, 1)[0].encoded is not None
        assert elsewhere.identities.resolve([token])[token].erased is False
        assert store.erase(record)
        assert not store.erase(record)
        for opened in (store, elsewhere):
            first, second = opened.reading.read_after(0, 10)
            assert (first.encoded, first.stream) == (None, stream)
            assert second.encoded is not None
            assert opened.identities.resolve([token])[token].erased
            assert opened.identities.lookup([token])[token].record == record
            assert opened.erased([record, other_record]) == {record}
            with pytest.raises(ContentErased):
                opened.contents.get(record, bytes(32))
        late = Batch()
        late.add("1.2.3.3", record)
        with pytest.raises(LostRace):
            elsewhere.append(late)
        assert [found.letter for found in elsewhere.dead_letters.page()] == [3]
        assert elsewhere.dead_letters.get(1).raw is None
    assert not (place.content / "record" / str(record)).exists()
    with psycopg.connect(place.dsn) as conn:
        assert conn.execute(
            "select wrapped, erased_at is not null from record_key where record = %s", (record,)
        ).fetchone() == (None, True)


def test_a_letter_of_an_erased_record_keeps_no_bytes(store: EventStore) -> None:
    (record,) = records(store, 1)
    store.erase(record)
    store.append(AppendBatch(dead_letters=[letter(1, record=record, code="unique_id_used")]))
    (found,) = store.dead_letters.page(status=None)
    assert (found.status, found.size) == ("erased", None)
    assert store.dead_letters.get(found.letter).raw is None


def test_erasing_what_never_was_is_an_error(store: EventStore) -> None:
    with pytest.raises(KeyMissing):
        store.erase(12345)
