"""Outcome batches: written with the batch they answer, published later, at least once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from ingest.eventstore.append_batch import NewOutcomes
from ingest.eventstore.sessions import Session
from ingest.runtime.postgres.arrays import ByteaArray, Int8Array

PURGED_AT_ONCE: Final = 10_000
"""Rows deleted in one transaction: however many there are, none takes long."""

_WRITE: Final = b"""
INSERT INTO outcome_batch (source, payload, created_at)
SELECT u.source, u.payload, %b::timestamptz FROM unnest(%b::text[], %b::bytea[]) u(source, payload)
"""
_UNPUBLISHED: Final = b"""
SELECT id, source, payload, created_at FROM outcome_batch
WHERE published_at IS NULL ORDER BY id LIMIT %b::int"""
_PURGE: Final = b"""
DELETE FROM outcome_batch WHERE id IN (
    SELECT id FROM outcome_batch WHERE published_at < %b ORDER BY id LIMIT %b::int)"""
_MARK: Final = b"""
UPDATE outcome_batch o SET published_at = clock_timestamp()
FROM unnest(%b::bigint[]) u(id) WHERE o.id = u.id AND o.published_at IS NULL"""


@dataclass(frozen=True, slots=True)
class UnpublishedOutcomes:
    """The outcomes of one partition's batch (encoded `OutcomeBatch`), not published yet."""

    id: int
    source: str
    payload: bytes
    created_at: datetime


def write_outcomes(
    cursor: psycopg.Cursor[tuple[Any, ...]], outcomes: Sequence[NewOutcomes], at: datetime
) -> None:
    """One row each, to be published."""
    if outcomes:
        columns = ([o.source for o in outcomes], ByteaArray(o.payload for o in outcomes))
        cursor.execute(_WRITE, (at, *columns), prepare=True)


class OutcomeBatches:
    """The relay's side."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session

    def unpublished(self, limit: int) -> list[UnpublishedOutcomes]:
        """At most `limit` rows, oldest first."""
        rows = self._session.rows(_UNPUBLISHED, (limit,))
        return [UnpublishedOutcomes(*row) for row in rows]

    def mark_published(self, ids: Iterable[int]) -> None:
        """These rows are not given out again."""
        with self._session.writing() as cursor:
            cursor.execute(_MARK, (Int8Array.of(sorted(ids)),), prepare=True)

    def purge(self, published_before: datetime) -> int:
        """Rows published before that moment are deleted; how many."""
        purged, count = 0, PURGED_AT_ONCE
        while count == PURGED_AT_ONCE:
            with self._session.writing() as cursor:
                count = cursor.execute(_PURGE, (published_before, PURGED_AT_ONCE)).rowcount
            purged += count
        return purged
