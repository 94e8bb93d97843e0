"""Deleting what is old from the embedded log."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.feed.types import Partition
from ingest.runtime.lifecycle import Clock, SystemClock
from ingest.runtime.postgres.database import transaction
from ingest.runtime.settings import Settings

from .log import LogTopic, Session, feed_errors, log_session, log_topics

_STEP = 10_000
_HOUR_MS = 3_600_000
_BOUND = (
    "select p.low_watermark, coalesce("
    ' (select r."offset" from feed.record r where r.topic = p.topic and r.partition = p.number'
    ' and r."offset" < %(limit)s and r.timestamp_ms >= %(cutoff)s order by r."offset" limit 1),'
    " least(p.next_offset, %(limit)s))"
    " from feed.partition p where p.topic = %(topic)s and p.number = %(number)s"
)


def trim_log(
    settings: Settings,
    keep_hours: float,
    not_above: Mapping[Partition, int],
    *,
    clock: Clock | None = None,
) -> int:
    """Deletes records older than `keep_hours`, in order, never at or above the offset given;
    returns how many.

    A partition without an offset in `not_above` is left alone: nobody says what was read of it. The
    low watermark moves in the same transaction. Raises FeedUnavailable.
    """
    cutoff = int((clock or SystemClock()).now() * 1000 - keep_hours * _HOUR_MS)
    with feed_errors():
        conn = log_session(settings, "trim")
        try:
            topics = log_topics(conn, settings.topic_prefix)
            return sum(
                _trim_partition(conn, topics[at.topic], at.number, limit, cutoff)
                for at, limit in not_above.items()
                if at.topic in topics
            )
        finally:
            conn.close()


def _trim_partition(conn: Session, topic: LogTopic, number: int, limit: int, cutoff: int) -> int:
    where = {"topic": topic.number, "number": number, "limit": limit, "cutoff": cutoff}
    row = conn.execute(_BOUND, where).fetchone()
    if row is None:
        return 0
    start, end = int(row[0]), int(row[1])
    for low in range(start, end, _STEP):
        _delete_below(conn, topic.number, number, min(low + _STEP, end))
    return max(0, end - start)


def _delete_below(conn: Session, topic: int, number: int, offset: int) -> None:
    with transaction(conn):
        conn.execute(
            "update feed.partition set low_watermark = %s"
            " where topic = %s and number = %s and low_watermark < %s",
            (offset, topic, number, offset),
        )
        conn.execute(
            'delete from feed.record where topic = %s and partition = %s and "offset" < %s',
            (topic, number, offset),
        )
