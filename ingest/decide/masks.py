"""The patient's mask follows his document through its versions, as explicit events (decision
0019).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.facts.events.documents import visibility_changed
from ingest.facts.events.event import Event
from ingest.facts.view import View
from schemas.events import DocumentFlags, DocumentStatus
from schemas.feed.messages import Provenance
from schemas.heads import Head


@dataclass(frozen=True, slots=True)
class InheritedMask:
    """A mask turned on or off by the patient on document `source` (its uniqueId)."""

    source: str
    on: bool
    provenance: Provenance
    reason: str | None = None

    def event(self, stream: bytes, record: int, unique_id: str) -> Event:
        """The event of one successor."""
        return visibility_changed(
            stream,
            record,
            unique_id,
            "MASQUE_PS",
            self.on,
            provenance=self.provenance,
            by_patient=True,
            reason=self.reason,
            inherited_from=self.source,
        )

    def passed_to(self, view: View, successors: Iterable[bytes]) -> list[Event]:
        """The events of those successors that it changes; erased and deleted ones are left out."""
        events = list[Event]()
        for stream in successors:
            head = view.document(stream)
            if head is None or not self.changes(head):
                continue
            first = view.first_event(stream)
            if first is not None and first.datum is not None:
                unique_id = first.datum["document"]["uniqueId"]
                events.append(self.event(stream, head.record, unique_id))
        return events

    def changes(self, head: Head) -> bool:
        """Whether the document is not yet so by the patient's choice."""
        if head.status == DocumentStatus.DELETED:
            return False
        # Off: a mask by whomever; on: also one that a professional set before, to make it his own.
        bit = DocumentFlags.MASQUE_PS_BY_PATIENT if self.on else DocumentFlags.MASQUE_PS
        return bool(head.flags & bit) is not self.on
