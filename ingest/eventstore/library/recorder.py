"""The eventsourcing library's recorders over our log (decision 0023).

What the library writes has record 0 and is not sealed. The first version of a stream is free; each
later one is one more than the last. The library writes under the same lock and takes the same
positions as our own events: every reader sees both in one order. Nothing of the library's pipelines
or tables is used.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing import persistence
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)

from ingest.eventstore.append_batch import HeadChange, LostRace, RecordedEvent
from ingest.eventstore.locks import CHANNEL
from ingest.eventstore.log.append import (
    Cursor,
    copy_events,
    lock_writers,
    take_positions,
    write_heads,
)
from ingest.eventstore.log.encoded_batch import head_columns, row_end
from ingest.eventstore.log.event_names import LIBRARY_VERSION, EventName
from ingest.eventstore.log.reading import NO_LIMIT, UNSEALED_RECORD
from ingest.eventstore.sessions import Session
from ingest.eventstore.store import EventStore
from ingest.runtime.postgres import database
from ingest.runtime.postgres.arrays import UuidArray
from ingest.runtime.postgres.database import transaction, transaction_timeouts
from schemas.heads import Head

_HEADS: Final = b"""
SELECT uuid_send(s.stream), s.record, s.version, s.status
FROM unnest(%b::uuid[]) u(id) JOIN stream s ON s.stream = u.id"""
_TRACK: Final = b"""
INSERT INTO library_tracking AS t (tracker, application_name, notification_id)
VALUES (%b::text, %b::text, %b::bigint)
ON CONFLICT (tracker, application_name) DO UPDATE SET notification_id = excluded.notification_id
WHERE t.notification_id < excluded.notification_id"""
_TRACKED: Final = b"""
SELECT notification_id FROM library_tracking
WHERE tracker = %b::text AND application_name = %b::text"""


class HistoireTrackingRecorder(TrackingRecorder):
    """Where an application or view of the library has got to, in `library_tracking`.

    `tracker` names the reader. Subclass it for a view of your own: write your rows with the cursor
    of `transaction`, and they are committed with the tracking or not at all.
    """

    def __init__(self, session: Session, tracker: str, *, session_timeout: float = 10.0) -> None:
        self.session: Final = session
        self.tracker: Final = tracker
        self._session_timeout: Final = session_timeout

    @contextmanager
    def transaction(self, tracking: Tracking | None = None) -> Iterator[Cursor]:
        """One transaction with its tracking. Raises the library's errors: IntegrityError when the
        tracking was recorded before.
        """
        with self.session.lock, library_errors():
            conn = self.session.connection
            with transaction(conn), conn.cursor(binary=True) as cursor:
                transaction_timeouts(conn, self._session_timeout)
                if tracking is not None:
                    self._track(cursor, tracking)
                yield cursor

    def insert_tracking(self, tracking: Tracking) -> None:
        """Recorded; raises IntegrityError unless it is greater than all before."""
        with self.transaction(tracking):
            pass

    def max_tracking_id(self, application_name: str) -> int | None:
        """The greatest notification id recorded for the application."""
        with library_errors():
            rows = self.session.rows(_TRACKED, (self.tracker, application_name))
        return rows[0][0] if rows else None

    def close(self) -> None:
        """The connection is closed; also when the recorder is forgotten, as the library does."""
        self.session.close()

    def __del__(self) -> None:
        self.close()

    def _track(self, cursor: Cursor, tracking: Tracking) -> None:
        given = (self.tracker, tracking.application_name, tracking.notification_id)
        if not cursor.execute(_TRACK, given, prepare=True).rowcount:
            raise IntegrityError("this notification was processed before")


class HistoireRecorder(HistoireTrackingRecorder, ProcessRecorder):
    """The library's ProcessRecorder over our log: reads all events, writes with record 0."""

    def __init__(self, store: EventStore, tracker: str) -> None:
        super().__init__(store.writer, tracker)
        self._store: Final = store

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """The events at consecutive positions, with `tracking=` in the same transaction; the
        positions. Raises IntegrityError when a version is not the next of its stream.
        """
        with library_errors():
            heads, ends = self._encoded(stored_events)
            self._store.event_partitions.make_ahead(len(ends))
        count = len(ends)
        with self.transaction(kwargs.get("tracking")) as cursor:
            lock_writers(cursor)
            new, moved = _against_log(cursor, heads)
            before, microseconds = take_positions(cursor, count)
            try:
                write_heads(cursor, before, head_columns(new), head_columns(moved))
            except LostRace as error:
                raise IntegrityError(str(error)) from error
            copy_events(cursor, ends, before, microseconds)
        self._store.event_partitions.note_used(before + count)
        return list(range(before + 1, before + 1 + count))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of a stream, the library's or ours, in the order of their versions."""
        stream = _uuid(originator_id)
        with library_errors():
            read = self._store.reading.read_library_stream(stream)
            read = read or self._store.reading.read_stream(stream.bytes)
        chosen = [
            event
            for event in (reversed(read) if desc else read)
            if (gt is None or event.version > gt) and (lte is None or event.version <= lte)
        ]
        return [StoredEvent(*_fields(event)) for event in chosen[:limit]]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position. The state of an erased one is empty."""
        first = 0 if start is None else start + (0 if inclusive_of_start else 1)
        with library_errors():
            read = self._store.reading.select(
                first, NO_LIMIT if stop is None else stop, limit, topics
            )
        return [Notification(*_fields(event), id=event.position) for event in read]

    def max_notification_id(self) -> int | None:
        """Position of the last event, None when there is none."""
        with library_errors():
            return self._store.reading.max_position() or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Notifications as they come, after the position `gt`."""
        return HistoireSubscription(self, self._store.listening(), gt, topics)

    def close(self) -> None:
        """Nothing of its own to close: the connections are the store's."""

    def _encoded(
        self, events: Sequence[StoredEvent]
    ) -> tuple[dict[bytes, HeadChange], list[bytes]]:
        changes: dict[bytes, HeadChange] = {}
        ends = []
        for at, event in enumerate(events):
            stream, version = _uuid(event.originator_id).bytes, event.originator_version
            change = changes.get(stream)
            if change is not None and version != change.head.version + 1:
                raise IntegrityError("the versions of a stream do not follow each other")
            base, first = (version - 1, at) if change is None else (change.base, change.first_event)
            after = Head(UNSEALED_RECORD, version, 0, 0, (), None)
            changes[stream] = HeadChange(stream, after, base, first)
            name = self._store.names.id_of(EventName(event.topic, LIBRARY_VERSION))
            ends.append(row_end(UNSEALED_RECORD, stream, version, name, None, event.state))
        return changes, ends


