"""Whatever writes gives up before the session time-out of its group when something is in its way
(decision 0014); reading takes as long as it needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

from ingest.eventstore import AppendBatch, EventStore
from ingest.eventstore.log.event_names import EventName
from ingest.runtime.postgres.database import is_transient
from tests.ingest.eventstore.store_batches import SOURCE, Batch, Place, letter, records

IN_THE_WAY: dict[str, tuple[str, Callable[[EventStore], object]]] = {
    "a key made": (
        "lock table record_key in share mode",
        lambda store: store.identities.resolve([bytes(16)]),
    ),
    "an identity made": (
        "lock table identity in share mode",
        lambda store: store.identities.resolve([bytes(16)]),
    ),
    "a name of events made": (
        "lock table event_name in share mode",
        lambda store: store.names.id_of(EventName("a_new_event", 1)),
    ),
    "a partition made": (
        "select pg_advisory_xact_lock(7201, 2)",
        lambda store: store.event_partitions.make_ahead(50_000_000),
    ),
    "a batch": (
        "select pg_advisory_xact_lock(7201, 3)",
        lambda store: store.append(AppendBatch(dead_letters=[letter(9)])),
    ),
    "a source assigned": (
        "lock table source_position in share mode",
        lambda store: store.sources.insert("cluster/documents/1", "t", 0),
    ),
    "a gap accepted": (
        "lock table source_position in share mode",
        lambda store: store.sources.accept_gap(SOURCE, 0, 5, topic_id="t", reason="r", by="b"),
    ),
    "a topic met": (
        "lock table topic_fact in share mode",
        lambda store: store.sources.check_topic("cluster/documents", "t", 4),
    ),
    "a letter discarded": (
        "lock table dead_letter in share mode",
        lambda store: store.dead_letters.discard(1, "reason", "operator"),
    ),
    "a key destroyed": (
        "lock table record_key in share mode",
        lambda store: store.erase(1),
    ),
    "letters erased": (
        "lock table dead_letter in share mode",
        lambda store: store.erase(1),
    ),
    "outcomes published": (
        "lock table outcome_batch in share mode",
        lambda store: store.outcomes.mark_published([1]),
    ),
    "outcomes purged": (
        "lock table outcome_batch in share mode",
        lambda store: store.outcomes.purge(datetime(2100, 1, 1, tzinfo=UTC)),
    ),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_a_write_gives_up_and_may_be_tried_again(
    store: EventStore, place: Place, what: str
) -> None:
    lock, write = IN_THE_WAY[what]
    (record,) = records(store, 1)
    assert record == 1
    store.sources.insert(SOURCE, "t", 0)
    store.append(AppendBatch(dead_letters=[letter(1, record=record)]))
    with place.open(session_timeout=0.5) as limited:
        with psycopg.connect(place.dsn) as conn:
            conn.execute(lock.encode())
            with pytest.raises(psycopg.Error) as caught:
                write(limited)
            assert caught.value.sqlstate == "55P03"
            assert is_transient(caught.value)
        write(limited)


def test_reading_is_not_cut(place: Place) -> None:
    with place.open(session_timeout=0.5) as store:
        store.append(Batch())
        for rows in (store.reading._session.rows, store._audit.rows):
            assert rows(b"select pg_sleep(0.6)")
            assert rows(b"select current_setting('statement_timeout')") == [("0",)]
