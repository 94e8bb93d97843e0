"""The patient's mask follows his document through its versions, as explicit events (decision
0019).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.facts.view import DocumentState, Event, Known
from schemas.events import DOCUMENT_VISIBILITY_CHANGED, DocumentFlags, DocumentStatus


@dataclass(frozen=True, slots=True)
class InheritedMask:
    """A mask turned on or off by the patient on document `source` (its uniqueId)."""

    source: str
    on: bool
    provenance: Mapping[str, Any]
    reason: str | None = None

    def event(self, stream: bytes, record: int, unique_id: str) -> Event:
        """The event of one successor."""
        datum = {
            "provenance": self.provenance,
            "uniqueId": unique_id,
            "flag": "MASQUE_PS",
            "on": self.on,
            "byPatient": True,
            "inheritedFrom": self.source,
            "reason": self.reason,
        }
        return Event(stream, record, DOCUMENT_VISIBILITY_CHANGED, datum)

    def passed_to(self, known: Known, successors: Iterable[bytes]) -> list[Event]:
        """The events of those successors that it changes; erased and deleted ones are left out."""
        events = list[Event]()
        for stream in successors:
            state, first = known.documents.get(stream), known.submitted.get(stream)
            if state is None or first is None or first.datum is None:
                continue
            if self.changes(state):
                unique_id = first.datum["document"]["uniqueId"]
                events.append(self.event(stream, state.record, unique_id))
        return events

    def changes(self, state: DocumentState) -> bool:
        """Whether the document is not yet so by the patient's choice."""
        if state.status == DocumentStatus.DELETED:
            return False
        # Off: a mask by whomever; on: also one that a professional set before, to make it his own.
        bit = DocumentFlags.MASQUE_PS_BY_PATIENT if self.on else DocumentFlags.MASQUE_PS
        return bool(state.flags & bit) is not self.on
