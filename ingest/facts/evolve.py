"""The head of a stream after one more event. Pure; the heads in the store are this fold."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from schemas.events import (
    ACCESS_AUTHORISED,
    ACCESS_WITHDRAWN,
    ATTENDING_PHYSICIAN_DESIGNATED,
    ATTENDING_PHYSICIAN_ENDED,
    DOCUMENT_ARCHIVED,
    DOCUMENT_CONTENT_ADDED,
    DOCUMENT_DELETED,
    DOCUMENT_REPLACED,
    DOCUMENT_SUBMITTED,
    DOCUMENT_UNARCHIVED,
    DOCUMENT_VISIBILITY_CHANGED,
    EMERGENCY_ACCESS_OPPOSED,
    EMERGENCY_OPPOSITION_WITHDRAWN,
    IDENTITY_DECLARED,
    IDENTITY_REVOKED,
    OPPOSITION_WITHDRAWN,
    PROFESSIONAL_BLOCKED,
    PROFESSIONAL_UNBLOCKED,
    RECORD_ACCESSED,
    RECORD_ACTIVATED,
    RECORD_CLOSED,
    RECORD_LINKED,
    RECORD_OPENED,
    RECORD_OPPOSED,
    RECORD_UNLINKED,
    DocumentFlags,
    DocumentReplaced,
    DocumentStatus,
    DocumentVisibilityChanged,
    RecordClosed,
    RecordFlags,
)
from schemas.feed.messages import DepositDocument
from schemas.forms.stream_ids import document_stream
from schemas.heads import Head
from schemas.policy.may_do import ActorKind, actor_kind
from schemas.policy.visibility import flags_after, metadata_flags

from .events.event import Event
from .heads import AuthorHash, authors_of

_MASQUE_PS: Final = DocumentFlags.MASQUE_PS.value
_BY_PATIENT: Final = DocumentFlags.MASQUE_PS_BY_PATIENT.value
_CONTENT: Final = DocumentFlags.CONTENT.value
_SET_ASIDE: Final = DocumentFlags.ARCHIVED.value
_APPROVED: Final = DocumentStatus.APPROVED.value
_ARCHIVED: Final = DocumentStatus.ARCHIVED.value
_DEPRECATED: Final = DocumentStatus.DEPRECATED.value
_DELETED: Final = DocumentStatus.DELETED.value


def flags_of_deposit(datum: DepositDocument, has_content: bool) -> int:
    """The flags a deposit gives its document.

    A mask in a deposit of the patient himself is his own choice, which passes to successors.
    """
    bits = metadata_flags(datum["document"]) | (_CONTENT if has_content else 0)
    # Most deposits are not masked: the capacity of the actor is looked at for a mask only.
    if bits & _MASQUE_PS and _is_patient(datum):
        bits |= _BY_PATIENT
    return bits


def _is_patient(datum: DepositDocument) -> bool:
    return actor_kind(datum["provenance"]["actor"], datum["ins"]) is ActorKind.PATIENT


def first_head(event: Event, author_hash: AuthorHash) -> Head:
    """The head of a document whose first event this is."""
    datum = cast(DepositDocument, event.datum)
    return Head(
        event.record,
        1,
        _APPROVED,
        flags_of_deposit(datum, event.has_content),
        authors_of(datum["document"]["authors"], author_hash),
        None,
    )


def evolve_document(head: Head, event: Event) -> Head:
    """The head after an event that is not the first. Raises KeyError for a record's event."""
    return _DOCUMENT[event.name](head._replace(version=head.version + 1), event)


def evolve_record(head: Head, event: Event) -> Head:
    """The head of a record after one more event. Raises KeyError for another stream's event."""
    on, off = _RECORD[event.name]
    if event.name == RECORD_CLOSED:
        on |= CLOSED_BY.get(cast(RecordClosed, event.datum)["reasonCode"], _NONE)
    return Head(event.record, head.version + 1, 0, head.flags & ~off | on, (), None)


