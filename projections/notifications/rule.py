"""The two rules of notification: a document became visible to the patient; the glass was broken.

The module is pure. `document_visible` announces once for ever per *content lineage*, a run of
versions that differ by visibility flags only. Hide, show, hide, show announces once; a replacement
that only changes flags announces nothing more (TRAP 12, 13, 18; decision 0026). A version with new
content is a content lineage of its own and is announced.

Never announced are technical documents (TRAP 25), a document that came after its replacement, one
replaced or deleted while it was hidden, and one shown while its record is closed: nobody reads
there (SPEC d.5). The last is announced when it is shown again after the record was opened.

Announced are old documents of the historical channel, since they are new to the patient (TRAP 10:
novelty is the position in the log; SPEC d.6), and archived ones, which he sees apart. An opposition
hides nothing from him.

`emergency_access` announces each granted break-glass once (SPEC h.3), to the patient and nobody
else. Ordinary, secret and refused accesses stand in the list of accesses only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from ingest.eventstore import RecordedEvent
from projections.events import EventNotApplicable
from schemas import events as names
from schemas.events import DocumentFlags, DocumentStatus
from schemas.forms.stream_ids import document_stream
from schemas.policy.may_see import DocumentFacts, Reader, ReaderKind, RecordFacts, may_see

RULE: Final = "document_visible"
RULE_VERSION: Final = 1
EMERGENCY: Final = "emergency_access"
EMERGENCY_VERSION: Final = 1
RULES: Final = ((RULE, RULE_VERSION), (EMERGENCY, EMERGENCY_VERSION))
AUDIENCE: Final = "PATIENT"
_NAMESPACE: Final = UUID("6f5f3b1e-9c55-5a0b-8a31-7a1f1f0d4c2e")
_PATIENT: Final = Reader(ReaderKind.PATIENT)
_OPEN_RECORD: Final = RecordFacts()
_SETTLED: Final = frozenset({int(DocumentStatus.DEPRECATED), int(DocumentStatus.DELETED)})

TAKES: Final = frozenset(
    {
        names.DOCUMENT_SUBMITTED,
        names.DOCUMENT_REPLACED,
        names.DOCUMENT_VISIBILITY_CHANGED,
        names.DOCUMENT_DELETED,
        names.RECORD_ACCESSED,
        names.RECORD_OPENED,
        names.RECORD_CLOSED,
        names.RECORD_LINKED,
        names.RECORD_UNLINKED,
    }
)


@dataclass(slots=True)
class Candidate:
    """What the rules know of a document. Fields have the order of the columns."""

    stream: bytes
    record: int
    changed: int
    content_lineage: bytes
    visibility_only: bool
    status: int
    hidden: bool
    type_code: str
    target: bytes | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """Somebody is to be told. `lineage`: 16 bytes that name the content lineage or the access.
    `type_code`: empty for an access.
    """

    record: int
    person: int
    lineage: bytes
    type_code: str
    position: int
    recorded_at: datetime
    rule: str = RULE
    rule_version: int = RULE_VERSION

    @property
    def notification_id(self) -> UUID:
        """The id of the notification: the same for ever for one rule, lineage and audience."""
        return uuid5(_NAMESPACE, f"{self.rule}|{self.lineage.hex()}|{AUDIENCE}")


@dataclass(slots=True)
class PersonRule:
    """The rules applied to the events of one person.

    `closed`: his records that are closed. `announced`: lineages and accesses announced before.
    Events add to `triggers`, to `new_keys` (record, lineage, rule) and to `changed` (streams).
    """

    person: int
    candidates: dict[bytes, Candidate] = field(default_factory=dict)
    waiting: dict[bytes, list[bytes]] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    announced: set[bytes] = field(default_factory=set)
    triggers: list[Trigger] = field(default_factory=list)
    new_keys: list[tuple[int, bytes, str]] = field(default_factory=list)
    changed: set[bytes] = field(default_factory=set)

    def hold(self, candidate: Candidate) -> None:
        """The rules have this candidate, which came earlier."""
        self.candidates[candidate.stream] = candidate
        if candidate.target is not None:
            self.waiting.setdefault(candidate.target, []).append(candidate.stream)

    def apply(self, event: RecordedEvent) -> None:
        """Applies one more event, in order of position. An event seen before changes nothing.

        Raises EventNotApplicable, and StoredEventError for unreadable bytes.
        """
        if event.name == names.RECORD_CLOSED:
            self.closed.add(event.record)
        elif event.name == names.RECORD_OPENED:
            self.closed.discard(event.record)
        elif event.name == names.DOCUMENT_SUBMITTED:
            self._submitted(event)
        elif event.name == names.RECORD_ACCESSED:
            self._accessed(event)
        elif event.name in TAKES:
            self._changed(event)

    def _submitted(self, event: RecordedEvent) -> None:
        stream = event.stream
        if stream in self.candidates:
            return
        candidate = new_candidate(event)
        target = None if candidate.target is None else self.candidates.get(candidate.target)
        if target is not None and candidate.visibility_only:
            candidate.content_lineage = target.content_lineage
        self.hold(candidate)
        self.changed.add(stream)
        if stream in self.waiting:
            self._came_after_its_replacement(candidate)
        self._announce(candidate, event)

    def _came_after_its_replacement(self, late: Candidate) -> None:
        late.status = int(DocumentStatus.DEPRECATED)
        for stream in self.waiting[late.stream]:
            if not self.candidates[stream].visibility_only:
                continue
            for candidate in self.candidates.values():
                if candidate.content_lineage == stream and candidate is not late:
                    candidate.content_lineage = late.content_lineage
                    self.changed.add(candidate.stream)
            if stream in self.announced:  # the lineage was announced under its old name
                self._key(late.record, late.content_lineage)

    def _changed(self, event: RecordedEvent) -> None:
        candidate = self.candidates.get(event.stream)
        if candidate is None:
            raise EventNotApplicable(event.position, "its document was never submitted")
        if event.position <= candidate.changed:
            return
        candidate.changed = event.position
        self.changed.add(event.stream)
        if event.name == names.DOCUMENT_DELETED:
            candidate.status = int(DocumentStatus.DELETED)
        elif event.name == names.DOCUMENT_REPLACED:
            if candidate.status not in _SETTLED:
                candidate.status = int(DocumentStatus.DEPRECATED)
        elif event.datum["flag"] == "INVISIBLE_PATIENT":
            candidate.hidden = bool(event.datum["on"])
            self._announce(candidate, event)

    def _announce(self, candidate: Candidate, event: RecordedEvent) -> None:
        lineage = candidate.content_lineage
        if lineage in self.announced or candidate.record in self.closed:
            return
        if not may_see(_PATIENT, _OPEN_RECORD, _facts(candidate), event.recorded_at):
            return
        self._key(candidate.record, lineage)
        self.triggers.append(
            Trigger(
                record=candidate.record,
                person=self.person,
                lineage=lineage,
                type_code=candidate.type_code,
                position=event.position,
                recorded_at=event.recorded_at,
            )
        )

    def _accessed(self, event: RecordedEvent) -> None:
        access = access_lineage(event)
        broken = event.datum["mode"] == "BREAK_GLASS" and event.datum["outcome"] == "GRANTED"
        if not broken or access in self.announced:
            return
        self._key(event.record, access, EMERGENCY)
        self.triggers.append(
            Trigger(
                record=event.record,
                person=self.person,
                lineage=access,
                type_code="",
                position=event.position,
                recorded_at=event.recorded_at,
                rule=EMERGENCY,
                rule_version=EMERGENCY_VERSION,
            )
        )

    def _key(self, record: int, lineage: bytes, rule: str = RULE) -> None:
        if lineage not in self.announced:
            self.announced.add(lineage)
            self.new_keys.append((record, lineage, rule))


def access_lineage(event: RecordedEvent) -> bytes:
    """16 bytes that name this access and nothing else, no document either."""
    return uuid5(_NAMESPACE, f"{event.stream.hex()}|{event.position}").bytes


def new_candidate(event: RecordedEvent) -> Candidate:
    """The candidate of a document just submitted. The rule adds what follows from replacement."""
    datum = event.datum
    document = datum["document"]
    target = None if document["replaces"] is None else document_stream(document["replaces"])
    return Candidate(
        stream=event.stream,
        record=event.record,
        changed=event.position,
        content_lineage=event.stream,
        visibility_only=datum["visibilityOnly"],
        status=int(DocumentStatus.APPROVED),
        hidden=document["invisiblePatient"],
        type_code=document["typeCode"],
        target=None if target == event.stream else target,
    )


def _facts(candidate: Candidate) -> DocumentFacts:
    flags = DocumentFlags.INVISIBLE_PATIENT if candidate.hidden else DocumentFlags(0)
    return DocumentFacts(candidate.type_code, DocumentStatus(candidate.status), flags)
