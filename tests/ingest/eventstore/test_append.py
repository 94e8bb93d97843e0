"""The contract of `append`: all or nothing, once, in order; each refusal writes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from ingest.eventstore import (
    AppendBatch,
    AppliedMessage,
    DeadLetterDecision,
    EventStore,
    Fenced,
    LostRace,
    NewOutcomes,
    PendingLink,
)
from ingest.eventstore.log.encoded_batch import BatchContradictsItself
from schemas.forms.stream_ids import document_stream
from tests.ingest.eventstore.store_batches import (
    SOURCE,
    Batch,
    Place,
    advance,
    archived,
    letter,
    records,
    uids,
)

ALL = 1_000_000


def everything(store: EventStore, place: Place) -> Any:
    """All rows of the tables an append writes."""
    tables = (
        "event",
        "stream",
        "log_head",
        "source_position",
        "applied_message",
        "pending_link",
        "dead_letter",
        "outcome_batch",
    )
    with psycopg.connect(place.dsn) as conn:
        return {
            name: conn.execute(f"select * from {name} t order by t::text").fetchall()
            for name in tables
        }


def full_batch(store: EventStore, record: int) -> Batch:
    batch = Batch()
    batch.advances.append(advance(0, 4, accepted=3, rejected=1))
    batch.add("1.2.3.1", record, authors=(-5, 7), replaced_by=document_stream("1.2.3.9"))
    batch.add("1.2.3.2", record)
    batch.add("1.2.3.1", record, version=2)
    batch.applied.append(AppliedMessage(bytes(15) + b"a", bytes(32), 2))
    batch.applied.append(AppliedMessage(bytes(15) + b"b", bytes(32), None))
    batch.pending_links.append(PendingLink(document_stream("1.2.3.8"), document_stream("1.2.3.2")))
    batch.dead_letters.append(letter(3, record=record))
    batch.outcomes.append(NewOutcomes(SOURCE, b"outcomes"))
    batch.record_versions = {document_stream("record"): 0}
    batch.absent = {document_stream("1.2.3.8")}
    batch.watched = {document_stream("1.2.3.1"), document_stream("1.2.3.2")}
    return batch


def test_what_was_appended_is_read_again_in_the_order_of_messages(store: EventStore) -> None:
    (record,) = records(store, 1)
    store.sources.insert(SOURCE, "topic-id", 0)
    batch = full_batch(store, record)
    answer = store.append(batch)
    assert (answer.first_position, answer.last_position) == (1, 3)

    read = store.reading.read_after(0, 10)
    assert [event.position for event in read] == [1, 2, 3]
    for event, given in zip(read, batch.events, strict=True):
        assert (event.stream, event.version, event.name) == (
            given.stream,
            given.version,
            given.name,
        )
        assert (event.record, event.message_id) == (record, given.message_id)
        assert event.encoded == given.encoded
        assert (event.schema_version, event.recorded_at) == (1, answer.recorded_at)

    head = store.reading.heads([document_stream("1.2.3.1"), document_stream("1.2.3.7")])
    assert list(head) == [document_stream("1.2.3.1")]
    found = head[document_stream("1.2.3.1")]
    assert (found.version, found.record) == (2, record)
    assert store.reading.applied([bytes(15) + b"a", bytes(15) + b"c"]) == {
        bytes(15) + b"a": bytes(32)
    }
    assert store.reading.pending_links([document_stream("1.2.3.8")]) == batch.pending_links
    position = store.sources.all()[SOURCE]
    assert (position.next_offset, position.accepted, position.rejected) == (4, 3, 1)
    assert (position.last_offset, position.last_leader_epoch) == (3, 0)
    assert store.auditing.verify_streams() == []
    counts = store.auditing.counts()
    assert (counts.events, counts.streams, counts.applied_messages) == (3, 2, 2)
    assert counts.dead_letters == {"waiting": 1}


def test_a_head_keeps_its_authors_and_successor(store: EventStore) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    successor = document_stream("1.2.3.9")
    first = batch.add("1.2.3.1", record, authors=(-(2**63), 2**63 - 1), replaced_by=successor)
    none = batch.add("1.2.3.2", record)
    last = batch.add("1.2.3.3", record, authors=(3,))
    store.append(batch)
    heads = store.reading.heads([first, none, last])
    assert heads[first].authors == (-(2**63), 2**63 - 1)
    assert heads[first].replaced_by == successor
    assert heads[none].authors == ()
    assert heads[none].replaced_by is None
    assert heads[last].authors == (3,)

    change = Batch()
    change.add("1.2.3.1", record, version=2, authors=(9,))
    change.add("1.2.3.2", record, version=2, authors=(4, 5), replaced_by=successor)
    store.append(change)
    heads = store.reading.heads([first, none])
    assert (heads[first].authors, heads[first].replaced_by) == ((9,), None)
    assert (heads[none].authors, heads[none].replaced_by) == ((4, 5), successor)


def test_a_large_batch_keeps_the_order_of_its_messages(store: EventStore) -> None:
    numbers = records(store, 3)
    batch = Batch()
    for at, uid in enumerate(uids(500)):
        batch.add(uid, numbers[at % 3], state=archived(uid, "x" * (at % 97)))
    store.append(batch)
    read = [event for at in range(0, 500, 128) for event in store.reading.read_after(at, 128)]
    assert [(e.stream, e.encoded) for e in read] == [(e.stream, e.encoded) for e in batch.events]
    by_first = store.reading.submitted(e.stream for e in batch.events)
    assert {s: e.position for s, e in by_first.items()} == {e.stream: e.position for e in read}


def test_a_batch_without_events_moves_the_source_and_gives_no_positions(store: EventStore) -> None:
    store.sources.insert(SOURCE, "topic-id", 7)
    answer = store.append(AppendBatch(advances=[advance(7, 2, accepted=0, duplicate=2)]))
    assert (answer.first_position, answer.last_position) == (0, 0)
    assert store.sources.all()[SOURCE].next_offset == 9
    assert store.reading.max_position() == 0


def test_fenced_names_the_sources_that_moved_and_writes_nothing(
    store: EventStore, place: Place
) -> None:
    (record,) = records(store, 1)
    for source in ("a", "b", "c"):
        store.sources.insert(source, "t", 0)
    store.append(AppendBatch(advances=[advance(0, 1, source="b")]))
    batch = Batch()
    batch.add("1.2.3.1", record)
    batch.advances = [advance(0, 1, source=source) for source in ("a", "b", "c", "unknown")]
    before = everything(store, place)
    with pytest.raises(Fenced) as caught:
        store.append(batch)
    assert caught.value.sources == {"b", "unknown"}
    assert everything(store, place) == before


def lost(batch: Batch, **changes: Any) -> Batch:
    for name, value in changes.items():
        setattr(batch, name, value)
    return batch


@pytest.mark.parametrize(
    "changes",
    [
        {"record_versions": {document_stream("1.2.3.1"): 1}},
        {"record_versions": {document_stream("1.2.3.1"): 0}},
        {"record_versions": {document_stream("1.2.3.77"): 1}},
        {"absent": {document_stream("1.2.3.77"), document_stream("1.2.3.2")}},
        {"watched": {document_stream("1.2.3.8")}},
        {"watched": {document_stream("1.2.3.50")}},
        {
            "watched": {document_stream("1.2.3.51")},
            "seen_links": {PendingLink(document_stream("1.2.3.51"), document_stream("1.2.3.2"))},
        },
        {"seen_dead_letters": {1}, "watched": {document_stream("1.2.3.51")}},
        {"watched": {document_stream("1.2.3.50")}, "seen_dead_letters": {1, 2}},
        {"applied": [AppliedMessage(bytes(15) + b"b", bytes(32), 0)]},
        {"resolved_links": [PendingLink(document_stream("1.2.3.8"), document_stream("1.2.3.1"))]},
        {"pending_links": [PendingLink(document_stream("1.2.3.8"), document_stream("1.2.3.2"))]},
        {"dead_letter_decisions": [DeadLetterDecision(1, 3, "rejected", "record_closed", None)]},
        {"dead_letter_decisions": [DeadLetterDecision(99, 2, "accepted", None, None)]},
    ],
)
def test_a_lost_race_writes_nothing(
    store: EventStore, place: Place, changes: dict[str, Any]
) -> None:
    (record,) = records(store, 1)
    store.sources.insert(SOURCE, "topic-id", 0)
    first = full_batch(store, record)
    first.dead_letters[0] = replace(first.dead_letters[0], waits_for=document_stream("1.2.3.50"))
    store.append(first)
    batch = Batch()
    batch.advances.append(advance(4, 1))
    batch.add("1.2.3.5", record)
    before = everything(store, place)
    with pytest.raises(LostRace):
        store.append(replace(lost(batch, **{"watched": set()} | changes)))
    assert everything(store, place) == before
    unhindered = Batch()
    unhindered.advances.append(advance(4, 1))
    unhindered.add("1.2.3.5", record)
    unhindered.watched = {document_stream("1.2.3.8"), document_stream("1.2.3.50")}
    unhindered.seen_links = set(first.pending_links)
    unhindered.seen_dead_letters = {1}
    unhindered.record_versions = {document_stream("1.2.3.1"): 2}
    assert store.append(unhindered).first_position == 4


def test_a_second_deposit_and_a_stale_head_are_lost_races(store: EventStore, place: Place) -> None:
    one, other = records(store, 2)
    first = Batch()
    first.add("1.2.3.1", one)
    store.append(first)
    before = everything(store, place)
    for uid, record, version in (("1.2.3.1", one, 1), ("1.2.3.1", one, 3), ("1.2.3.1", other, 2)):
        batch = Batch()
        batch.add("1.2.3.2", one)
        batch.add(uid, record, version=version)
        with pytest.raises(LostRace):
            store.append(batch)
        assert everything(store, place) == before


def test_a_batch_that_contradicts_itself_is_refused_before_anything_is_asked(
    store: EventStore,
) -> None:
    (record,) = records(store, 1)

    def gap(batch: Batch) -> None:
        batch.add("1.2.3.1", record)
        batch.add("1.2.3.1", record, version=3)

    def same_version(batch: Batch) -> None:
        batch.add("1.2.3.1", record)
        batch.events.append(batch.events[0])

    def no_head(batch: Batch) -> None:
        batch.add("1.2.3.1", record)
        batch.heads.clear()

    def other_record(batch: Batch) -> None:
        batch.add("1.2.3.1", record)
        batch.heads = [
            replace(batch.heads[0], head=batch.heads[0].head._replace(record=record + 1))
        ]

    def wrong_index(batch: Batch) -> None:
        batch.add("1.2.3.1", record)
        batch.heads = [replace(batch.heads[0], first_event=1)]

    def twice_applied(batch: Batch) -> None:
        batch.applied = [AppliedMessage(bytes(16), bytes(32), None)] * 2

    def unwatched_link(batch: Batch) -> None:
        batch.seen_links = {PendingLink(bytes(16), bytes(16))}

    def does_not_add_up(batch: Batch) -> None:
        batch.advances = [advance(0, 3, accepted=2)]

    for spoil in (
        gap,
        same_version,
        no_head,
        other_record,
        wrong_index,
        twice_applied,
        unwatched_link,
        does_not_add_up,
    ):
        batch = Batch()
        spoil(batch)
        with pytest.raises(BatchContradictsItself):
            store.append(batch)


def test_times_never_go_back_and_lead_to_positions(store: EventStore) -> None:
    (record,) = records(store, 1)
    answers = []
    for uid in uids(8):
        batch = Batch()
        batch.add(uid, record)
        batch.add(uid + ".1", record)
        answers.append(store.append(batch))
    times = [answer.recorded_at for answer in answers]
    assert times == sorted(times)
    for answer in answers:
        at_or_before = [a.last_position for a in answers if a.recorded_at <= answer.recorded_at]
        assert store.reading.position_at(answer.recorded_at) == max(at_or_before)
    assert store.reading.position_at(times[0].replace(year=2000)) == 0
    assert (
        store.reading.position_at(times[0].replace(year=2200)) == store.reading.max_position() == 16
    )


def test_a_clock_that_was_set_back_sets_no_time_back(store: EventStore, place: Place) -> None:
    (record,) = records(store, 1)
    with psycopg.connect(place.dsn) as conn:
        row = conn.execute(
            "update log_head set recorded_at = now() + interval '1 hour' returning recorded_at"
        ).fetchone()
    assert row is not None
    answers = []
    for uid in uids(2):
        batch = Batch()
        batch.add(uid, record)
        answers.append(store.append(batch))
    assert [answer.recorded_at for answer in answers] == [row[0]] * 2
    assert [event.recorded_at for event in store.reading.read_after(0, 9)] == [row[0]] * 2


def test_events_are_never_changed(store: EventStore, place: Place) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    batch.add("1.2.3.1", record)
    store.append(batch)
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        for statement in (
            "update event set record = 2",
            "delete from event",
            "truncate event",
            "update event_00000 set record = 2",
            "delete from event_00000 where false",
            "truncate event_00000",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
                conn.execute(statement)
    assert len(store.reading.read_after(0, 10)) == 1


def test_room_is_made_ahead_and_a_full_partition_does_not_stop_a_batch(
    store: EventStore, place: Place
) -> None:
    (record,) = records(store, 1)
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        conn.execute("update log_head set position = 39999998")
        batch = Batch()
        for uid in uids(3):
            batch.add(uid, record)
        assert store.append(batch).last_position == 40_000_001
        rows = conn.execute(
            "select tableoid::regclass::text, count(*) from event group by 1 order by 1"
        ).fetchall()
        assert rows == [("event_00001", 1), ("event_00002", 2)]
        (parts,) = conn.execute(
            "select count(*) from pg_inherits where inhparent = 'event'::regclass"
        ).fetchone() or (0,)
        assert parts >= 3
    assert [e.position for e in store.reading.read_after(0, 10)] == [
        39_999_999,
        40_000_000,
        40_000_001,
    ]
    assert store.auditing.verify_streams() == []


def test_a_damaged_head_is_found(store: EventStore, place: Place) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    damaged = [batch.add(uid, record) for uid in uids(4)]
    store.append(batch)
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        conn.execute("update stream set version = 2 where first_position = 1")
        conn.execute("update stream set first_position = 9 where first_position = 2")
        conn.execute("delete from stream where first_position = 3")
        conn.execute("insert into stream values (gen_random_uuid(), 1, 77, 1, 0, 0, '{}', null)")
    found = store.auditing.verify_streams()
    assert {mismatch.stream for mismatch in found} >= set(damaged[:3])
    assert len(found) == 4


def test_unknown_source_of_outcomes_is_published_once(store: EventStore) -> None:
    store.append(AppendBatch(outcomes=[NewOutcomes("a", b"1"), NewOutcomes("b", b"2")]))
    rows = store.outcomes.unpublished(10)
    assert [(row.source, row.payload) for row in rows] == [("a", b"1"), ("b", b"2")]
    store.outcomes.mark_published([rows[0].id])
    assert [row.payload for row in store.outcomes.unpublished(10)] == [b"2"]
    assert store.auditing.counts().unpublished_outcome_batches == 1
    assert store.outcomes.purge(rows[0].created_at.replace(year=2200)) == 1


def test_a_message_id_may_be_absent(store: EventStore) -> None:
    (record,) = records(store, 1)
    batch = Batch()
    batch.add("1.2.3.1", record)
    batch.add("1.2.3.2", record)
    batch.events[0] = replace(batch.events[0], message_id=None)
    batch.events[1] = replace(batch.events[1], message_id=uuid4().bytes)
    store.append(batch)
    assert [e.message_id for e in store.reading.read_after(0, 2)] == [
        None,
        batch.events[1].message_id,
    ]


def test_no_batch_scans_a_table_however_small_it_was_when_plans_were_made(
    store: EventStore, place: Place
) -> None:
    """Plans of small tables are kept while these grow by millions: they must not scan."""
    (record,) = records(store, 1)
    store.sources.insert(SOURCE, "t", 0)
    for at, uid in enumerate(uids(12)):
        with psycopg.connect(place.dsn, autocommit=True) as conn:
            conn.execute("analyze")
        batch = full_batch(store, record) if at == 0 else Batch()
        stream = batch.add(f"1.5.{uid}", record)
        batch.advances = [advance(at, 1)]
        batch.absent = {document_stream(f"1.6.{uid}")}
        batch.record_versions = {document_stream("nobody"): 0}
        batch.watched = {stream, *batch.watched}
        store.append(batch)
        asked = [head.stream for head in batch.heads]
        store.reading.heads(asked)
        store.reading.submitted(asked)
        store.reading.applied([bytes(16)])
        store.dead_letters.waiting_for(asked)
        store.reading.pending_links(asked)
        store.identities.lookup([stream])
    store.close()  # its sessions report what they did when they end
    with psycopg.connect(place.dsn, autocommit=True) as conn:
        while conn.execute(
            "select 1 from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ).fetchone():
            continue
        scanned = conn.execute(
            "select relname, seq_scan from pg_stat_user_tables where relname in ('stream',"
            " 'event_00000', 'identity', 'record_key', 'applied_message', 'pending_link',"
            " 'dead_letter') and seq_scan > 0"
        ).fetchall()
    assert scanned == []
