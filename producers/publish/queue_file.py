"""The file of a queue: an SQLite database that one process owns, and that only its owner reads.

It holds health data in clear. A message that was replied to keeps its ids, but neither its key (the
INS) nor its bytes; when it is old, only a hash of its document stays.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from .errors import QueueError

_TABLES: Final = """
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

-- Documents that a person holds back: what is submitted of them later is held as well.
create table if not exists held (unique_id text primary key) without rowid;

-- Deposits acknowledged long ago: their document, as a hash, and the message that brought it.
create table if not exists submitted (
  document blob primary key,
  message_id blob not null
) without rowid;
"""
_VERSION: Final = 1
"""Of the file (`user_version`). Before 1, a message that was replied to kept its key."""
WITHOUT_BYTES: Final = "key = x'', value = x'', headers = x'', size = 0"
"""Sets the columns of a message that was replied to."""


class QueueFile:
    """An open file. `db` may be used by any thread, one at a time. Close it."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises QueueError when another process has it, or it is no queue."""
        self._owner = _own(path)
        try:
            path.touch(mode=0o600)
            path.chmod(0o600)
            self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = wal", "synchronous = full", "secure_delete = on"):
                self.db.execute(f"pragma {pragma}")
            self.db.executescript(_TABLES)
            self.db.create_function("document_hash", 1, _document_hash, deterministic=True)
            self._clear_old_keys()
        except (sqlite3.Error, OSError) as error:
            os.close(self._owner)
            raise QueueError(f"{path} can't be used as a queue: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that the block does is on disk afterwards, or nothing is.

        Raises QueueError for a disk that is full or gone; sqlite3.IntegrityError passes.
        """
        try:
            self.db.execute("begin immediate")
            try:
                yield self.db
                self.db.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.db.execute("rollback")
                raise
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise QueueError(f"the queue can't be written: {error}") from error

    def forget_old_pages(self) -> None:
        """What was deleted is nowhere in the file: the write-ahead log still had it."""
        self.db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def close(self) -> None:
        """The file is released."""
        self.db.close()
        os.close(self._owner)

    def _clear_old_keys(self) -> None:
        if self.db.execute("pragma user_version").fetchone() < (_VERSION,):
            with self.transaction():
                self.db.execute(
                    f"update message set {WITHOUT_BYTES} where state in ('acknowledged', 'refused')"
                )
                self.db.execute(f"pragma user_version = {_VERSION}")


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
