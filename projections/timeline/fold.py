"""What a timeline says is a pure fold of one person's events, in the order of their positions.

No database, no clock. The live projection, the rebuild and the comparison all use `PersonFold`:
the live one with the few rows a batch needs, the others with a whole person (decision 0024).

Rules of replacement (SPEC d.2, TRAP 11 to TRAP 15):
- a document joins the lineage of its target as soon as both are known, whichever came first;
- a target is DEPRECATED when its successor is a document of the same person. After a link of two
  records is undone, what the other person's document had replaced shows again;
- a version that only changes flags keeps the content lineage of its target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import orjson

from projections.opened import EventNotApplicable, OpenedEvent
from schemas import events as names
from schemas.events import DocumentFlags, DocumentStatus, RecordFlags
from schemas.forms.stream_ids import document_stream
from schemas.forms.times import parse_time
from schemas.policy.may_see import earliest_birth_date

from .row import RecordRow, TimelineRow

APPROVED: Final = int(DocumentStatus.APPROVED)
ARCHIVED: Final = int(DocumentStatus.ARCHIVED)
DEPRECATED: Final = int(DocumentStatus.DEPRECATED)
DELETED: Final = int(DocumentStatus.DELETED)
MASKED_BITS: Final = int(DocumentFlags.MASQUE_PS | DocumentFlags.MASQUE_PS_BY_PATIENT)
HIDDEN: Final = int(DocumentFlags.INVISIBLE_PATIENT)


@dataclass(slots=True)
class PersonFold:
    """The state of a fold. `changed_rows`, `changed_records`: what events changed in it."""

    rows: dict[bytes, TimelineRow] = field(default_factory=dict)
    records: dict[int, RecordRow] = field(default_factory=dict)
    waiting: dict[bytes, list[bytes]] = field(default_factory=dict)
    changed_rows: set[bytes] = field(default_factory=set)
    changed_records: set[int] = field(default_factory=set)

    def hold(self, row: TimelineRow) -> None:
        """A row folded earlier is part of the state."""
        self.rows[row.stream] = row
        if row.target is not None:
            self.waiting.setdefault(row.target, []).append(row.stream)

    def apply(self, event: OpenedEvent) -> None:
        """One more event, at a higher position than those before. Erased ones change nothing, nor
        do those it has seen. Raises EventNotApplicable, and StoredEventError for unreadable bytes.
        """
        if event.state is None:
            return
        name = event.name
        if name == names.DOCUMENT_SUBMITTED:
            self._submitted(event)
        elif name in _OF_DOCUMENTS:
            row = self.rows.get(event.stream)
            if row is None:
                raise EventNotApplicable(event.position, "its document was never submitted")
            if event.position > row.changed:
                _OF_DOCUMENTS[name](self, row, event)
                row.changed = event.position
                self.changed_rows.add(event.stream)
        elif name in _OF_RECORDS:
            facts = self._record(event.record)
            if event.position > facts.changed:
                _OF_RECORDS[name](facts, event.said)
                facts.changed = event.position
                self.changed_records.add(event.record)

    def _record(self, record: int) -> RecordRow:
        facts = self.records.get(record)
        if facts is None:
            facts = self.records[record] = RecordRow(record)
            self.changed_records.add(record)
        return facts

    def _submitted(self, event: OpenedEvent) -> None:
        stream = event.stream
        if stream in self.rows:
            return
        datum = event.said
        row = new_row(event, datum)
        self._claim_birth_date(event.record, datum["document"]["sourcePatientInfo"])
        target = None if row.target is None else self.rows.get(row.target)
        if target is not None:
            row.lineage = target.lineage
            if row.visibility_only:
                row.content_lineage = target.content_lineage
            if target.replaced_by == stream:
                self._deprecate(target)
        self.hold(row)
        self.changed_rows.add(stream)
        if stream in self.waiting:
            self._root_again(row)

    def _root_again(self, target: TimelineRow) -> None:
        """Documents that named this one before it came join its lineage."""
        for stream in self.waiting[target.stream]:
            first = self.rows[stream]
            for row in self.rows.values():
                if row.lineage == stream and row is not target:
                    row.lineage = target.lineage
                    self.changed_rows.add(row.stream)
                if first.visibility_only and row.content_lineage == stream and row is not target:
                    row.content_lineage = target.content_lineage
                    self.changed_rows.add(row.stream)

    def _deprecate(self, row: TimelineRow) -> None:
        if row.status != DELETED:
            row.status = DEPRECATED
        self.changed_rows.add(row.stream)

    def _replaced(self, row: TimelineRow, event: OpenedEvent) -> None:
        row.replaced_by = document_stream(event.said["replacedBy"])
        if row.replaced_by in self.rows:
            self._deprecate(row)

    def _claim_birth_date(self, record: int, traits: Mapping[str, Any] | None) -> None:
        facts = self._record(record)
        claimed = None if traits is None else earliest_birth_date(traits["birthDate"])
        if claimed is None:
            return
        if facts.claimed_birth_date is None or claimed < facts.claimed_birth_date:
            facts.claimed_birth_date = claimed
            self.changed_records.add(record)


def fold(events: Iterable[OpenedEvent]) -> list[TimelineRow]:
    """The rows of one person, in the order their documents came.

    `events`: all events of all his records, in order of position (`open_events` of
    `EventStore.read_record`). Erased events fold to nothing.
    """
    return list(fold_person(events).rows.values())


def fold_person(events: Iterable[OpenedEvent]) -> PersonFold:
    """The same, with the facts of the person's records."""
    person = PersonFold()
    for event in events:
        person.apply(event)
    return person


