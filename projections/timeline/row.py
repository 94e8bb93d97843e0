"""The rows of the timeline for a document and for a record, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from schemas.events import DocumentFlags, DocumentStatus, RecordFlags
from schemas.policy.may_see import DocumentFacts


@dataclass(slots=True)
class TimelineRow:
    """A document after its events. Streams are 16 bytes; fields have the order of the columns.

    `position`: of its `document_submitted`; `changed`: of its last event. `lineage`: stream of the
    first version known among those that replace each other. `content_lineage`: stream of the first
    of a run of versions that differ by visibility flags only (TRAP 13). `act`, `created`: HL7
    literals. `act_key`: the act in microseconds since 1970 UTC; the timeline is sorted by it.
    `visible_since`: since when the patient may see the document, None while it is hidden from him.
    `authors`: JSON array of `Author`s as in the feed.
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
        """The facts that `may_see` needs of a document."""
        return DocumentFacts(
            self.type_code, DocumentStatus(self.status), DocumentFlags(self.flags), authors
        )


@dataclass(slots=True)
class RecordRow:
    """A record after its events.

    `state`: bits of `RecordFlags`. `changed`: position of the last event of the record's own
    stream. `closure`: reason code while the record is closed. `birth_date`: that of the declared
    identity. `claimed_birth_date`: the earliest one that documents claim.
    """

    record: int
    state: int = 0
    changed: int = 0
    closure: str | None = None
    birth_date: date | None = None
    claimed_birth_date: date | None = None

    @property
    def closed(self) -> bool:
        """True while the record is closed."""
        return bool(self.state & RecordFlags.CLOSED)
