"""Publishes due notifications to their topic, at least once, each always under the same id."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from ingest.runtime.arrays import UuidArray
from ingest.runtime.feed.types import (
    Acknowledgement,
    FeedError,
    Headers,
    OutgoingRecord,
    Publisher,
    PublishFailure,
)
from projections.builds import live_build
from schemas.codec import encode
from schemas.messages import NOTIFICATIONS

from .tables import NotificationTables

Connection = psycopg.Connection[tuple[Any, ...]]

PAGE: Final = 500


class NotificationRefused(FeedError):
    """The feed refuses a notification for itself (size, rights, topic): a person must look."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of the outbox. `lineage`: 16 bytes, hexadecimal on the feed."""

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


def notices(conn: Connection, *, due: bool, limit: int | None = None) -> list[Notice]:
    """Notifications in the order of their events; `due`: only those not published yet."""
    with conn.cursor() as cursor:
        tables = NotificationTables(live_build(cursor, "notifications").number)
        where = "where published_at is null" if due else ""
        query = (
            "select notification_id, rule, rule_version, record, person, lineage, audience,"
            f" type_code, position, recorded_at, published_at from {tables.outbox} {where}"
            " order by position, notification_id limit %s"
        )
        return [Notice(*row) for row in cursor.execute(query.encode(), (limit,)).fetchall()]


def relay_notifications(
    conn: Connection, publisher: Publisher, timeout_seconds: float = 10.0
) -> int:
    """Up to a page of due notifications is published and marked so; how many.

    Those not acknowledged in time stay due. Raises NotificationRefused when the feed refuses one.
    """
    page = notices(conn, due=True, limit=PAGE)
    if not page:
        return 0
    answers = _Answers()
    for notice in page:
        publisher.publish(_outgoing(notice), answers.collector(notice.notification_id))
    publisher.flush(timeout_seconds)
    acknowledged, refused = answers.taken()
    _mark(conn, acknowledged)
    if refused:
        raise NotificationRefused(
            f"the feed refused {len(refused)} notifications ({', '.join(sorted(set(refused)))})"
        )
    return len(acknowledged)


class _Answers:
    """Answers come on the publisher's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._acknowledged: list[UUID] = []
        self._refused: list[str] = []

    def collector(self, notification_id: UUID) -> Any:
        def done(answer: Acknowledgement | PublishFailure) -> None:
            with self._lock:
                if isinstance(answer, PublishFailure):
                    self._refused.append(answer.code)
                else:
                    self._acknowledged.append(notification_id)

        return done

    def taken(self) -> tuple[list[UUID], list[str]]:
        with self._lock:
            return list(self._acknowledged), list(self._refused)


def _outgoing(notice: Notice) -> OutgoingRecord:
    moment = int(notice.recorded_at.timestamp() * 1000)
    value = encode(
        "Notification",
        {
            "notificationId": str(notice.notification_id),
            "rule": notice.rule,
            "ruleVersion": notice.rule_version,
            "record": notice.record,
            "person": notice.person,
            "lineage": notice.lineage.hex,
            "audience": notice.audience,
            "typeCode": notice.type_code,
            "position": notice.position,
            "recordedAt": moment,
        },
    )
    return OutgoingRecord(
        NOTIFICATIONS, str(notice.record).encode(), value, _headers(notice.notification_id)
    )


def _headers(notification_id: UUID) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", str(notification_id).encode()),
        ("ce_source", b"histoire"),
        ("ce_type", b"Notification"),
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