def new_row(event: OpenedEvent, datum: Mapping[str, Any]) -> TimelineRow:
    """The row of a document just submitted, as if it replaced nothing that is known."""
    document = datum["document"]
    stream, position, recorded_at = event.stream, event.position, event.recorded_at
    replaces = document["replaces"]
    target = None if replaces is None else document_stream(replaces)
    hidden = document["invisiblePatient"]
    flags = (
        document["masquePs"] | hidden << 1 | document["invisibleRepresentantsLegaux"] << 2
    )  # Flags
    act = document["serviceStartTime"]
    return TimelineRow(
        stream,
        event.record,
        position,
        position,
        stream,
        stream,
        datum["visibilityOnly"],
        APPROVED,
        False,
        flags,
        _act_key(act, recorded_at),
        recorded_at,
        document["size"],
        document["sha256"],
        None if target == stream else target,
        None,
        None if hidden else recorded_at,
        document["uniqueId"],
        document["typeCode"],
        document["classCode"],
        document["title"].replace("\0", "\ufffd"),  # PostgreSQL keeps no NUL in a text
        orjson.dumps(document["authors"]).decode(),
        act,
        document["creationTime"],
        document["mimeType"],
        document["healthcareFacilityTypeCode"],
        document["practiceSettingCode"],
        document["confidentialityCode"],
    )


def _act_key(literal: str, recorded_at: datetime) -> int:
    # Ingestion refuses acts without a readable time; should a rule change, arrival sorts them.
    time = parse_time(literal)
    return int(recorded_at.timestamp() * 1_000_000) if time is None else time.sort_key


def _visibility_changed(person: PersonFold, row: TimelineRow, event: OpenedEvent) -> None:
    datum = event.said
    bit = int(DocumentFlags[datum["flag"]])
    if bit == DocumentFlags.MASQUE_PS:
        row.flags &= ~MASKED_BITS
        if datum["on"]:
            row.flags |= MASKED_BITS if datum["byPatient"] else bit
        return
    row.flags = row.flags | bit if datum["on"] else row.flags & ~bit
    if bit == HIDDEN:
        if datum["on"]:
            row.visible_since = None
        elif row.visible_since is None:
            row.visible_since = event.recorded_at


def _archived(person: PersonFold, row: TimelineRow, event: OpenedEvent) -> None:
    row.archived = True
    if row.status == APPROVED:
        row.status = ARCHIVED


def _unarchived(person: PersonFold, row: TimelineRow, event: OpenedEvent) -> None:
    row.archived = False
    if row.status == ARCHIVED:
        row.status = APPROVED


def _deleted(person: PersonFold, row: TimelineRow, event: OpenedEvent) -> None:
    row.status = DELETED


def _content_added(person: PersonFold, row: TimelineRow, event: OpenedEvent) -> None:
    """The bytes are those whose hash the row has; only `changed` moves."""


_OF_DOCUMENTS: Final[Mapping[str, Callable[[PersonFold, TimelineRow, OpenedEvent], None]]] = {
    names.DOCUMENT_REPLACED: PersonFold._replaced,
    names.DOCUMENT_VISIBILITY_CHANGED: _visibility_changed,
    names.DOCUMENT_ARCHIVED: _archived,
    names.DOCUMENT_UNARCHIVED: _unarchived,
    names.DOCUMENT_DELETED: _deleted,
    names.DOCUMENT_CONTENT_ADDED: _content_added,
}


def _opened(record: RecordRow, datum: Mapping[str, Any]) -> None:
    record.state = (record.state | RecordFlags.OPENED) & ~RecordFlags.CLOSED
    record.closure = None


def _closed(record: RecordRow, datum: Mapping[str, Any]) -> None:
    record.state |= RecordFlags.CLOSED
    record.closure = datum["reasonCode"]


def _declared(record: RecordRow, datum: Mapping[str, Any]) -> None:
    record.state &= ~RecordFlags.REVOKED
    birth_date: date | None = earliest_birth_date(datum["traits"]["birthDate"])
    record.birth_date = birth_date or record.birth_date


def _turn(bit: RecordFlags, on: bool) -> Callable[[RecordRow, Mapping[str, Any]], None]:
    def change(record: RecordRow, datum: Mapping[str, Any]) -> None:
        record.state = record.state | bit if on else record.state & ~bit

    return change


_OF_RECORDS: Final[Mapping[str, Callable[[RecordRow, Mapping[str, Any]], None]]] = {
    names.RECORD_OPENED: _opened,
    names.RECORD_CLOSED: _closed,
    names.IDENTITY_DECLARED: _declared,
    names.RECORD_ACTIVATED: _turn(RecordFlags.ACTIVATED, True),
    names.RECORD_OPPOSED: _turn(RecordFlags.OPPOSED, True),
    names.OPPOSITION_WITHDRAWN: _turn(RecordFlags.OPPOSED, False),
    names.IDENTITY_REVOKED: _turn(RecordFlags.REVOKED, True),
}

TAKES: Final = frozenset(
    {names.DOCUMENT_SUBMITTED, *_OF_DOCUMENTS, *_OF_RECORDS}
    | {names.RECORD_LINKED, names.RECORD_UNLINKED}
)
"""Names of the events a timeline is made of."""
