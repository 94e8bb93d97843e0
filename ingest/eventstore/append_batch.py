"""What one append writes: one batch, one transaction (decision 0014). Plain values, no I/O.

An `AppendBatch` holds everything that it rests on: the store checks these facts again under the
lock, and writes nothing when one no longer holds. Stream ids are 16 bytes.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.codec.messages import decode_event
from schemas.events import SCHEMA_OF
from schemas.heads import Head


@dataclass(frozen=True, slots=True)
class SourceAdvance:
    """One partition of the feed moves on, and its line of the balance sheet with it.

    `accepted + duplicate + unchanged + rejected` is the number of records fetched; `holes` come
    beside them. `last_*` identify the last record read, None when the poll brought no record.
    """

    source: str
    from_offset: int
    next_offset: int
    last_offset: int | None
    last_leader_epoch: int | None
    last_timestamp_ms: int | None
    accepted: int
    duplicate: int
    unchanged: int
    rejected: int
    events: int
    holes: int


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. `encoded` is the plain single-object Avro; the store seals it."""

    stream: bytes
    record: int
    version: int
    name: str
    message_id: bytes | None
    encoded: bytes


@dataclass(frozen=True, slots=True)
class HeadChange:
    """The head a stream has after the batch, one per stream touched. `base`: the version before the
    batch; 0: the stream is new.

    `first_event` is the index in `AppendBatch.events` of the stream's first event (new streams
    only).
    """

    stream: bytes
    head: Head
    base: int
    first_event: int = -1


@dataclass(frozen=True, slots=True)
class AppliedMessage:
    """A message other than a deposit was applied. `event` is the index of its first event, or None
    when it changed nothing. `digest`: SHA-256 of its bytes (the message as sent).
    """

    message_id: bytes
    digest: bytes
    event: int | None


@dataclass(frozen=True, slots=True)
class PendingLink:
    """Document `by` replaces document `target`, which has not come yet."""

    target: bytes
    by: bytes


@dataclass(frozen=True, slots=True)
class NewReference:
    """A new document of imaging refers to this study or accession. Stored as a keyed hash."""

    reference: str
    stream: bytes


@dataclass(frozen=True, slots=True)
class NewContent:
    """Bytes of a document, sealed and written before the batch's transaction begins."""

    record: int
    sha256: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class NewDeadLetter:
    """A rejected message. `raw` is the plain `RawRecord`; the store seals it.

    `record` None: sealed under the letter key. `subject`: keyed hash of the INS that was the key of
    the feed record, None without a readable key. `waits_for`: the document whose coming has the
    message decided again.
    """

    source: str
    offset: int
    timestamp_ms: int
    code: str
    path: str | None
    message_id: bytes | None
    software_id: str
    record: int | None
    subject: bytes | None
    waits_for: bytes | None
    fingerprint: bytes | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class DeadLetterDecision:
    """A dead letter was decided again. `attempt` is the new attempt (old one + 1, checked).

    `status`: `accepted`, `duplicate`, `unchanged` close it; `rejected` leaves it waiting under
    `code`.
    """

    letter: int
    attempt: int
    status: str
    code: str | None
    path: str | None


@dataclass(frozen=True, slots=True)
class NewOutcomes:
    """The outcomes of one partition's batch: the encoded `OutcomeBatch`."""

    source: str
    payload: bytes


@dataclass(slots=True)
class AppendBatch:
    """Everything one transaction writes, and what it rests on."""

    advances: list[SourceAdvance] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    heads: list[HeadChange] = field(default_factory=list)
    applied: list[AppliedMessage] = field(default_factory=list)
    contents: list[NewContent] = field(default_factory=list)
    references: list[NewReference] = field(default_factory=list)
    pending_links: list[PendingLink] = field(default_factory=list)
    resolved_links: list[PendingLink] = field(default_factory=list)
    dead_letters: list[NewDeadLetter] = field(default_factory=list)
    dead_letter_decisions: list[DeadLetterDecision] = field(default_factory=list)
    outcomes: list[NewOutcomes] = field(default_factory=list)

    record_versions: dict[bytes, int] = field(default_factory=dict)
    """Versions of streams of records and of the registry the decisions rest on (no row = 0)."""
    absent: set[bytes] = field(default_factory=set)
    """Document streams taken as unknown: none of them may exist at commit."""
    watched: set[bytes] = field(default_factory=set)
    """New document streams: `pending_link` and waiting letters that name them must be those
    seen."""
    seen_links: set[PendingLink] = field(default_factory=set)
    seen_dead_letters: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Appended:
    """The batch is committed. Positions are those of its events; both 0 when it had none."""

    first_position: int
    last_position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class SourceOffsets:
    """How far a partition was read, durably, and its line of the balance sheet so far."""

    source: str
    topic_id: str
    next_offset: int
    first_offset: int
    last_offset: int | None
    last_leader_epoch: int | None
    last_timestamp_ms: int | None
    accepted: int
    duplicate: int
    unchanged: int
    rejected: int
    events: int
    holes: int


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A record's number, and whether its key was destroyed (erased for ever)."""

    record: int
    erased: bool


@dataclass(frozen=True, slots=True)
class WaitingDeadLetter:
    """A dead letter that waits, opened: `raw` is the plain `RawRecord`."""

    letter: int
    source: str
    offset: int
    attempt: int
    code: str
    waits_for: bytes | None
    raw: bytes


@dataclass(slots=True)
class RecordedEvent:
    """An event as read from the log. `encoded` is opened single-object Avro; None: its key is
    erased, for ever. Only `forget` changes it.
    """

    position: int
    record: int
    recorded_at: datetime
    stream: bytes
    version: int
    name: str
    schema_version: int
    message_id: bytes | None
    encoded: bytes | None
    _datum: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def erased(self) -> bool:
        """Whether nothing can be read of it any more."""
        return self.encoded is None

    @property
    def datum(self) -> dict[str, Any]:
        """Its content, of the newest version of its schema; decoded once, whoever asks.

        Raises StoredEventError (`schemas.codec`) on unreadable bytes; ValueError when erased.
        """
        datum = self._datum
        if datum is None:
            if self.encoded is None:
                raise ValueError("an erased event has no content")
            datum = self._datum = decode_event(SCHEMA_OF[self.name], self.encoded)
        return datum

    def forget(self) -> None:
        """The event is as if read after the erasure of its record."""
        self.encoded = None
        self._datum = None


class StoreError(Exception):
    """The store cannot do this; the sentence says why and never names a person."""


class Fenced(StoreError):
    """Another owner moved these sources on: nothing was written. Drop the sources, seek again,
    decide again.
    """

    def __init__(self, sources: frozenset[str]) -> None:
        super().__init__(f"{len(sources)} source position(s) were moved by another owner")
        self.sources = sources


class LostRace(StoreError):
    """What the batch rests on changed under it: nothing was written. Read again, decide again."""


class UnknownCommit(StoreError):
    """The connection was lost at COMMIT: nobody knows whether the batch was written. Read the
    positions and go on from there.
    """


class KeyMissing(StoreError):
    """A record has no row in `record_key`. Halt and restore the keys; never skip the record."""
