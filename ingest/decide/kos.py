"""A KOS follows the imaging report that it serves (SPEC g; TRAP 25; decision 0033).

Both name the study, or the accession, in their `referenceIdList`. When no report of a study is
left that is not deleted, its KOS is deleted; when all that are left are archived, it is archived;
when one is current again, it is taken out. These are events of their own on the KOS, of the same
message: whoever may do it to the report does it to what serves it. The order in which report and
KOS came makes no difference. A deleted KOS stays deleted. Both are looked for in one record: a KOS
that came under another INS of the person is on its own.

*Replaced*: the new version of a report names the same study, and its KOS serves it as it is. A new
KOS cannot be made here, since only the imaging software knows the objects: that software deposits
one that replaces the old.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ingest.facts.events.documents import document_archived, document_deleted, document_unarchived
from ingest.facts.events.event import Event
from ingest.facts.imaging import references_of
from ingest.facts.needs import FIRST_EVENT, REFERRING, THEN, Need, Needs
from ingest.facts.view import View
from schemas.events import DocumentStatus
from schemas.feed.messages import Document, Provenance
from schemas.valuesets import KOS_TYPE

StatusEvent = Callable[[bytes, int, str, Provenance, str | None], Event]
"""The constructor of an event that changes the status of a document."""
_FOLLOWS: Final[Mapping[tuple[int, int], StatusEvent]] = {
    (DocumentStatus.APPROVED, DocumentStatus.ARCHIVED): document_archived,
    (DocumentStatus.ARCHIVED, DocumentStatus.APPROVED): document_unarchived,
    (DocumentStatus.APPROVED, DocumentStatus.DELETED): document_deleted,
    (DocumentStatus.ARCHIVED, DocumentStatus.DELETED): document_deleted,
}
"""By what the KOS is and what its reports are: the event. No other pair changes anything."""
_IN_THIS_ORDER: Final = (
    DocumentStatus.APPROVED,
    DocumentStatus.ARCHIVED,
    DocumentStatus.DELETED,
)


def needs_of_study(view: View, record: int, document: Document) -> Needs:
    """The documents of the study of this one, and, of each KOS among them, those of its studies."""
    references = references_of(record, document)
    if not references:
        return
    for reference in references:
        yield Need(REFERRING, reference)
    yield THEN
    for reference in references:
        for stream in view.referring_to(reference):
            yield Need(FIRST_EVENT, stream)
            other = _document(view, stream)
            if other is not None and _is_kos(other):
                yield from (Need(REFERRING, one) for one in references_of(record, other))


def kos_follow_reports(
    view: View,
    stream: bytes,
    events: Iterable[Event],
    provenance: Provenance,
    reason: str | None,
    *,
    is_new: bool,
) -> list[Event]:
    """Events that bring each KOS of this document in line with its reports, after these events of
    a message. `is_new`: the document comes with them; it may be a KOS itself, and then follows too,
    whereas what is done to a KOS alone stands.
    """
    after, found = view.after(events), list[Event]()
    for kos in _kos_of(after, stream, itself=is_new):
        head, document = after.document(kos), _document(after, kos)
        if head is None or document is None:
            continue
        constructor = _FOLLOWS.get((head.status, _status_of_reports(after, kos, head.status)))
        if constructor is not None:
            unique_id = document["uniqueId"]
            found.append(constructor(kos, head.record, unique_id, provenance, reason))
    return found


def _kos_of(view: View, stream: bytes, *, itself: bool) -> list[bytes]:
    candidates = [*([stream] if itself else []), *_of_same_study(view, stream)]
    return [other for other in candidates if _is_kos(_document(view, other))]


def _status_of_reports(view: View, kos: bytes, own: int) -> int:
    """The status of the reports of a KOS that are not replaced, the liveliest; else its own."""
    statuses = set[int]()
    for other in _of_same_study(view, kos):
        head = view.document(other)
        if head is not None and not _is_kos(_document(view, other)):
            statuses.add(head.status)
    return next((status for status in _IN_THIS_ORDER if status in statuses), own)


def _of_same_study(view: View, stream: bytes) -> list[bytes]:
    """Other documents of the record that name a study or accession which this one names."""
    head, document = view.document(stream), _document(view, stream)
    if head is None or document is None:
        return []
    found = dict[bytes, None]()
    for reference in references_of(head.record, document):
        found |= dict.fromkeys(view.referring_to(reference))
    found.pop(stream, None)
    return list(found)


def _document(view: View, stream: bytes) -> Document | None:
    """What the deposit of a document says of it; None when it has not come, or was erased."""
    first = view.first_event(stream)
    return None if first is None or first.datum is None else first.datum["document"]


def _is_kos(document: Document | None) -> bool:
    return document is not None and document["typeCode"] == KOS_TYPE
