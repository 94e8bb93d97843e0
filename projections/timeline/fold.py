"""A timeline is a pure fold of the events of one person, in the order of their positions.

There is no database and no clock. The live projection folds with the few rows that a batch needs;
the rebuild and the tests fold whole persons (decision 0024).

Rules of replacement (SPEC d.2, TRAP 11 to TRAP 15):
- A document joins the lineage of its target as soon as both are known, whichever came first.
- A target is DEPRECATED while its successor is a document of the same person. After two records are
  unlinked, a document that the other person's document had replaced shows again.
- A version that changes flags only keeps the content lineage of its target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.eventstore import RecordedEvent
from projections.events import EventNotApplicable
from schemas import events as names
from schemas.events import DocumentStatus
from schemas.forms.stream_ids import document_stream
from schemas.policy.may_see import earliest_birth_date

from .document_events import OF_DOCUMENTS, new_row
from .record_events import OF_RECORDS
from .row import RecordRow, TimelineRow

DEPRECATED: Final = int(DocumentStatus.DEPRECATED)
DELETED: Final = int(DocumentStatus.DELETED)


@dataclass(slots=True)
class PersonFold:
    """The rows of one person while his events are folded.

    `waiting`: by stream of a document, the streams of those that replace it. `changed_rows`,
    `changed_records`: streams and records whose rows the events changed.
    """

    rows: dict[bytes, TimelineRow] = field(default_factory=dict)
    records: dict[int, RecordRow] = field(default_factory=dict)
    waiting: dict[bytes, list[bytes]] = field(default_factory=dict)
    changed_rows: set[bytes] = field(default_factory=set)
    changed_records: set[int] = field(default_factory=set)

    def hold(self, row: TimelineRow) -> None:
        """The fold has this row, which was folded earlier."""
        self.rows[row.stream] = row
        if row.target is not None:
            self.waiting.setdefault(row.target, []).append(row.stream)

    def apply(self, event: RecordedEvent) -> None:
        """The rows are those after this event, whose position is above those before.

        An erased event changes nothing, nor does one that the rows have seen. Raises
        EventNotApplicable, and StoredEventError for unreadable bytes.
        """
        if event.erased:
            return
        name = event.name
        if name == names.DOCUMENT_SUBMITTED:
            self._submitted(event)
        elif name == names.DOCUMENT_REPLACED or name in OF_DOCUMENTS:
            self._document_changed(event)
        elif name in OF_RECORDS:
            facts = self._record(event.record)
            if event.position > facts.changed:
                OF_RECORDS[name](facts, event.datum)
                facts.changed = event.position
                self.changed_records.add(event.record)

    def _document_changed(self, event: RecordedEvent) -> None:
        row = self.rows.get(event.stream)
        if row is None:
            raise EventNotApplicable(event.position, "its document was never submitted")
        if event.position <= row.changed:
            return
        if event.name == names.DOCUMENT_REPLACED:
            self._replaced(row, event)
        else:
            OF_DOCUMENTS[event.name](row, event)
        row.changed = event.position
        self.changed_rows.add(event.stream)

    def _record(self, record: int) -> RecordRow:
        facts = self.records.get(record)
        if facts is None:
            facts = self.records[record] = RecordRow(record)
            self.changed_records.add(record)
        return facts

    def _submitted(self, event: RecordedEvent) -> None:
        stream = event.stream
        if stream in self.rows:
            return
        datum = event.datum
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
        """Documents that named `target` before it came join its lineage."""
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

    def _replaced(self, row: TimelineRow, event: RecordedEvent) -> None:
        row.replaced_by = document_stream(event.datum["replacedBy"])
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


def fold(events: Iterable[RecordedEvent]) -> list[TimelineRow]:
    """The rows of one person, in the order in which his documents came.

    `events`: all events of all his records, in order of position (`events_of_records` of
    `EventStore.read_record`). Erased events leave no row.
    """
    return list(fold_person(events).rows.values())


def fold_person(events: Iterable[RecordedEvent]) -> PersonFold:
    """The same fold, with the rows of the person's records beside those of documents."""
    person = PersonFold()
    for event in events:
        person.apply(event)
    return person


TAKES: Final = frozenset(
    {names.DOCUMENT_SUBMITTED, names.DOCUMENT_REPLACED, *OF_DOCUMENTS, *OF_RECORDS}
    | {names.RECORD_LINKED, names.RECORD_UNLINKED}
)
"""Names of the events that a timeline is made of."""
