"""The bytes of a document given back, verified."""

from dataclasses import dataclass

from ingest.eventstore import EventStore
from schemas.events import DocumentFlags, DocumentStatus
from schemas.forms.stream_ids import document_stream


class DocumentUnavailable(Exception):
    """The bytes of this document cannot be given; the sentence says why. Never names a person."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as deposited. `status`: approved, archived, deprecated or deleted."""

    data: bytes
    mime_type: str
    status: str


def read_document(store: EventStore, unique_id: str) -> StoredDocument:
    """The bytes deposited under this uniqueId, equal to the SHA-256 of their deposit.

    Raises DocumentUnavailable when there is none, when its record was erased, or when it was
    deposited without its bytes; ContentMissing, ContentDamaged, OSError as the content store.
    """
    stream = document_stream(unique_id)
    head = store.reading.heads([stream]).get(stream)
    if head is None:
        raise DocumentUnavailable("no document has this uniqueId")
    submitted = store.reading.submitted([stream])[stream]
    if submitted.erased:
        raise DocumentUnavailable("the record of this document was erased")
    if not head.flags & DocumentFlags.CONTENT:
        raise DocumentUnavailable("this document was deposited without its bytes (metadata only)")
    document = submitted.datum["document"]
    data = store.contents.get(head.record, document["sha256"])
    return StoredDocument(data, document["mimeType"], DocumentStatus(head.status).name.lower())
