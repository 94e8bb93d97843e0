"""Publishes due notifications to their topic, at least once each, under the same id each time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from ingest.feed.cloud_events import time_header
from ingest.feed.types import (
    Acknowledgement,
    Done,
    FeedError,
    Headers,
    OutgoingRecord,
    Publisher,
    PublishFailure,
)
from ingest.runtime.crash_points import crash_point
from ingest.runtime.postgres.arrays import UuidArray
from projections.builds import live_build
from schemas.codec.messages import encode
from schemas.feed.messages import NOTIFICATIONS

from .tables import NotificationTables

Connection = psycopg.Connection[tuple[Any, ...]]

PAGE: Final = 500
_COLUMNS: Final = (
    "notification_id, rule, rule_version, record, person, lineage, audience, type_code, position,"
    " recorded_at, published_at"
)


class NotificationRefused(FeedError):
    """The feed refuses a notification for its size, rights or topic: a person must look."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A notification in the outbox. `lineage`: hexadecimal on the feed. `type_code`: empty when the
    notification concerns no document. `published_at`: None while it is due.
    """

    notification_id: UUID
    rule: str
    rule_version: int
    record: int
    person: int
    lineage: UUID
    audience: str
    type_code: str
    position: int
    recorded_at: datetime
    published_at: datetime | None

    def as_told(self) -> dict[str, Any]:
        """The fields on the feed and in lists, without the times, which differ between both."""
        return {
            "notificationId": str(self.notification_id),
            "rule": self.rule,
            "ruleVersion": self.rule_version,
            "record": self.record,
            "person": self.person,
            "lineage": self.lineage.hex,
            "audience": self.audience,
            "typeCode": self.type_code or None,
            "position": self.position,
        }


def outbox_rows(conn: Connection, *, due: bool, limit: int | None = None) -> list[OutboxRow]:
    """Notifications in the order of their events, `limit` at most (None: all).

    `due`: only those not published yet.
    """
    with conn.cursor() as cursor:
        tables = NotificationTables(live_build(cursor, "notifications").number)
        where = "where published_at is null" if due else ""
        query = (
            f"select {_COLUMNS} from {tables.outbox} {where}"
            " order by position, notification_id limit %s"
        )
        return [OutboxRow(*row) for row in cursor.execute(query.encode(), (limit,)).fetchall()]


def newest_outbox_rows(
    conn: Connection, *, due: bool, limit: int | None = None, since: datetime | None = None
) -> list[OutboxRow]:
    """The newest `limit` notifications (None: all), in the order of their events.

    `since`: only those whose event was recorded then or later. `due`: only those not published yet.
    """
    with conn.cursor() as cursor:
        tables = NotificationTables(live_build(cursor, "notifications").number)
        rows = cursor.execute(
            f"select {_COLUMNS} from {tables.outbox} where (not %s or published_at is null)"
            " and (%s::timestamptz is null or recorded_at >= %s)"
            " order by position desc, notification_id desc limit %s".encode(),
            (due, since, since, limit),
        ).fetchall()
    return [OutboxRow(*row) for row in reversed(rows)]


class NotificationRelay:
    """Publishes due notifications page by page.

    The next page is handed over after the feed replied to the whole page before. A feed that is
    away is thus never handed the same notification twice.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher: Final = publisher
        self._lock: Final = threading.Lock()  # replies come on the thread of the publisher
        self._in_flight: set[UUID] = set()
        self._newest_in_flight: datetime | None = None
        self._oldest_in_flight: datetime | None = None
        self.newest: datetime | None = None
        """When the event of the newest notification published was recorded."""
        self._acknowledged: list[UUID] = []
        self._refused: list[tuple[UUID, str]] = []

    def step(self, conn: Connection, timeout_seconds: float = 10.0) -> int:
        """Marks what the feed acknowledged within the timeout; returns their number.

        Other notifications stay due. Raises NotificationRefused when the feed refused one.
        """
        if not self._in_flight:
            page = outbox_rows(conn, due=True, limit=PAGE)
            if not page:
                return 0
            self._in_flight = {row.notification_id for row in page}
            self._oldest_in_flight = page[0].recorded_at
            self._newest_in_flight = page[-1].recorded_at
            for row in page:
                self._publisher.publish(_outgoing(row), self._done(row.notification_id))
        self._publisher.flush(timeout_seconds)
        with self._lock:
            acknowledged, self._acknowledged = self._acknowledged, []
            refused, self._refused = self._refused, []
        self._in_flight -= {*acknowledged, *(notification_id for notification_id, _ in refused)}
        if acknowledged:
            crash_point("notifications_published")
        _mark(conn, acknowledged)
        if not self._in_flight:
            self.newest = self._newest_in_flight
        if refused:
            codes = ", ".join(sorted({code for _, code in refused}))
            raise NotificationRefused(f"the feed refused {len(refused)} notifications ({codes})")
        return len(acknowledged)

    def waiting(self) -> tuple[int, datetime | None]:
        """How many were handed over and await a reply, and when the oldest event of their page was
        recorded (None when none waits).
        """
        return len(self._in_flight), self._oldest_in_flight if self._in_flight else None

    def close(self) -> None:
        """The publisher is closed."""
        self._publisher.close()

    def _done(self, notification_id: UUID) -> Done:
        def done(reply: Acknowledgement | PublishFailure) -> None:
            with self._lock:
                if isinstance(reply, PublishFailure):
                    self._refused.append((notification_id, reply.code))
                else:
                    self._acknowledged.append(notification_id)

        return done


def _outgoing(row: OutboxRow) -> OutgoingRecord:
    moment = int(row.recorded_at.timestamp() * 1000)
    value = encode("Notification", {**row.as_told(), "recordedAt": moment})
    return OutgoingRecord(
        NOTIFICATIONS, str(row.record).encode(), value, _headers(row.notification_id, moment)
    )


def _headers(notification_id: UUID, moment_ms: int) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", str(notification_id).encode()),
        ("ce_source", b"histoire"),
        ("ce_type", b"Notification"),
        time_header(moment_ms),
        ("content-type", b"application/avro"),
    )


def _mark(conn: Connection, ids: list[UUID]) -> None:
    with conn.cursor() as cursor:
        tables = NotificationTables(live_build(cursor, "notifications").number)
        cursor.execute(
            f"update {tables.outbox} set published_at = clock_timestamp()"
            " where notification_id = any(%b::uuid[]) and published_at is null".encode(),
            (UuidArray.of(notification_id.bytes for notification_id in ids),),
        )
