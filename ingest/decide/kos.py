"""A KOS follows the imaging report that it serves (SPEC g; TRAP 25).

Both name the study, or the accession, in their `referenceIdList`. When no report of a study is
left that is not deleted, its KOS is deleted; when all that are left are archived, it is archived;
when one is current again, it is taken out. These are events of their own on the KOS, of the same
message: whoever may do it to the report does it to what serves it. So it is whichever comes first,
report or KOS. A deleted KOS stays deleted. Both are looked for in one record: a KOS that came under
another INS of the person is on its own.

*Replaced*: the new version of a report names the same study, so its KOS serves it as it is. A new
KOS cannot be made here, since only the imaging software knows the objects: it deposits one that
replaces the old.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.facts.evolve import evolve_document
from ingest.facts.view import DocumentState, Event, Known
from schemas.events import (
    DOCUMENT_ARCHIVED,
    DOCUMENT_DELETED,
    DOCUMENT_SUBMITTED,
    DOCUMENT_UNARCHIVED,
    DocumentStatus,
)
from schemas.valuesets import IMAGING_CLASS, KOS_TYPE

_STUDY: Final = "urn:ihe:iti:xds:2016:studyInstanceUID"
_ACCESSION: Final = "urn:ihe:iti:xds:2013:accession"
_FOLLOWS: Final[Mapping[tuple[int, int], str]] = {
    (DocumentStatus.APPROVED, DocumentStatus.ARCHIVED): DOCUMENT_ARCHIVED,
    (DocumentStatus.ARCHIVED, DocumentStatus.APPROVED): DOCUMENT_UNARCHIVED,
    (DocumentStatus.APPROVED, DocumentStatus.DELETED): DOCUMENT_DELETED,
    (DocumentStatus.ARCHIVED, DocumentStatus.DELETED): DOCUMENT_DELETED,
}
"""By what the KOS is and what its reports are: the event. No other pair changes anything."""
_IN_THIS_ORDER: Final = (
    DocumentStatus.APPROVED,
    DocumentStatus.ARCHIVED,
    DocumentStatus.DELETED,
)


def references_of(record: int, document: Mapping[str, Any]) -> list[str]:
    """The study and accession that a document of imaging names; none of any other document.

    Within its record: were a study looked up everywhere, one UID that faulty software gives to all
    would bring every document of it. An accession is one within the authority that gave it.
    """
    if document["classCode"] != IMAGING_CLASS:
        return []
    return [
        f"{record}|{named['typeCode']}|{named['value']}"
        if named["typeCode"] == _STUDY
        else f"{record}|{named['typeCode']}|{named['authority'] or ''}|{named['value']}"
        for named in document["referenceIdList"]
        if named["typeCode"] in (_STUDY, _ACCESSION)
    ]


def companions_follow(
    known: Known, datum: Mapping[str, Any], stream: bytes, events: Iterable[Event]
) -> list[Event]:
    """The events of each KOS that serves this document, or is it and just came, and that these
    events of a message leave otherwise than its reports.
    """
    after = _After(known)
    for event in events:
        after.apply(event)
    found = list[Event]()
    for kos in after.companions(stream):
        state, first = after.state(kos), after.first(kos)
        name = _FOLLOWS.get((state.status, after.wanted(kos)))
        if name is not None and first is not None:
            said = {
                "provenance": datum["provenance"],
                "uniqueId": first["document"]["uniqueId"],
                "reason": datum.get("reason"),
            }
            found.append(Event(kos, state.record, name, said))
    return found


@dataclass(slots=True)
class _After:
    """What is known after some events, of what is looked at here. `known` stays as it is."""

    known: Known
    states: dict[bytes, DocumentState] = field(default_factory=dict)
    new: dict[bytes, Mapping[str, Any]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """One more event; those of records change nothing here."""
        if event.name == DOCUMENT_SUBMITTED:
            self.new[event.stream] = event.datum
            self.states[event.stream] = DocumentState(
                event.record, 1, DocumentStatus.APPROVED, 0, (), None
            )
        elif event.stream in self.states or event.stream in self.known.documents:
            self.states[event.stream] = evolve_document(self.state(event.stream), event)

    def state(self, stream: bytes) -> DocumentState:
        return self.states.get(stream) or self.known.documents[stream]

    def first(self, stream: bytes) -> Mapping[str, Any] | None:
        """The deposit of a document; None when it is not known or was erased."""
        if stream in self.new:
            return self.new[stream]
        first = self.known.submitted.get(stream)
        return None if first is None else first.datum

    def companions(self, stream: bytes) -> list[bytes]:
        """Every KOS that serves this document, or is it and just came: what is done to a KOS alone
        stands.
        """
        own = [stream] if stream in self.new else []
        return [other for other in (*own, *self._sharing(stream)) if self._is_kos(other)]

    def wanted(self, kos: bytes) -> int:
        """The status of its reports that are not replaced, the liveliest; else what it is."""
        others = [other for other in self._sharing(kos) if not self._is_kos(other)]
        statuses = {self.state(other).status for other in others}
        own = self.state(kos).status
        return next((status for status in _IN_THIS_ORDER if status in statuses), own)

    def _sharing(self, stream: bytes) -> dict[bytes, None]:
        """Other documents of the record that name a study or accession that this one names."""
        first = self.first(stream)
        found = dict[bytes, None]()
        if first is None:
            return found
        record = self.state(stream).record
        for reference in references_of(record, first["document"]):
            for at, new in self.new.items():
                if reference in references_of(self.state(at).record, new["document"]):
                    found[at] = None
            found |= self.known.referring.get(reference, {})
        found.pop(stream, None)
        return found

    def _is_kos(self, stream: bytes) -> bool:
        first = self.first(stream)
        return first is not None and first["document"]["typeCode"] == KOS_TYPE
