"""`EventStore`: the one door to the log, the keys, the dead letters and the document bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Self

import psycopg

from ingest.eventstore.content.homes import open_home
from ingest.eventstore.content.sealed import ContentStore
from ingest.eventstore.keys.identities import Identities
from ingest.eventstore.keys.key_ring import KeyRing
from ingest.eventstore.keys.master_key import Entropy, MasterKey, read_master_key
from ingest.eventstore.keys.store_secrets import Migrated, StoreSecrets, migrate, read_secrets
from ingest.eventstore.log.append import (
    appended,
    check_still_true,
    copy_events,
    end_stuck_writer,
    lock_writers,
    move_sources,
    take_positions,
    write_applied,
    write_heads,
    write_links,
    write_references,
)
from ingest.eventstore.log.dead_letters import (
    DeadLetters,
    decide_dead_letters,
    erase_dead_letters,
    write_dead_letters,
)
from ingest.eventstore.log.encoded_batch import EncodedBatch, check_batch, encode_batch
from ingest.eventstore.log.event_names import EventNames
from ingest.eventstore.log.event_partitions import EventPartitions
from ingest.eventstore.log.reading import Reading
from ingest.eventstore.tables.auditing import Auditing
from ingest.eventstore.tables.migrations import KEYS, STORE, check_migrated
from ingest.eventstore.tables.outcome_batches import OutcomeBatches, write_outcomes
from ingest.eventstore.tables.sources import Sources
from ingest.runtime.crash_points import crash_point
from ingest.runtime.postgres import database
from ingest.runtime.postgres.database import (
    TRANSACTION_SHARE,
    connect,
    keys_dsn,
    store_dsn,
    transaction,
    transaction_timeouts,
)
from ingest.runtime.settings import Settings

from .append_batch import (
    AppendBatch,
    Appended,
    LostRace,
    UnknownCommit,
)
from .sessions import Session


class EventStore:
    """Appends batches, erases records, and gives its parts, each the one door to its tables.

    `identities`: records of persons. `secrets`: keyed hashes. `reading`: the log and the heads.
    `dead_letters`, `outcomes`, `sources`: what stands beside the log. `contents`: bytes of
    documents. `auditing`: checks over the whole. `writer`, `event_partitions` and `names` are for
    the recorder of this package.

    One thread may append while another reads. A psycopg error that `database.is_transient` accepts
    may be tried again: the connection is opened anew by the next call.
    """

    def __init__(
        self,
        dsn: str,
        keys_dsn: str,
        master: MasterKey,
        content_url: str,
        *,
        instance: str = "histoire",
        session_timeout: float = 10.0,
        entropy: Entropy = os.urandom,
    ) -> None:
        """Raises MigrationError unless both databases are migrated, MasterKeyError when the master
        key is not theirs.
        """
        limit = session_timeout
        self.writer: Final = Session(dsn, f"{instance}-append", by_index=True, limit_seconds=limit)
        self._reader: Final = Session(dsn, f"{instance}-read", by_index=True, write_seconds=limit)
        self._keys: Final = Session(
            *(keys_dsn, f"{instance}-keys"),
            by_index=True,
            limit_seconds=limit,
            write_seconds=limit,
        )
        self._audit: Final = Session(dsn, f"{instance}-audit")
        self._dsn: Final = dsn
        self._instance: Final = instance
        self._session_timeout: Final = session_timeout
        self._entropy: Final = entropy
        try:
            check_migrated(self._keys.connection, KEYS)
            check_migrated(self._reader.connection, STORE)
            self.secrets: Final[StoreSecrets] = read_secrets(self._reader.connection, master)
        except BaseException:
            self.close()
            raise
        self._ring: Final = KeyRing(self._keys, master, entropy=entropy)
        self.names: Final = EventNames(self._reader)
        self.identities: Final = Identities(self._reader, self._ring)
        self.reading: Final = Reading(self._reader, self._ring, self.names)
        self.dead_letters: Final = DeadLetters(self._reader, self._ring, self.secrets.letter)
        self.outcomes: Final = OutcomeBatches(self._reader)
        self.auditing: Final = Auditing(self._audit)
        self.sources: Final = Sources(self._reader)
        self.contents: Final = ContentStore(
            open_home(content_url), self._ring.load, entropy=entropy
        )
        self.event_partitions: Final = EventPartitions(self.writer)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The store of these settings; starts the embedded server when none is configured.

        Raises MigrationError first of all: before `histoire migrate` there is no master key either.
        """
        dsn = store_dsn(settings)
        with connect(dsn, application_name=f"{settings.instance}-open") as conn:
            check_migrated(conn, STORE)
        return cls(
            dsn,
            keys_dsn(settings),
            read_master_key(settings.master_key_path),
            settings.content_url,
            instance=settings.instance,
            session_timeout=settings.session_timeout_seconds,
        )

    def listening(self) -> Session:
        """A new session on the store, to LISTEN on; its user closes it."""
        return Session(self._dsn, f"{self._instance}-listen")

    def close(self) -> None:
        """All connections are closed."""
        for session in (self.writer, self._reader, self._keys, self._audit):
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, batch: AppendBatch) -> Appended:
        """The whole batch is committed, exactly once, or nothing of it is (decision 0014).

        Raises Fenced, LostRace, UnknownCommit (see these); KeyMissing; BatchContradictsItself;
        OSError when the content home is away; psycopg.Error.
        """
        check_batch(batch)
        ready = encode_batch(
            batch, self._ring, self.names, self.secrets.letter, entropy=self._entropy
        )
        self.contents.put(batch.contents)
        if batch.contents:
            crash_point("contents_written")
        with self.writer.lock:
            self.event_partitions.make_ahead(len(batch.events))
            return self._commit(batch, ready)

    def _commit(self, batch: AppendBatch, ready: EncodedBatch) -> Appended:
        conn = self.writer.connection
        count = len(ready.events)
        try:
            with transaction(conn), conn.cursor(binary=True) as cursor:
                transaction_timeouts(conn, self._session_timeout)
                crash_point("lock_wanted")
                lock_writers(cursor)
                move_sources(cursor, batch.advances)
                check_still_true(cursor, batch, self.erased)
                # Erasures hold the same lock: none can come between this and the commit.
                if self._ring.erasures() != ready.erasures:
                    raise LostRace("a record was erased since the batch was sealed")
                before, microseconds = take_positions(cursor, count)
                answer = appended(before, count, microseconds)
                write_applied(cursor, batch, before)
                write_heads(cursor, before, ready.new_heads, ready.moved_heads)
                copy_events(cursor, ready.events, before, microseconds)
                write_dead_letters(cursor, ready.letters, answer.recorded_at)
                decide_dead_letters(cursor, batch.dead_letter_decisions, answer.recorded_at)
                write_outcomes(cursor, batch.outcomes, answer.recorded_at)
                write_links(cursor, batch)
                write_references(cursor, batch, self.secrets.reference)
                crash_point("batch_written")
        except database.UnknownCommit as error:
            raise UnknownCommit(str(error)) from error
        except psycopg.errors.LockNotAvailable:
            end_stuck_writer(conn, self._session_timeout * TRANSACTION_SHARE)
            raise
        crash_point("batch_committed")
        self.event_partitions.note_used(before + count)
        return answer

    def erase(self, record: int) -> bool:
        """Nothing of the record can be read any more, in any process; False when this was the case
        before.

        The key goes first: from then on nothing opens, and the rest may be done again after a
        failure. The writers' lock is held: a batch sealed under the key is committed before the
        erasure or never. Raises KeyMissing when there never was such a record.
        """
        with self._reader.writing() as cursor:
            lock_writers(cursor)
            done = self._ring.erase(record)
            erase_dead_letters(cursor, record)
        self.contents.erase(record)
        return done

    def sweep_contents(self, older_than: datetime, *, newer_than: datetime | None = None) -> int:
        """Document bytes no event refers to are removed; see `ContentStore.sweep`."""
        return self.contents.sweep(
            older_than, self.reading.content_references, newer_than=newer_than
        )

    def erased(self, records: Iterable[int]) -> frozenset[int]:
        """Those of these records whose key was destroyed. Raises KeyMissing."""
        keys = self._ring.load(records)
        return frozenset(record for record, key in keys.items() if key is None)


def migrate_store(settings: Settings) -> Migrated:
    """Tables, master key and secrets of these settings exist; see `store_secrets.migrate`."""
    return migrate(store_dsn(settings), keys_dsn(settings), settings.master_key_path)
