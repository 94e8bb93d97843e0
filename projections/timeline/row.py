"""What the timeline keeps of a document and of a record: values, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from schemas.events import DocumentFlags, DocumentStatus, RecordFlags
from schemas.policy.may_see import DocumentFacts


@dataclass(slots=True)
class TimelineRow:
    """A document as its events leave it. Streams are 16 bytes; the order is that of the columns.

    `position`: of its `submitted`; `changed`: of its last event. `lineage`: stream of the first
    version known in the chain of replacements. `content_lineage`: stream of the first of a run of
    versions that differ by visibility flags only (TRAP 13). `act`, `created`: HL7 literals;
    `act_key`: microseconds since 1970 UTC, sorts the timeline. `visible_since`: since when it is
    not hidden from the patient, None while it is. `authors`: JSON array of the feed's `Author`s.
    """

    stream: bytes
    record: int
    position: int
    changed: int
    lineage: bytes
    content_lineage: bytes
    visibility_only: bool
    status: int
    archived: bool
    flags: int
    act_key: int
    submitted_at: datetime
    size: int
    sha256: bytes
    target: bytes | None
    replaced_by: bytes | None
    visible_since: datetime | None
    unique_id: str
    type_code: str
    class_code: str
    title: str
    authors: str
    act: str
    created: str
    mime_type: str
    facility_type: str
    practice_setting: str
    confidentiality: str

    def facts(self, authors: frozenset[str]) -> DocumentFacts:
        """What `may_see` asks of a document."""
        return DocumentFacts(
            self.type_code, DocumentStatus(self.status), DocumentFlags(self.flags), authors
        )


@dataclass(slots=True)
class RecordRow:
    """A record as its events leave it. `state`: RecordFlags; `changed`: position of the last event
    of the record itself. `closure`: motive while it is closed. `birth_date`: as declared with the
    qualified identity; `claimed_birth_date`: the earliest that documents claim.
    """

    record: int
    state: int = 0
    changed: int = 0
    closure: str | None = None
    birth_date: date | None = None
    claimed_birth_date: date | None = None

    @property
    def closed(self) -> bool:
        """Whether it is closed now."""
        return bool(self.state & RecordFlags.CLOSED)
