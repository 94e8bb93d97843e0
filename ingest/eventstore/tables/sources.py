"""How far each partition of the feed was read, and what is remembered of its topic (decision
0016).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.eventstore.append_batch import SourceOffsets, StoreError
from ingest.eventstore.sessions import Session

ALL_SOURCES: Final = b"""
SELECT source, topic_id, next_offset, first_offset, last_offset, last_leader_epoch,
    last_timestamp_ms, accepted, duplicate, unchanged, rejected, events, holes
FROM source_position ORDER BY source"""

_GAPS: Final = b"""
SELECT source, from_offset, to_offset, reason, accepted_by, accepted_at
FROM accepted_gap ORDER BY id"""


@dataclass(frozen=True, slots=True)
class AcceptedGap:
    """Where a person let reading go on: at `to_offset` instead of `from_offset`, and why."""

    source: str
    from_offset: int
    to_offset: int
    reason: str
    accepted_by: str
    accepted_at: datetime


class PositionMoved(StoreError):
    """The source does not stand where the caller believed: look again."""


class TopicChanged(StoreError):
    """A topic has another number of partitions than when it was first read. Reading on would break
    the order of a patient's messages.
    """


class Sources:
    """Source positions and topic facts."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session

    def all(self) -> dict[str, SourceOffsets]:
        """Every source ever assigned, by its key."""
        return {row[0]: SourceOffsets(*row) for row in self._session.rows(ALL_SOURCES)}

    def gaps(self) -> list[AcceptedGap]:
        """All that was ever accepted, oldest first."""
        return [AcceptedGap(*row) for row in self._session.rows(_GAPS)]

    def insert(self, source: str, topic_id: str, first_offset: int) -> SourceOffsets:
        """The source has a row, beginning at `first_offset` if it is new; the row as it is."""
        with self._session.writing() as cursor:
            cursor.execute(
                "insert into source_position (source, topic_id, first_offset, next_offset)"
                " values (%s, %s, %s, %s) on conflict do nothing",
                (source, topic_id, first_offset, first_offset),
            )
        return self.all()[source]

    def accept_gap(
        self, source: str, from_offset: int, to_offset: int, *, topic_id: str, reason: str, by: str
    ) -> None:
        """The source goes on at `to_offset`, as a person decided; the difference counts as holes.

        Raises PositionMoved unless the source stands at `from_offset`.
        """
        with self._session.writing() as cursor:
            moved = cursor.execute(
                "update source_position set next_offset = %s, topic_id = %s,"
                " first_offset = least(first_offset, %s),"
                " holes = holes + %s - least(0, %s - first_offset),"
                " last_offset = null, last_leader_epoch = null, last_timestamp_ms = null"
                " where source = %s and next_offset = %s",
                (
                    *(to_offset, topic_id, to_offset, to_offset - from_offset, to_offset),
                    *(source, from_offset),
                ),
            ).rowcount
            if not moved:
                raise PositionMoved(f"the position is not {from_offset} any more")
            cursor.execute(
                "insert into accepted_gap"
                " (source, topic_id, from_offset, to_offset, reason, accepted_by)"
                " values (%s, %s, %s, %s, %s, %s)",
                (source, topic_id, from_offset, to_offset, reason, by),
            )

    def check_topic(self, topic: str, topic_id: str, partitions: int) -> None:
        """The facts of the topic are remembered and have not changed. Raises TopicChanged
        otherwise.

        `topic`: cluster id / name. The topic's id may change: offsets are checked against it.
        """
        with self._session.writing() as cursor:
            cursor.execute(
                "insert into topic_fact (topic, topic_id, partitions) values (%s, %s, %s)"
                " on conflict do nothing",
                (topic, topic_id, partitions),
            )
            row = cursor.execute(
                "select partitions from topic_fact where topic = %s", (topic,)
            ).fetchone()
        if row is not None and row[0] != partitions:
            raise TopicChanged(
                f"the topic had {row[0]} partitions and has {partitions} now: "
                "the order of a patient's messages would break"
            )