class HistoireAggregateRecorder(HistoireRecorder):
    """The same for the library's aggregates, which know no positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        """Recorded; the library's contract of an aggregate recorder is to answer None."""
        super().insert_events(stored_events, **kwargs)


class HistoireSubscription(ListenNotifySubscription[HistoireRecorder]):
    """Woken by NOTIFY. Events are read by position, hence a missed wake-up loses nothing."""

    def __init__(
        self,
        recorder: HistoireRecorder,
        session: Session,
        gt: int | None = None,
        topics: Sequence[str] = (),
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._session: Final = session
        self._listen_thread = threading.Thread(target=self._listen)
        self._listen_thread.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listen_thread.join()

    def _listen(self) -> None:
        try:
            conn = self._session.connection
            conn.execute(f"LISTEN {CHANNEL}".encode())
            # Whatever came between the first read and LISTEN made no noise.
            self._has_been_notified.set()
            while not self._has_been_stopped and not self._thread_error:
                for _ in conn.notifies(timeout=0.1, stop_after=1):
                    self._has_been_notified.set()
        except psycopg.Error as error:
            if self._thread_error is None:
                self._thread_error = persistence.OperationalError(type(error).__name__)
            self.stop()
        finally:
            self._session.close()


@contextmanager
def library_errors() -> Iterator[None]:
    """Errors of psycopg and of our transactions leave the block as those of the library."""
    try:
        yield
    except psycopg.InterfaceError as error:
        raise persistence.InterfaceError(str(error)) from error
    except (psycopg.OperationalError, database.UnknownCommit) as error:
        raise persistence.OperationalError(str(error)) from error
    except psycopg.IntegrityError as error:
        raise IntegrityError(str(error)) from error
    except psycopg.Error as error:
        raise persistence.DatabaseError(str(error)) from error


def _against_log(
    cursor: Cursor, heads: dict[bytes, HeadChange]
) -> tuple[list[HeadChange], list[HeadChange]]:
    rows = cursor.execute(_HEADS, (UuidArray.of(heads),), prepare=True)
    known = {stream: rest for stream, *rest in rows}
    new = [head for stream, head in heads.items() if stream not in known]
    moved = [head for stream, head in heads.items() if stream in known]
    # A status is what only our own streams have: the registry's have record 0 too.
    if any(known[head.stream] != [UNSEALED_RECORD, head.base, 0] for head in moved):
        raise IntegrityError("an event is not the next of its stream")
    return new, moved


def _fields(event: RecordedEvent) -> tuple[UUID, int, str, bytes]:
    return UUID(bytes=event.stream), event.version, event.name, event.encoded or b""


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
