"""What a life-cycle message for a document comes to (decision 0018; SPEC c.4, d.1).

The record's state (closed, opposed, revoked) forbids feeding only: a document filed wrongly must
still be taken out of a closed record, and a mask must still be set.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ingest.facts.evolve import FLAG_OF
from ingest.facts.view import LINE_MAX, Decision, DocumentState, Event, Known, authorship_of
from ingest.read.interpret import Interpreted
from schemas.events import (
    DOCUMENT_ARCHIVED,
    DOCUMENT_DELETED,
    DOCUMENT_UNARCHIVED,
    DOCUMENT_VISIBILITY_CHANGED,
    DocumentFlags,
    DocumentStatus,
)
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.policy.may_do import ActorKind, Operation, actor_kind, may_do
from schemas.rules.table.rejections import Rejection

from .entitlement import by_representative, came_of_age
from .kos import companions_follow
from .masks import InheritedMask

_SET_ASIDE: Final = DocumentFlags.ARCHIVED.value
TARGET_UNKNOWN: Final = Rejection("target_unknown", "uniqueId")
_FLAGS: Final = (
    ("masquePs", "MASQUE_PS", Operation.MASK),
    ("invisiblePatient", "INVISIBLE_PATIENT", Operation.HIDE_FROM_PATIENT),
    (
        "invisibleRepresentantsLegaux",
        "INVISIBLE_REPRESENTANTS_LEGAUX",
        Operation.HIDE_FROM_REPRESENTATIVES,
    ),
)
_BY_THE_PATIENT: Final = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE})


def decide_document_operation(known: Known, message: Interpreted) -> Decision | Rejection:
    """A target that has not come is `target_unknown`; then person, entitlement, state."""
    assert message.stream is not None
    state = known.documents.get(message.stream)
    if state is None:
        return TARGET_UNKNOWN
    record = known.refs[message.ins].record
    if not known.same_person(record, state.record):
        return Rejection("target_of_other_person", "uniqueId")
    refused = _not_entitled(known, message, state) or came_of_age(known, message)
    if refused is not None:
        return refused
    if state.status == DocumentStatus.DELETED and message.name != "DeleteDocument":
        return Rejection("target_deleted", "uniqueId")
    if message.name == "ChangeVisibility" and _passes_too_far(known, message):
        return Rejection("chain_too_long", "uniqueId")
    events = _OPERATIONS[message.name](known, message, state)
    if events and message.name != "ChangeVisibility":
        events += companions_follow(known, message.datum, message.stream, events)
    status = ACCEPTED if events else UNCHANGED
    records = _rests_on(known, message, record)
    return Decision(status, tuple(events), applies=True, records=records)


def _rests_on(known: Known, message: Interpreted, record: int) -> tuple[int, ...]:
    """Records whose links matter: none when the document, its line and the message are of one, and
    who asks has no age to look at.
    """
    assert message.stream is not None
    line = (message.stream, *known.line_of(message.stream))
    concerned = {record} | {known.documents[at].record for at in line}
    if len(concerned) == 1 and not by_representative(message):
        return ()
    return tuple(sorted(frozenset().union(*(known.person(one) for one in concerned))))


def _passes_too_far(known: Known, message: Interpreted) -> bool:
    """Masking a part of the versions would show the others: all of them or none."""
    datum = message.datum
    assert message.stream is not None
    return (
        datum["masquePs"] is not None
        and actor_kind(datum["provenance"]["actor"], datum["ins"]) in _BY_THE_PATIENT
        and len(known.line_of(message.stream, of_one_person=True)) > LINE_MAX
    )


def _not_entitled(known: Known, message: Interpreted, state: DocumentState) -> Rejection | None:
    """Every flag named is asked for, also one that is so already: the answer must not tell."""
    actor = message.datum["provenance"]["actor"]
    kind = actor_kind(actor, message.datum["ins"])
    assert message.stream is not None
    first = known.submitted.get(message.stream)
    authorship = authorship_of(actor, state.authors, known.author_hash, first)
    if message.name == "ChangeVisibility":
        for field, _, operation in _FLAGS:
            asked = message.datum[field] is not None
            if asked and not may_do(kind, operation, authorship, known.policy):
                return Rejection("not_entitled", field)
        return None
    operation = Operation.DELETE if message.name == "DeleteDocument" else Operation.ARCHIVE
    allowed = may_do(kind, operation, authorship, known.policy)
    return None if allowed else Rejection("not_entitled", "uniqueId")


def _change_visibility(known: Known, message: Interpreted, state: DocumentState) -> list[Event]:
    """One event per flag turned on or off (TRAP 16); the patient's mask goes on to successors."""
    datum, events = message.datum, list[Event]()
    assert message.stream is not None
    by_patient = actor_kind(datum["provenance"]["actor"], datum["ins"]) in _BY_THE_PATIENT
    for field, flag, _ in _FLAGS:
        on = datum[field]
        if on is None:
            continue
        mask = InheritedMask(datum["uniqueId"], on, datum["provenance"], datum["reason"])
        is_mask = flag == "MASQUE_PS"
        if bool(state.flags & FLAG_OF[flag]) is not on or (
            is_mask and by_patient and mask.changes(state)
        ):
            events.append(_changed(message, state, flag, on, by_patient))
        if is_mask and by_patient:
            events += mask.passed_to(known, known.line_of(message.stream, of_one_person=True))
    return events


def _changed(
    message: Interpreted, state: DocumentState, flag: str, on: bool, by_patient: bool
) -> Event:
    datum = {
        "provenance": message.datum["provenance"],
        "uniqueId": message.datum["uniqueId"],
        "flag": flag,
        "on": on,
        "byPatient": by_patient,
        "inheritedFrom": None,
        "reason": message.datum["reason"],
    }
    assert message.stream is not None
    return Event(message.stream, state.record, DOCUMENT_VISIBILITY_CHANGED, datum)


def _archive(known: Known, message: Interpreted, state: DocumentState) -> list[Event]:
    """Only a current document is archived: a replaced one is past already (SPEC c.5)."""
    assert message.stream is not None
    if _is_archived(state) or known.is_replaced(message.stream):
        return []
    return [_plain(message, state, DOCUMENT_ARCHIVED)]


def _unarchive(known: Known, message: Interpreted, state: DocumentState) -> list[Event]:
    assert message.stream is not None
    if not _is_archived(state) or known.is_replaced(message.stream):
        return []
    return [_plain(message, state, DOCUMENT_UNARCHIVED)]


def _is_archived(state: DocumentState) -> bool:
    """Also one that was replaced meanwhile: its status forgets it, its flag does not."""
    return state.status == DocumentStatus.ARCHIVED or bool(state.flags & _SET_ASIDE)


def _delete(known: Known, message: Interpreted, state: DocumentState) -> list[Event]:
    if state.status == DocumentStatus.DELETED:
        return []
    return [_plain(message, state, DOCUMENT_DELETED)]


def _plain(message: Interpreted, state: DocumentState, name: str) -> Event:
    datum = {
        "provenance": message.datum["provenance"],
        "uniqueId": message.datum["uniqueId"],
        "reason": message.datum["reason"],
    }
    assert message.stream is not None
    return Event(message.stream, state.record, name, datum)


_Operation = Callable[[Known, Interpreted, DocumentState], list[Event]]
_OPERATIONS: Final[Mapping[str, _Operation]] = {
    "ChangeVisibility": _change_visibility,
    "ArchiveDocument": _archive,
    "UnarchiveDocument": _unarchive,
    "DeleteDocument": _delete,
}
