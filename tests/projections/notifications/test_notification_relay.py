"""The relay: every due notification on the topic at least once, always under the same id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ingest.eventstore import EventStore
from ingest.feed.types import Acknowledgement, Done, OutgoingRecord, Partition
from ingest.runtime.postgres.database import connect, store_dsn
from ingest.runtime.settings import Settings
from projections.notifications.relay import NotificationRelay, outbox_rows
from schemas.codec.messages import decode_event
from tests.projections.given import Log
from tests.projections.stores import append_all, make_records, project


class LateFeed:
    """A feed whose answers come when told: what a broker that is away looks like."""

    def __init__(self) -> None:
        self.records: list[tuple[OutgoingRecord, Done]] = []
        self.answering = False

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        self.records.append((record, done))

    def publish_many(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        for record in records:
            self.publish(record, done)

    def flush(self, timeout_seconds: float) -> bool:
        if self.answering:
            for offset, (_, done) in enumerate(self.records):
                done(Acknowledgement(Partition("notifications", 0), offset, 0))
            self.records = []
        return not self.records

    def unacknowledged(self) -> int:
        return len(self.records)

    def close(self, timeout_seconds: float = 10.0) -> None: ...


def fill(settings: Settings, store: EventStore) -> None:
    log = Log()
    log.submitted("1.1", 1)
    log.submitted("2.1", 2)
    log.linked(1, 2)
    log.submitted("2.2", 2, invisiblePatient=True)
    log.flag("2.2", "INVISIBLE_PATIENT", False, 2)
    make_records(store, 2)
    append_all(store, log.events)
    project(settings)


def test_while_the_feed_is_away_they_stay_due_and_are_handed_over_once(
    settings: Settings, store: EventStore
) -> None:
    fill(settings, store)
    feed = LateFeed()
    with connect(store_dsn(settings), application_name="test") as conn:
        relay = NotificationRelay(feed)
        assert [relay.step(conn, 0.0) for _ in range(3)] == [0, 0, 0]
        assert feed.unacknowledged() == 3
        assert len(outbox_rows(conn, due=True)) == 3
        feed.answering = True
        assert relay.step(conn, 0.0) == 3
        assert outbox_rows(conn, due=True) == []
        assert relay.step(conn, 0.0) == 0


def test_after_a_crash_the_same_ids_are_published_again(
    settings: Settings, store: EventStore
) -> None:
    fill(settings, store)
    with connect(store_dsn(settings), application_name="test") as conn:
        lost, again = LateFeed(), LateFeed()
        NotificationRelay(lost).step(conn, 0.0)  # published, not marked
        NotificationRelay(again).step(conn, 0.0)

    def said(feed: LateFeed) -> list[dict[str, object]]:
        return [decode_event("Notification", record.value) for record, _ in feed.records]

    assert said(lost) == said(again)
    keys = [record.key for record, _ in lost.records]
    assert keys == [b"1", b"2", b"2"]
    assert [notice["person"] for notice in said(lost)] == [1, 2, 1], "as linked at that time"
    assert {notice["rule"] for notice in said(lost)} == {"document_visible"}


def test_the_headers_say_what_it_is_and_when_its_event_was_recorded(
    settings: Settings, store: EventStore
) -> None:
    fill(settings, store)
    feed = LateFeed()
    with connect(store_dsn(settings), application_name="test") as conn:
        NotificationRelay(feed).step(conn, 0.0)
        first = outbox_rows(conn, due=True)[0]
    headers = dict(feed.records[0][0].headers)
    assert headers["ce_id"] == str(first.notification_id).encode()
    assert headers["ce_type"] == b"Notification"
    told = datetime.fromisoformat((headers["ce_time"] or b"").decode())
    assert timedelta() <= first.recorded_at - told < timedelta(milliseconds=1)
