"""The event store: the only door to the log, the keys and the document bytes (decision 0010).

It imports runtime and schemas.
"""

from ingest.eventstore.keys.store_secrets import Migrated, migrate

from .batch import (
    AppendBatch,
    Appended,
    AppliedMessage,
    DecidedLetter,
    Fenced,
    Head,
    HeadChange,
    KeyMissing,
    LostRace,
    NewContent,
    NewDeadLetter,
    NewEvent,
    NewOutcomes,
    PendingLink,
    RecordedEvent,
    RecordRef,
    SourceAdvance,
    SourcePosition,
    StoreError,
    UnknownCommit,
    WaitingLetter,
)
from .store import EventStore, migrate_store

__all__ = [
    "AppendBatch",
    "Appended",
    "AppliedMessage",
    "DecidedLetter",
    "EventStore",
    "Fenced",
    "Head",
    "HeadChange",
    "KeyMissing",
    "LostRace",
    "Migrated",
    "NewContent",
    "NewDeadLetter",
    "NewEvent",
    "NewOutcomes",
    "PendingLink",
    "RecordRef",
    "RecordedEvent",
    "SourceAdvance",
    "SourcePosition",
    "StoreError",
    "UnknownCommit",
    "WaitingLetter",
    "migrate",
    "migrate_store",
]
