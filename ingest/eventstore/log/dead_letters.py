"""Dead letters: written with the batch that rejected them, decided again with a later one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from ingest.eventstore.append_batch import (
    DeadLetterDecision,
    LostRace,
    NewDeadLetter,
    StoreError,
    WaitingDeadLetter,
)
from ingest.eventstore.keys.key_ring import KeyRing, Keys
from ingest.eventstore.keys.master_key import NONCE_BYTES, Entropy
from ingest.eventstore.keys.sealing import dead_letter_context, seal, unseal
from ingest.eventstore.sessions import Session
from ingest.runtime.postgres.arrays import Int4Array, Int8Array, UuidArray

WAITING: Final = "waiting"
ERASED: Final = "erased"
COUNTED_MAX: Final = 100_000
"""Dead letters that wait, counted at most."""

_COPY: Final = (
    "COPY dead_letter (source, source_offset, timestamp_ms, received_at, code, path, message_id,"
    " software_id, record, subject, waits_for, fingerprint, status, decided_at, raw)"
    " FROM STDIN (FORMAT BINARY)"
)
_TYPES: Final = (
    *("text", "int8", "int8", "timestamptz", "text", "text", "uuid"),
    *("text", "int8", "uuid", "uuid", "bytea", "text", "timestamptz", "bytea"),
)
_DECIDE: Final = b"""
UPDATE dead_letter d SET
    attempt = u.attempt, decided_at = %b::timestamptz,
    status = CASE u.status WHEN 'rejected' THEN 'waiting' ELSE u.status END,
    code = coalesce(nullif(u.code, ''), d.code),
    path = CASE u.status WHEN 'rejected' THEN nullif(u.path, '') ELSE d.path END,
    raw = CASE u.status WHEN 'rejected' THEN d.raw END
FROM unnest(%b::bigint[], %b::int[], %b::text[], %b::text[], %b::text[])
    u(id, attempt, status, code, path)
WHERE d.id = u.id AND d.attempt = u.attempt - 1 AND d.status = 'waiting'"""

_ERASE: Final = """
UPDATE dead_letter SET status = 'erased', decided_at = clock_timestamp(), path = NULL,
    message_id = NULL, software_id = '', record = NULL, subject = NULL, waits_for = NULL,
    fingerprint = NULL, discard_reason = NULL, discarded_by = NULL, raw = NULL
WHERE record = %(record)s OR subject IN (SELECT ins FROM identity WHERE record = %(record)s)"""

_OPENED: Final = b"""
SELECT d.id, d.source, d.source_offset, d.attempt, d.code, uuid_send(d.waits_for), d.record, d.raw
FROM dead_letter d """
_ROW: Final = b"""
SELECT id, source, source_offset, timestamp_ms, received_at, code, path, uuid_send(message_id),
    software_id, record, uuid_send(waits_for), fingerprint, attempt, status, decided_at,
    discard_reason, discarded_by, octet_length(raw)
FROM dead_letter """
_LIST: Final = (
    _ROW
    + b"""
WHERE id > %b::bigint AND (%b::text IS NULL OR status = %b) AND (%b::text IS NULL OR code = %b)
    AND (%b::text IS NULL OR source = %b) ORDER BY id LIMIT %b::int"""
)


_WAITING_BY_CODE: Final = b"""
SELECT code, count(*), min(received_at) FROM (
    SELECT code, received_at FROM dead_letter WHERE status = 'waiting' LIMIT %b::int) w
GROUP BY code"""


class DeadLetterNotFound(StoreError):
    """There is no such letter, or it does not wait any more."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter without its bytes. `size`: of the sealed bytes, None when they are gone."""

    letter: int
    source: str
    offset: int
    timestamp_ms: int
    received_at: datetime
    code: str
    path: str | None
    message_id: bytes | None
    software_id: str
    record: int | None
    waits_for: bytes | None
    fingerprint: bytes | None
    attempt: int
    status: str
    decided_at: datetime | None
    discard_reason: str | None
    discarded_by: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class DeadLettersOfCode:
    """How many dead letters of one code wait, and when the oldest of them was received."""

    code: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class OpenedDeadLetter:
    """A dead letter with the plain `RawRecord`; None when accepted since, or erased."""

    letter: DeadLetter
    raw: bytes | None


SealedDeadLetters = Sequence[tuple[NewDeadLetter, bytes | None]]


def seal_dead_letters(
    letters: Sequence[NewDeadLetter], keys: Keys, letter_key: bytes, entropy: Entropy
) -> SealedDeadLetters:
    """Each letter with its sealed bytes; None for an erased record: nothing of it is kept."""
    nonces = entropy(NONCE_BYTES * len(letters))
    sealed: list[tuple[NewDeadLetter, bytes | None]] = []
    for at, letter in enumerate(letters):
        key = letter_key if letter.record is None else keys[letter.record]
        if key is None:
            sealed.append((letter, None))
            continue
        nonce = nonces[at * NONCE_BYTES : (at + 1) * NONCE_BYTES]
        context = dead_letter_context(letter.source, letter.offset)
        sealed.append((letter, seal(key, nonce, context, letter.raw)))
    return sealed


