"""Messages on disk until the feed has replied to them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from ingest.feed.embedded.headers import pack_headers, unpack_headers
from ingest.feed.types import Acknowledgement, OutgoingRecord

from .errors import AlreadyQueued
from .messages import FeedReply, QueuedMessage, Submission
from .queue_file import WITHOUT_BYTES, QueueFile

_BATCH_BYTES: Final = 16 * 1024 * 1024


class DurableQueue:
    """A queue in a file. Every method is one transaction, on disk when it returns.

    Any thread may call any method.
    """

    def __init__(self, path: Path) -> None:
        """Open or create. Raises QueueError when another process has it, or it is no queue."""
        self._lock = threading.Lock()
        self._file = QueueFile(path)
        self._db = self._file.db

    def add(self, messages: Iterable[QueuedMessage], now: float, *, again: bool = False) -> None:
        """All of the messages are in the queue, or none is. Raises AlreadyQueued for a known id.

        `now`: seconds since 1970. `again`: a message that was replied to goes to the end of the
        queue, under the same id.
        """
        rows = [_row(message, now) for message in messages]
        with self._lock:
            try:
                with self._file.transaction() as db:
                    if again:
                        db.executemany(
                            "delete from message where message_id = ?"
                            " and state in ('acknowledged', 'refused')",
                            [row[:1] for row in rows],
                        )
                    db.executemany(
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
        """When the oldest message that waits or is on its way was submitted; None: none waits.

        It is the first in order: nothing is submitted before another and queued after it.
        """
        with self._lock:
            row = self._db.execute(
                "select submitted_at from message where state = 'waiting' order by seq limit 1"
            ).fetchone()
        return None if row is None else float(row[0])

    def settle(self, replies: Iterable[tuple[int, FeedReply]]) -> None:
        """The replies of the feed are noted; the messages lose their key and their bytes."""
        acknowledged, refused = [], []
        for seq, reply in replies:
            if isinstance(reply, Acknowledgement):
                acknowledged.append((reply.partition.number, reply.offset, seq))
            else:
                refused.append((reply.code, reply.detail, seq))
        with self._lock, self._file.transaction() as db:
            db.executemany(
                "update message set state = 'acknowledged', partition = ?, offset = ?,"
                f" {WITHOUT_BYTES} where seq = ?",
                acknowledged,
            )
            db.executemany(
                "update message set state = 'refused', code = ?, detail = ?,"
                f" {WITHOUT_BYTES} where seq = ?",
                refused,
            )

    def hold(self, unique_id: str, except_seqs: Iterable[int]) -> int:
        """What waits of this document, and what comes later, is held; how many messages waited."""
        sending = set(except_seqs)
        with self._lock, self._file.transaction() as db:
            db.execute("insert or ignore into held values (?)", (unique_id,))
            rows = db.execute(
                "select seq from message where unique_id = ? and state = 'waiting'", (unique_id,)
            ).fetchall()
            seqs = [(seq,) for (seq,) in rows if seq not in sending]
            db.executemany("update message set state = 'held' where seq = ?", seqs)
        return len(seqs)

    def release(self, unique_id: str) -> int:
        """What is held of this document waits to be sent; how many messages."""
        with self._lock, self._file.transaction() as db:
            db.execute("delete from held where unique_id = ?", (unique_id,))
            return db.execute(
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
        """Messages and bytes by state, of those that were not replied to."""
        with self._lock:
            rows = self._db.execute(
                "select state, count(*), sum(size) from message"
                " where state in ('waiting', 'held') group by state"
            ).fetchall()
        return {state: (count, size) for state, count, size in rows}

    def forget(self, before: float) -> int:
        """Messages replied to and submitted before that time (s since 1970) are gone; how many.

        Of an acknowledged deposit a hash of its document and the id of its message stay:
        `live_deposit` still finds it.
        """
        with self._lock:
            with self._file.transaction() as db:
                db.execute(
                    "insert or ignore into submitted select document_hash(unique_id), message_id"
                    " from message where state = 'acknowledged' and submitted_at < ?"
                    " and schema_name = 'DepositDocument' and unique_id is not null order by seq",
                    (before,),
                )
                gone = db.execute(
                    "delete from message where state in ('acknowledged', 'refused')"
                    " and submitted_at < ?",
                    (before,),
                ).rowcount
            self._file.forget_old_pages()
        return gone

    def close(self) -> None:
        """The file is released."""
        with self._lock:
            self._file.close()


def _row(message: QueuedMessage, now: float) -> tuple[object, ...]:
    feed_record = message.feed_record
    return (
        message.message_id,
        message.schema_name,
        message.unique_id,
        feed_record.topic,
        feed_record.key,
        feed_record.value,
        pack_headers(feed_record.headers),
        len(feed_record.value),
        now,
    )
