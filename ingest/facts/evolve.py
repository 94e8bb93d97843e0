"""`evolve`: the state of a stream after one more event. Pure; the store's heads are its fold."""

from collections.abc import Callable, Mapping
from typing import Any, Final

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
    DocumentStatus,
    RecordFlags,
)
from schemas.forms.stream_ids import document_stream
from schemas.policy.may_do import ActorKind, actor_kind

from .view import AuthorHash, DocumentState, Event, Known, RecordHead, authors_of

_MASQUE_PS: Final = DocumentFlags.MASQUE_PS.value
_BY_PATIENT: Final = DocumentFlags.MASQUE_PS_BY_PATIENT.value
_INVISIBLE_PATIENT: Final = DocumentFlags.INVISIBLE_PATIENT.value
_INVISIBLE_REPRESENTATIVES: Final = DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX.value
_CONTENT: Final = DocumentFlags.CONTENT.value
_SET_ASIDE: Final = DocumentFlags.ARCHIVED.value
_APPROVED: Final = DocumentStatus.APPROVED.value
_ARCHIVED: Final = DocumentStatus.ARCHIVED.value
_DEPRECATED: Final = DocumentStatus.DEPRECATED.value
_DELETED: Final = DocumentStatus.DELETED.value
FLAG_OF: Final[Mapping[str, int]] = {
    "MASQUE_PS": _MASQUE_PS,
    "INVISIBLE_PATIENT": _INVISIBLE_PATIENT,
    "INVISIBLE_REPRESENTANTS_LEGAUX": _INVISIBLE_REPRESENTATIVES,
}


def flags_of_deposit(datum: Mapping[str, Any], has_content: bool) -> int:
    """The flags a deposit gives its document.

    A mask in a deposit of the patient himself is his own choice, which passes to successors.
    """
    document = datum["document"]
    # Plain integers: arithmetic on enum members costs a microsecond each.
    bits = _CONTENT if has_content else 0
    if document["masquePs"]:
        bits |= _MASQUE_PS
        if actor_kind(datum["provenance"]["actor"], datum["ins"]) is ActorKind.PATIENT:
            bits |= _BY_PATIENT
    if document["invisiblePatient"]:
        bits |= _INVISIBLE_PATIENT
    if document["invisibleRepresentantsLegaux"]:
        bits |= _INVISIBLE_REPRESENTATIVES
    return bits


def submit(event: Event, author_hash: AuthorHash, has_content: bool) -> DocumentState:
    """The state of a document whose first event this is.

    Whether bytes are kept is not in the event (`content` is null in it): the caller knows.
    """
    return DocumentState(
        event.record,
        1,
        _APPROVED,
        flags_of_deposit(event.datum, has_content),
        authors_of(event.datum["document"]["authors"], author_hash),
        None,
    )


def evolve_document(state: DocumentState, event: Event) -> DocumentState:
    """The state after an event that is not the first. Raises KeyError for a record's event."""
    return _DOCUMENT[event.name](state._replace(version=state.version + 1), event)


def evolve_known_document(known: Known, event: Event) -> None:
    """`known` after one more event of a document that is in it."""
    known.documents[event.stream] = evolve_document(known.documents[event.stream], event)
    if event.name == DOCUMENT_REPLACED:
        by = document_stream(event.datum["replacedBy"])
        before = known.successors.get(event.stream, ())
        known.successors[event.stream] = before if by in before else (*before, by)


def evolve_record(head: RecordHead, event: Event) -> RecordHead:
    """The state of a record after one more event. Raises KeyError for another stream's event."""
    on, off = _RECORD[event.name]
    if event.name == RECORD_CLOSED:
        on |= CLOSED_BY.get(event.datum["reasonCode"], _NONE)
    return RecordHead(head.version + 1, head.state & ~off | on)


def _replaced(state: DocumentState, event: Event) -> DocumentState:
    by = document_stream(event.datum["replacedBy"])
    # A deleted document stays deleted, whatever replaces it.
    status = _DELETED if state.status == _DELETED else _DEPRECATED
    return state._replace(status=status, replaced_by=by)


def _visibility(state: DocumentState, event: Event) -> DocumentState:
    flag = FLAG_OF[event.datum["flag"]]
    flags = state.flags | flag if event.datum["on"] else state.flags & ~flag
    if flag == _MASQUE_PS:
        flags &= ~_BY_PATIENT
        if event.datum["on"] and event.datum["byPatient"]:
            flags |= _BY_PATIENT
    return state._replace(flags=flags)


def _content(state: DocumentState, event: Event) -> DocumentState:
    return state._replace(flags=state.flags | _CONTENT)


def _archived(state: DocumentState, event: Event) -> DocumentState:
    return state._replace(status=_ARCHIVED, flags=state.flags | _SET_ASIDE)


def _unarchived(state: DocumentState, event: Event) -> DocumentState:
    return state._replace(status=_APPROVED, flags=state.flags & ~_SET_ASIDE)


def _deleted(state: DocumentState, event: Event) -> DocumentState:
    return state._replace(status=_DELETED)


_DOCUMENT: Final[Mapping[str, Callable[[DocumentState, Event], DocumentState]]] = {
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
    IDENTITY_DECLARED: (_NONE, RecordFlags.REVOKED.value),
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

DOCUMENT_EVENTS: Final = frozenset(_DOCUMENT) | {DOCUMENT_SUBMITTED}
RECORD_EVENTS: Final = frozenset(_RECORD)