def write_dead_letters(
    cursor: psycopg.Cursor[tuple[Any, ...]], letters: SealedDeadLetters, received_at: datetime
) -> None:
    """The dead letters wait, numbered in the order of the batch.

    Those of an erased record are closed at once and tell only where and why a message was rejected.
    """
    if not letters:
        return
    with cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for letter, raw in letters:
            known = (letter.source, letter.offset, letter.timestamp_ms, received_at, letter.code)
            if raw is None:
                nothing = (None, None, "", None, None, None, None)
                copy.write_row((*known, *nothing, ERASED, received_at, None))
                continue
            copy.write_row(
                (
                    *known,
                    *(letter.path, _uuid(letter.message_id), letter.software_id),
                    *(letter.record, _uuid(letter.subject), _uuid(letter.waits_for)),
                    *(letter.fingerprint, WAITING, None, raw),
                )
            )


def erase_dead_letters(cursor: psycopg.Cursor[tuple[Any, ...]], record: int) -> int:
    """No dead letter of the record tells anything any more, not even those rejected before the
    record was known; returns how many there were. Their rows stay: the balance sheet counts them.

    Call this under the writers' lock, after the key is destroyed: then no batch is under way that
    could commit one more.
    """
    return cursor.execute(_ERASE, {"record": record}).rowcount


def decide_dead_letters(
    cursor: psycopg.Cursor[tuple[Any, ...]], decided: Sequence[DeadLetterDecision], at: datetime
) -> None:
    """The dead letters have their new attempt. Raises LostRace when one was decided meanwhile.

    The bytes of a letter that is not rejected any more are dropped: the log has them.
    """
    if not decided:
        return
    columns = (
        at,
        Int8Array.of([letter.letter for letter in decided]),
        Int4Array.of([letter.attempt for letter in decided]),
        [letter.status for letter in decided],
        [letter.code or "" for letter in decided],
        [letter.path or "" for letter in decided],
    )
    if cursor.execute(_DECIDE, columns, prepare=True).rowcount < len(decided):
        raise LostRace("a dead letter was decided or discarded meanwhile")


class DeadLetters:
    """Reading and discarding dead letters."""

    def __init__(self, session: Session, ring: KeyRing, letter_key: bytes) -> None:
        self._session: Final = session
        self._ring: Final = ring
        self._letter_key: Final = letter_key

    def waiting_for(self, streams: Iterable[bytes]) -> list[WaitingDeadLetter]:
        """Dead letters that wait for one of these streams, opened, in the order of receipt.

        Letters of a record whose key was destroyed are left out here and in
        `append.check_still_true`: an erasure that was left half done stops nobody.
        """
        query = _OPENED + b"JOIN unnest(%b::uuid[]) u(id) ON d.waits_for = u.id"
        return self._opened(query, (UuidArray.of(set(streams)),))

    def waiting(self, letters: Iterable[int]) -> list[WaitingDeadLetter]:
        """Those of these letters that still wait, opened, in the order of receipt."""
        query = _OPENED + b"JOIN unnest(%b::bigint[]) u(id) ON d.id = u.id"
        return self._opened(query, (Int8Array.of(sorted(set(letters))),))

    def page(
        self,
        *,
        status: str | None = WAITING,
        code: str | None = None,
        source: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[DeadLetter]:
        """Letters numbered above `after`, in the order of receipt, without their bytes."""
        given = (after, status, status, code, code, source, source, limit)
        return [DeadLetter(*row) for row in self._session.rows(_LIST, given)]

    def waiting_by_code(self, limit: int = COUNTED_MAX) -> list[DeadLettersOfCode]:
        """What waits, by code; above `limit` letters in all the counts are lower bounds."""
        return [DeadLettersOfCode(*row) for row in self._session.rows(_WAITING_BY_CODE, (limit,))]

    def get(self, letter: int) -> OpenedDeadLetter:
        """One letter, opened. Raises DeadLetterNotFound."""
        rows = self._session.rows(_ROW + b"WHERE id = %b::bigint", (letter,))
        if not rows:
            raise DeadLetterNotFound(f"there is no dead letter {letter}")
        found = DeadLetter(*rows[0])
        sealed = self._session.rows(_OPENED + b"WHERE d.id = %b::bigint", (letter,))
        return OpenedDeadLetter(found, self._open_rows(sealed)[0][1] if sealed else None)

    def discard(self, letter: int, reason: str, by: str) -> None:
        """Out of the way, with a reason; the bytes stay. Raises DeadLetterNotFound."""
        with self._session.writing() as cursor:
            done = cursor.execute(
                "update dead_letter set status = 'discarded', decided_at = clock_timestamp(),"
                " discard_reason = %s, discarded_by = %s where id = %s and status = 'waiting'",
                (reason, by, letter),
            ).rowcount
        if not done:
            raise DeadLetterNotFound(f"there is no dead letter {letter} that waits")

    def _opened(self, query: bytes, parameters: tuple[Any, ...]) -> list[WaitingDeadLetter]:
        rows = self._session.rows(
            query + b" WHERE d.status = 'waiting' AND d.raw IS NOT NULL ORDER BY d.id", parameters
        )
        return [WaitingDeadLetter(*(*row[:6], raw)) for row, raw in self._open_rows(rows) if raw]

    def _open_rows(
        self, rows: Sequence[tuple[Any, ...]]
    ) -> list[tuple[tuple[Any, ...], bytes | None]]:
        keys = self._ring.load(record for *_, record, _ in rows if record is not None)
        opened: list[tuple[tuple[Any, ...], bytes | None]] = []
        for row in rows:
            _, source, offset, *_, record, sealed = row
            key = self._letter_key if record is None else keys[record]
            context = dead_letter_context(source, offset)
            opened.append((row, unseal(key, context, sealed) if key and sealed else None))
        return opened


def _uuid(value: bytes | None) -> UUID | None:
    return None if value is None else UUID(bytes=value)
