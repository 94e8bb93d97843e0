"""What store tests append: small batches of real events, and a place to open stores at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from ingest.eventstore import AppendBatch, EventStore, HeadChange, NewEvent, SourceAdvance
from ingest.eventstore.append_batch import NewDeadLetter
from ingest.eventstore.keys.master_key import read_master_key
from schemas.codec.messages import encode
from schemas.forms.stream_ids import document_stream
from schemas.heads import Head
from tests.samples.deposit import deposit, provenance

SOURCE = "cluster/documents/0"
PROVENANCE: Final = provenance()


@dataclass(frozen=True)
class Place:
    dsn: str
    master_key: Path
    content: Path

    def open(self, session_timeout: float = 10.0) -> EventStore:
        return EventStore(
            self.dsn,
            self.dsn,
            read_master_key(self.master_key),
            str(self.content),
            session_timeout=session_timeout,
        )


def archived(uid: str, reason: str | None = None) -> bytes:
    return encode("DocumentArchived", {"provenance": PROVENANCE, "uniqueId": uid, "reason": reason})


def submitted(uid: str, digest: bytes) -> bytes:
    said = deposit(
        messageId=uuid4().bytes,
        provenance=PROVENANCE,
        submissionSet=None,
        uniqueId=uid,
        sha256=digest,
        size=12_345,
        sourcePatientInfo=None,
    )
    return encode("DepositDocument", said)


def content_added(uid: str, data: bytes) -> bytes:
    said = {"uniqueId": uid, "sha256": sha256(data).digest(), "size": len(data)}
    return encode("DocumentContentAdded", {"provenance": PROVENANCE, **said})


def linked(other: int) -> bytes:
    said = {"provenance": PROVENANCE, "otherRecord": other, "reason": None}
    return encode("RecordLinked", said)


def unlinked(other: int) -> bytes:
    said = {"provenance": PROVENANCE, "otherRecord": other, "reason": None}
    return encode("RecordUnlinked", said)


class Batch(AppendBatch):
    """A batch that keeps its heads in step with its events."""

    def add(
        self,
        uid: str,
        record: int,
        *,
        version: int = 1,
        name: str = "document_archived",
        state: bytes | None = None,
        authors: tuple[int, ...] = (),
        replaced_by: bytes | None = None,
    ) -> bytes:
        stream = document_stream(uid)
        state = archived(uid) if state is None else state
        at = len(self.events)
        self.events.append(NewEvent(stream, record, version, name, uuid4().bytes, state))
        old = [head for head in self.heads if head.stream == stream]
        self.heads = [head for head in self.heads if head.stream != stream]
        base = old[0].base if old else version - 1
        first = old[0].first_event if old else (at if base == 0 else -1)
        self.heads.append(
            HeadChange(stream, Head(record, version, 0, 1, authors, replaced_by), base, first)
        )
        return stream


def advance(first: int, count: int, *, source: str = SOURCE, **counts: int) -> SourceAdvance:
    said = {"accepted": count, "duplicate": 0, "unchanged": 0, "rejected": 0, "holes": 0} | counts
    return SourceAdvance(
        source, first, first + count, first + count - 1, 0, 1_700_000_000_000, events=count, **said
    )


def letter(offset: int, **changes: Any) -> NewDeadLetter:
    said: dict[str, Any] = {
        "source": SOURCE,
        "offset": offset,
        "timestamp_ms": 1_700_000_000_000,
        "code": "target_unknown",
        "path": None,
        "message_id": uuid4().bytes,
        "software_id": "1.2.3.4",
        "record": None,
        "subject": None,
        "waits_for": None,
        "fingerprint": None,
        "raw": b"raw record %d" % offset,
    }
    return NewDeadLetter(**(said | changes))


def records(store: EventStore, count: int) -> list[int]:
    """Numbers of `count` records that have a key."""
    tokens = [store.secrets.ins_hash(f"1.2.250.1.213.1.4.10|{uuid4().hex}") for _ in range(count)]
    return sorted(ref.record for ref in store.identities.resolve(tokens).values())


def uids(count: int, prefix: str = "1.2.3") -> Iterable[str]:
    return [f"{prefix}.{number}" for number in range(1, count + 1)]
