"""What a life-cycle message for a document comes to (decision 0018; SPEC c.4, d.1).

The record's state (closed, opposed, revoked) forbids feeding only: a document filed wrongly must
still be taken out of a closed record, and a mask must still be set.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeVar

from ingest.facts.decision import Decision
from ingest.facts.events.documents import (
    FlagName,
    document_archived,
    document_deleted,
    document_unarchived,
    visibility_changed,
)
from ingest.facts.events.event import Event
from ingest.facts.heads import authorship_of
from ingest.facts.message import AboutDocument, DocumentMessage
from ingest.facts.needs import DOCUMENT, FIRST_EVENT, PERSON, SUCCESSORS, Need, Needs
from ingest.facts.view import LATER_VERSIONS_MAX, View
from schemas.events import DocumentFlags, DocumentStatus
from schemas.feed.messages import (
    ArchiveDocument,
    ChangeVisibility,
    DeleteDocument,
    UnarchiveDocument,
)
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.heads import Head
from schemas.policy.may_do import ActorKind, Operation, actor_kind, may_do
from schemas.policy.visibility import BIT_OF
from schemas.rules.table.rejections import Rejection

from .deciders import Result, decides
from .entitlement import by_representative, needs_of_representative, representative_too_late
from .kos import StatusEvent, kos_follow_reports, needs_of_study
from .masks import InheritedMask

_SET_ASIDE: Final = DocumentFlags.ARCHIVED.value
TARGET_UNKNOWN: Final = Rejection("target_unknown", "uniqueId")


class _Flag(NamedTuple):
    """A flag of a document: its field in the message, its name in the event, who may change it."""

    field: Literal["masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"]
    name: FlagName
    operation: Operation


_FLAGS: Final = (
    _Flag("masquePs", "MASQUE_PS", Operation.MASK),
    _Flag("invisiblePatient", "INVISIBLE_PATIENT", Operation.HIDE_FROM_PATIENT),
    _Flag(
        "invisibleRepresentantsLegaux",
        "INVISIBLE_REPRESENTANTS_LEGAUX",
        Operation.HIDE_FROM_REPRESENTATIVES,
    ),
)
_BY_THE_PATIENT: Final = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE})
D = TypeVar("D", bound=AboutDocument)


class _Case(NamedTuple):
    """A document of the person whom the message is about, that the one who asks may change.

    `rests_on`: the records whose links the decision rests on.
    """

    head: Head
    rests_on: tuple[int, ...]


def needs_of_visibility(view: View, message: DocumentMessage[AboutDocument]) -> Needs:
    """The document with its later versions, to which a mask may pass, and whose they are."""
    yield Need(DOCUMENT, message.stream)
    yield from needs_of_representative(view, message)
    record, head = view.ref(message.ins).record, view.document(message.stream)
    if head is None:
        return
    if view.installation.policy.parts_author_from_organisation:
        yield Need(FIRST_EVENT, message.stream)
    if head.replaced_by is not None:
        yield Need(SUCCESSORS, message.stream)
    concerned = _concerned(view, message.stream, head, record)
    if len(concerned) > 1:
        yield from (Need(PERSON, one) for one in concerned)


def needs_of_status(view: View, message: DocumentMessage[AboutDocument]) -> Needs:
    """The same, and, of a document of imaging, the documents of its study."""
    yield from needs_of_visibility(view, message)
    head = view.document(message.stream)
    if head is not None:
        yield Need(FIRST_EVENT, message.stream)
        first = view.first_event(message.stream)
        if first is not None and first.datum is not None:
            yield from needs_of_study(view, head.record, first.datum["document"])


@decides("ChangeVisibility", needs=needs_of_visibility)
def change_visibility(view: View, message: DocumentMessage[ChangeVisibility]) -> Result:
    """One event per flag turned on or off (TRAP 16); the patient's mask goes on to successors.

    Every flag named is asked for, also one that is so already: the outcome must not tell.
    """
    named = [flag for flag in _FLAGS if _wanted(message, flag) is not None]
    case = _case(view, message, [(flag.operation, flag.field) for flag in named])
    if isinstance(case, Rejection):
        return case
    if case.head.status == DocumentStatus.DELETED:
        return Rejection("target_deleted", "uniqueId")
    by_patient = _kind(message) in _BY_THE_PATIENT
    masks = by_patient and message.datum["masquePs"] is not None
    successors = view.later_versions(message.stream, of_one_person=True) if masks else []
    if len(successors) > LATER_VERSIONS_MAX:
        # Masking a part of the versions would show the others: all of them or none.
        return Rejection("chain_too_long", "uniqueId")
    events = list[Event]()
    for flag in named:
        events += _flag_changed(view, message, case.head, flag, successors)
    status = ACCEPTED if events else UNCHANGED
    return Decision(status, tuple(events), applies=True, records=case.rests_on)


@decides("ArchiveDocument", needs=needs_of_status)
def archive_document(view: View, message: DocumentMessage[ArchiveDocument]) -> Result:
    """Only a current document is archived: a replaced one is past already (SPEC c.5)."""
    case = _case(view, message, [(Operation.ARCHIVE, "uniqueId")])
    if isinstance(case, Rejection):
        return case
    if case.head.status == DocumentStatus.DELETED:
        return Rejection("target_deleted", "uniqueId")
    if _is_archived(case.head) or view.is_replaced(message.stream):
        return _unchanged(case)
    return _status_changed(view, message, case, document_archived)


@decides("UnarchiveDocument", needs=needs_of_status)
def unarchive_document(view: View, message: DocumentMessage[UnarchiveDocument]) -> Result:
    """An archived document is current again, unless it was replaced meanwhile."""
    case = _case(view, message, [(Operation.ARCHIVE, "uniqueId")])
    if isinstance(case, Rejection):
        return case
    if case.head.status == DocumentStatus.DELETED:
        return Rejection("target_deleted", "uniqueId")
    if not _is_archived(case.head) or view.is_replaced(message.stream):
        return _unchanged(case)
    return _status_changed(view, message, case, document_unarchived)


@decides("DeleteDocument", needs=needs_of_status)
def delete_document(view: View, message: DocumentMessage[DeleteDocument]) -> Result:
    """A document that is deleted already stays so."""
    case = _case(view, message, [(Operation.DELETE, "uniqueId")])
    if isinstance(case, Rejection):
        return case
    if case.head.status == DocumentStatus.DELETED:
        return _unchanged(case)
    return _status_changed(view, message, case, document_deleted)


def _case(
    view: View, message: DocumentMessage[AboutDocument], asked: Sequence[tuple[Operation, str]]
) -> _Case | Rejection:
    """The document, where this person's and whoever asks may; first whose it is, then who asks.

    A document that has not come is `TARGET_UNKNOWN`. `asked`: what is asked for, each with the
    field that tells.
    """
    head = view.document(message.stream)
    if head is None:
        return TARGET_UNKNOWN
    record = view.ref(message.ins).record
    if not view.same_person(record, head.record):
        return Rejection("target_of_other_person", "uniqueId")
    rejection = _not_entitled(view, message, head, asked) or representative_too_late(view, message)
    if rejection is not None:
        return rejection
    concerned = _concerned(view, message.stream, head, record)
    rests_on: tuple[int, ...] = ()
    if len(concerned) > 1 or by_representative(message):
        rests_on = tuple(sorted(frozenset().union(*(view.person(one) for one in concerned))))
    return _Case(head, rests_on)


def _concerned(view: View, stream: bytes, head: Head, record: int) -> set[int]:
    """The records of the message, of the document and of all its later versions. Where they are
    one, no link matters.
    """
    found = {record, head.record}
    for at in view.later_versions(stream):
        version = view.document(at)
        if version is not None:
            found.add(version.record)
    return found


def _kind(message: DocumentMessage[AboutDocument]) -> ActorKind:
    return actor_kind(message.datum["provenance"]["actor"], message.datum["ins"])


def _not_entitled(
    view: View,
    message: DocumentMessage[AboutDocument],
    head: Head,
    asked: Sequence[tuple[Operation, str]],
) -> Rejection | None:
    policy, author_hash = view.installation.policy, view.installation.author_hash
    kind, actor = _kind(message), message.datum["provenance"]["actor"]
    authorship = authorship_of(
        actor, head.authors, author_hash, lambda: view.first_event(message.stream), policy
    )
    for operation, field in asked:
        if not may_do(kind, operation, authorship, policy):
            return Rejection("not_entitled", field)
    return None


def _wanted(message: DocumentMessage[ChangeVisibility], flag: _Flag) -> bool | None:
    """Whether this flag is to be on; None: the message does not name it."""
    return message.datum[flag.field]


def _flag_changed(
    view: View,
    message: DocumentMessage[ChangeVisibility],
    head: Head,
    flag: _Flag,
    successors: list[bytes],
) -> list[Event]:
    """The event of this flag, if it changes; of the patient's mask also those of successors."""
    on, datum = _wanted(message, flag), message.datum
    if on is None:
        return []
    by_patient = _kind(message) in _BY_THE_PATIENT
    patients_mask = flag.name == "MASQUE_PS" and by_patient
    unique_id, provenance, reason = datum["uniqueId"], datum["provenance"], datum["reason"]
    mask, events = InheritedMask(unique_id, on, provenance, reason), list[Event]()
    is_on = bool(head.flags & BIT_OF[flag.name])
    if is_on is not on or (patients_mask and mask.changes(head)):
        changed = visibility_changed(
            message.stream,
            head.record,
            unique_id,
            flag.name,
            on,
            provenance=provenance,
            by_patient=by_patient,
            reason=reason,
        )
        events.append(changed)
    return [*events, *mask.passed_to(view, successors)] if patients_mask else events


def _is_archived(head: Head) -> bool:
    """Also one that was replaced meanwhile: its status forgets it, its flag does not."""
    return head.status == DocumentStatus.ARCHIVED or bool(head.flags & _SET_ASIDE)


def _unchanged(case: _Case) -> Decision:
    return Decision(UNCHANGED, applies=True, records=case.rests_on)


def _status_changed(
    view: View,
    message: DocumentMessage[D],
    case: _Case,
    constructor: StatusEvent,
) -> Decision:
    """This event on the document, and what it does to each KOS of its study."""
    datum, stream = message.datum, message.stream
    unique_id, provenance, reason = datum["uniqueId"], datum["provenance"], datum["reason"]
    event = constructor(stream, case.head.record, unique_id, provenance, reason)
    followed = kos_follow_reports(view, stream, [event], provenance, reason, is_new=False)
    return Decision(ACCEPTED, (event, *followed), applies=True, records=case.rests_on)
