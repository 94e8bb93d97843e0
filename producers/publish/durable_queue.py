"""Messages on disk until they are acknowledged: an SQLite file that one process owns.

The file holds health data in clear: only its owner can read it. What was answered keeps its ids,
but neither key (the INS) nor bytes; when it is old, only that its document was submitted.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

from ingest.feed.embedded.headers import pack_headers, unpack_headers
from ingest.feed.types import Acknowledgement, Headers, OutgoingRecord, PublishFailure

_BATCH_BYTES = 16 * 1024 * 1024
_TABLES = """
create table if not exists message (
    seq integer primary key autoincrement,
    message_id blob not null unique,
    schema_name text not null,
    unique_id text,
    topic text not null,
    key blob not null,
    value blob not null,
    headers blob not null,
    size integer not null,
    submitted_at real not null,
    state text not null,          -- waiting, held, acknowledged, refused
    partition integer,
    offset integer,
    code text,
    detail text
);
create index if not exists message_by_state on message (state, seq);
create index if not exists message_by_unique_id on message (unique_id) where unique_id is not null;

-- Documents a person has held back: also what is submitted of them later waits.
create table if not exists held (unique_id text primary key) without rowid;

-- Deposits acknowledged long ago: their document, as a hash, and the message that brought it.
create table if not exists submitted (
    document blob primary key,
    message_id blob not null
) without rowid;
"""
_VERSION: Final = 1
"""Of the file (`user_version`). Before 1, what was answered kept its key."""
_WITHOUT_BYTES: Final = "key = x'', value = x'', headers = x'', size = 0"


class QueueError(Exception):
    """The queue's file can't be used; the sentence says why."""


class AlreadyQueued(QueueError):
    """A message with this id is in the queue: it waits, or was answered."""


UNUSABLE: Final = (QueueError, sqlite3.Error)
"""What a queue whose disk fails raises: in writing the first, in reading the second."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message to be queued. `unique_id`: the document it is about, if it is about one."""

    message_id: bytes
    schema_name: str
    unique_id: str | None
    record: OutgoingRecord


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a message so far. `state`: waiting, held, acknowledged, refused.

    Acknowledged: it is on the feed, at `partition` and `offset`. Refused: it never will be, for
    the reason `code`.
    """

    message_id: UUID
    state: str
    partition: int | None
    offset: int | None
    code: str | None


class DurableQueue:
    """The file. Every method is one transaction, on disk when it returns; safe from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises QueueError when another process has it or it is no queue."""
        self._lock = threading.Lock()
        self._owner = _own(path)
        try:
            path.touch(mode=0o600)
            path.chmod(0o600)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = wal", "synchronous = full", "secure_delete = on"):
                self._db.execute(f"pragma {pragma}")
            self._db.executescript(_TABLES)
            self._db.create_function("document_hash", 1, _document_hash, deterministic=True)
            self._clear_old_keys()
        except (sqlite3.Error, OSError) as error:
            os.close(self._owner)
            raise QueueError(f"{path} can't be used as a queue: {error}") from error

    def add(self, messages: Iterable[QueuedMessage], now: float, *, again: bool = False) -> None:
        """The messages are in the queue, or none is. Raises AlreadyQueued for a known message id.

        `again`: one that was answered before goes to the end of the queue, under the same id.
        """
        rows = [_row(message, now) for message in messages]
        with self._lock:
            try:
                with self._transaction():
                    if again:
                        self._db.executemany(
                            "delete from message where message_id = ?"
                            " and state in ('acknowledged', 'refused')",
                            [row[:1] for row in rows],
                        )
                    self._db.executemany(
                        "insert into message (message_id, schema_name, unique_id, topic, key,"
                        " value, headers, size, submitted_at, state) values"
                        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, case when ?3 in"
                        " (select unique_id from held) then 'held' else 'waiting' end)",
                        rows,
                    )
            except sqlite3.IntegrityError as error:
                raise AlreadyQueued("a message with this id is in the queue already") from error

    def waiting_after(self, seq: int, count: int) -> list[tuple[int, OutgoingRecord]]:
        """Up to `count` messages, or some 16 MiB, to send after `seq`, in order of submission."""
        found: list[tuple[int, OutgoingRecord]] = []
        size = 0
        with self._lock:
            rows = self._db.execute(
                "select seq, topic, key, value, headers from message"
                " where state = 'waiting' and seq > ? order by seq limit ?",
                (seq, count),
            )
            for at, topic, key, value, headers in rows:
                found.append((at, OutgoingRecord(topic, key, value, unpack_headers(headers))))
                size += len(value)
                if size > _BATCH_BYTES:
                    break
            rows.close()
        return found

    def waiting_ids(self) -> list[UUID]:
        """The ids of all messages that wait or are on their way, in order of submission."""
        with self._lock:
            rows = self._db.execute(
                "select message_id from message where state = 'waiting' order by seq"
            ).fetchall()
        return [UUID(bytes=found) for (found,) in rows]

    def oldest_waiting(self) -> float | None:
        """When the oldest message that waits or is on its way was submitted; None: there is none.

        The first in order: nothing is submitted before another and queued after it.
        """
        with self._lock:
            row = self._db.execute(
                "select submitted_at from message where state = 'waiting' order by seq limit 1"
            ).fetchone()
        return None if row is None else float(row[0])

    def settle(self, answers: Iterable[tuple[int, Acknowledgement | PublishFailure]]) -> None:
        """The answers are noted; the messages lose their key and their bytes."""
        acknowledged, refused = [], []
        for seq, answer in answers:
            if isinstance(answer, Acknowledgement):
                acknowledged.append((answer.partition.number, answer.offset, seq))
            else:
                refused.append((answer.code, answer.detail, seq))
        with self._lock, self._transaction():
            self._db.executemany(
                "update message set state = 'acknowledged', partition = ?, offset = ?,"
                f" {_WITHOUT_BYTES} where seq = ?",
                acknowledged,
            )
            self._db.executemany(
                "update message set state = 'refused', code = ?, detail = ?,"
                f" {_WITHOUT_BYTES} where seq = ?",
                refused,
            )

    def hold(self, unique_id: str, except_seqs: Iterable[int]) -> int:
        """What waits of this document, and comes later, is held; how many were."""
        sending = set(except_seqs)
        with self._lock, self._transaction():
            self._db.execute("insert or ignore into held values (?)", (unique_id,))
            rows = self._db.execute(
                "select seq from message where unique_id = ? and state = 'waiting'", (unique_id,)
            ).fetchall()
            seqs = [(seq,) for (seq,) in rows if seq not in sending]
            self._db.executemany("update message set state = 'held' where seq = ?", seqs)
        return len(seqs)

    def release(self, unique_id: str) -> int:
        """What is held of this document waits to be sent; how many messages."""
        with self._lock, self._transaction():
            self._db.execute("delete from held where unique_id = ?", (unique_id,))
            return self._db.execute(
                "update message set state = 'waiting' where unique_id = ? and state = 'held'",
                (unique_id,),
            ).rowcount

    def live_deposit(self, unique_id: str) -> UUID | None:
        """The message that deposits this document and was not refused, if there is one."""
        with self._lock:
            row = (
                self._db.execute(
                    "select message_id from message where unique_id = ? and state <> 'refused'"
                    " and schema_name = 'DepositDocument' order by seq limit 1",
                    (unique_id,),
                ).fetchone()
                or self._db.execute(
                    "select message_id from submitted where document = document_hash(?)",
                    (unique_id,),
                ).fetchone()
            )
        return None if row is None else UUID(bytes=row[0])

    def submission(self, message_id: UUID) -> Submission | None:
        """What became of a message; None when the queue does not know it."""
        with self._lock:
            row = self._db.execute(
                "select state, partition, offset, code from message where message_id = ?",
                (message_id.bytes,),
            ).fetchone()
        return None if row is None else Submission(message_id, *row)

    def load(self) -> dict[str, tuple[int, int]]:
        """Messages and bytes by state, of those that are not answered."""
        with self._lock:
            rows = self._db.execute(
                "select state, count(*), sum(size) from message"
                " where state in ('waiting', 'held') group by state"
            ).fetchall()
        return {state: (count, size) for state, count, size in rows}

    def forget(self, before: float) -> int:
        """Answered messages submitted before that time (seconds since 1970) are gone; how many.

        Of an acknowledged deposit a hash of its document and the message's id stay, so that
        `live_deposit` knows it.
        """
        with self._lock:
            with self._transaction():
                self._db.execute(
                    "insert or ignore into submitted select document_hash(unique_id), message_id"
                    " from message where state = 'acknowledged' and submitted_at < ?"
                    " and schema_name = 'DepositDocument' and unique_id is not null order by seq",
                    (before,),
                )
                gone = self._db.execute(
                    "delete from message where state in ('acknowledged', 'refused')"
                    " and submitted_at < ?",
                    (before,),
                ).rowcount
            # The write-ahead log still has the pages as they were before.
            self._db.execute("pragma wal_checkpoint(truncate)").fetchall()
        return gone

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()
            os.close(self._owner)

    def _clear_old_keys(self) -> None:
        if self._db.execute("pragma user_version").fetchone() < (_VERSION,):
            with self._transaction():
                self._db.execute(
                    f"update message set {_WITHOUT_BYTES}"
                    " where state in ('acknowledged', 'refused')"
                )
                self._db.execute(f"pragma user_version = {_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it is on disk after the block, or nothing is. Raises QueueError: a disk that is
        full or gone; sqlite3.IntegrityError as it comes.
        """
        try:
            self._db.execute("begin immediate")
            try:
                yield
                self._db.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("rollback")
                raise
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise QueueError(f"the queue can't be written: {error}") from error


def _document_hash(unique_id: str) -> bytes:
    return sha256(unique_id.encode()).digest()[:16]


def _own(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise QueueError(f"{path} can't be used as a queue: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise QueueError(
            f"{path} is used by another process; give each process a queue of its own"
        ) from None
    return handle


def _row(message: QueuedMessage, now: float) -> tuple[object, ...]:
    record = message.record
    headers: Headers = record.headers
    return (
        message.message_id,
        message.schema_name,
        message.unique_id,
        record.topic,
        record.key,
        record.value,
        pack_headers(headers),
        len(record.value),
        now,
    )