def _replaced(head: Head, event: Event) -> Head:
    by = document_stream(cast(DocumentReplaced, event.datum)["replacedBy"])
    # A deleted document stays deleted, whatever replaces it.
    status = _DELETED if head.status == _DELETED else _DEPRECATED
    return head._replace(status=status, replaced_by=by)


def _visibility(head: Head, event: Event) -> Head:
    change = cast(DocumentVisibilityChanged, event.datum)
    return head._replace(flags=flags_after(head.flags, change))


def _content(head: Head, event: Event) -> Head:
    return head._replace(flags=head.flags | _CONTENT)


def _archived(head: Head, event: Event) -> Head:
    return head._replace(status=_ARCHIVED, flags=head.flags | _SET_ASIDE)


def _unarchived(head: Head, event: Event) -> Head:
    return head._replace(status=_APPROVED, flags=head.flags & ~_SET_ASIDE)


def _deleted(head: Head, event: Event) -> Head:
    return head._replace(status=_DELETED)


_DOCUMENT: Final[Mapping[str, Callable[[Head, Event], Head]]] = {
    DOCUMENT_REPLACED: _replaced,
    DOCUMENT_VISIBILITY_CHANGED: _visibility,
    DOCUMENT_CONTENT_ADDED: _content,
    DOCUMENT_ARCHIVED: _archived,
    DOCUMENT_UNARCHIVED: _unarchived,
    DOCUMENT_DELETED: _deleted,
}

_NONE: Final = 0
_RECORD: Final[Mapping[str, tuple[int, int]]] = {
    RECORD_OPENED: (
        RecordFlags.OPENED.value,
        (RecordFlags.CLOSED | RecordFlags.DECEASED | RecordFlags.IDENTITY_ERROR).value,
    ),
    RECORD_ACTIVATED: (RecordFlags.ACTIVATED.value, _NONE),
    IDENTITY_DECLARED: (RecordFlags.DECLARED.value, RecordFlags.REVOKED.value),
    IDENTITY_REVOKED: (RecordFlags.REVOKED.value, _NONE),
    RECORD_OPPOSED: (RecordFlags.OPPOSED.value, _NONE),
    OPPOSITION_WITHDRAWN: (_NONE, RecordFlags.OPPOSED.value),
    RECORD_CLOSED: (RecordFlags.CLOSED.value, _NONE),
    RECORD_LINKED: (_NONE, _NONE),
    RECORD_UNLINKED: (_NONE, _NONE),
    ACCESS_AUTHORISED: (_NONE, _NONE),
    ACCESS_WITHDRAWN: (_NONE, _NONE),
    PROFESSIONAL_BLOCKED: (_NONE, _NONE),
    PROFESSIONAL_UNBLOCKED: (_NONE, _NONE),
    EMERGENCY_ACCESS_OPPOSED: (_NONE, _NONE),
    EMERGENCY_OPPOSITION_WITHDRAWN: (_NONE, _NONE),
    ATTENDING_PHYSICIAN_DESIGNATED: (_NONE, _NONE),
    ATTENDING_PHYSICIAN_ENDED: (_NONE, _NONE),
    RECORD_ACCESSED: (_NONE, _NONE),
}
"""Bits each event turns on and off. Who has access is folded by `ingest.facts.access`."""

CLOSED_BY: Final[Mapping[str, int]] = {
    "DEATH": RecordFlags.DECEASED.value,
    "IDENTITY_ERROR": RecordFlags.IDENTITY_ERROR.value,
}
"""The bit a closure for this reason turns on as well."""

LATER_DOCUMENT_EVENTS: Final = frozenset(_DOCUMENT)
DOCUMENT_EVENTS: Final = frozenset(_DOCUMENT) | {DOCUMENT_SUBMITTED}
RECORD_EVENTS: Final = frozenset(_RECORD)
