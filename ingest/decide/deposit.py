"""What a deposit comes to: stored, repeated, in conflict, rejected (decision 0017, SPEC d.1)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from ingest.facts.decision import Decision
from ingest.facts.events.documents import (
    document_content_added,
    document_replaced,
    document_submitted,
)
from ingest.facts.events.event import Event
from ingest.facts.events.records import record_opened
from ingest.facts.evolve import flags_of_deposit
from ingest.facts.heads import FirstEvent, authors_of
from ingest.facts.identity import traits_differ
from ingest.facts.imaging import references_of
from ingest.facts.message import Deposit
from ingest.facts.needs import (
    DECLARED,
    DOCUMENT,
    FIRST_EVENT,
    PERSON,
    RECORD,
    SUCCESSORS,
    THEN,
    WAITING,
    Need,
    Needs,
)
from ingest.facts.view import LATER_VERSIONS_MAX, View
from schemas.events import DocumentFlags, DocumentStatus, RecordFlags
from schemas.feed.outcomes import ACCEPTED, DUPLICATE
from schemas.forms.unique_id import canonical_unique_id
from schemas.heads import Head
from schemas.rules.table.rejections import Rejection

from .deciders import Result, decides
from .entitlement import entitled_to_replace
from .kos import kos_follow_reports, needs_of_study
from .masks import InheritedMask
from .registry import KINDS_OF_FEEDING, may_feed, needs_of_feeding

_DUPLICATE: Final = Decision(DUPLICATE)
_FORBIDS: Final = (
    (RecordFlags.CLOSED.value, Rejection("record_closed", "ins")),
    (RecordFlags.OPPOSED.value, Rejection("opposed", "ins")),
    (RecordFlags.REVOKED.value, Rejection("identity_revoked", "ins")),
)
_CLOSED_OPPOSED_REVOKED: Final = sum(bit for bit, _ in _FORBIDS)
_OPENED: Final = RecordFlags.OPENED.value
_DECEASED: Final = RecordFlags.DECEASED.value
_PERSON_DECEASED: Final = Rejection("person_deceased", "provenance.channel")
_CONTENT: Final = DocumentFlags.CONTENT.value
_BY_PATIENT: Final = DocumentFlags.MASQUE_PS_BY_PATIENT.value


def needs_of_deposit(view: View, message: Deposit) -> Needs:
    """The document and what it replaces, its record, and who may feed; of a new document what waits
    for it, of a known one its first deposit.
    """
    yield Need(DOCUMENT, message.stream)
    if message.target is not None:
        yield Need(DOCUMENT, message.target)
    yield from KINDS_OF_FEEDING
    record = view.ref(message.ins).record
    yield Need(RECORD, record)
    yield THEN
    yield from needs_of_feeding(view, message)
    if view.document(message.stream) is not None:
        yield Need(FIRST_EVENT, message.stream)
        return
    yield Need(WAITING, message.stream)
    document = message.datum["document"]
    if _compares_traits(view) and document["sourcePatientInfo"] is not None:
        yield Need(DECLARED, record)
    if message.target is not None:
        yield from _needs_to_replace(view, message.target, record)
    yield from needs_of_study(view, record, document)
    yield THEN
    yield from _needs_of_waiting(view, message.stream, record)


def _needs_to_replace(view: View, target: bytes, record: int) -> Needs:
    """Whose the replaced document is."""
    head = view.document(target)
    if head is None:
        return
    if head.record != record:
        yield Need(PERSON, record)
    if view.installation.policy.parts_author_from_organisation:
        yield Need(FIRST_EVENT, target)


def _needs_of_waiting(view: View, stream: bytes, record: int) -> Needs:
    """The documents that wait for this one, with their later versions, and whose they are."""
    waiting = view.waiting_for(stream)
    for by in waiting:
        yield Need(DOCUMENT, by)
        yield Need(FIRST_EVENT, by)
        yield Need(SUCCESSORS, by)
    if _lie_elsewhere(view, record, waiting):
        yield Need(PERSON, record)


@decides("DepositDocument", needs=needs_of_deposit)
def decide_deposit(view: View, message: Deposit) -> Result:
    """A deposit under a known uniqueId is compared with the first one, before any rule on the
    record's state; a new one is stored unless the software may not feed or the record forbids it.

    The software first: who may not feed is not told in which state a record is.
    """
    stored = view.document(message.stream)
    if stored is not None:
        return _repeated_deposit(view, message, stored)
    warnings = list[Rejection]()
    rejection = may_feed(view, message, warnings) or _record_forbids(view, message)
    if rejection is not None:
        return rejection
    decision = _first_deposit(view, message, view.ref(message.ins).record)
    if warnings and isinstance(decision, Decision):
        return decision._replace(warnings=(*decision.warnings, *warnings))
    return decision


def _record_forbids(view: View, message: Deposit) -> Rejection | None:
    """Why nothing is fed into this record now."""
    ref = view.ref(message.ins)
    if ref.erased:
        return Rejection("record_erased", "ins")
    flags = view.record(ref.record).flags
    if flags & _DECEASED and message.datum["provenance"]["channel"] == "HISTORICAL":
        return _PERSON_DECEASED
    return feeding_forbidden(flags)


def feeding_forbidden(flags: int) -> Rejection | None:
    """Closed, opposed, revoked: in that order (decision 0029, SPEC d.5, a.4)."""
    if not flags & _CLOSED_OPPOSED_REVOKED:
        return None
    return next(rejection for bit, rejection in _FORBIDS if flags & bit)


# The same uniqueId once more


def _repeated_deposit(view: View, message: Deposit, stored: Head) -> Result:
    """What is compared is record, bytes and every field. Bytes that were missing are added."""
    first = view.first_event(message.stream)
    if first is None or first.datum is None:
        return Rejection("unique_id_used", "document.uniqueId")
    document, before = message.datum["document"], first.datum["document"]
    if document["sha256"] != before["sha256"]:
        return Rejection("unique_id_conflict", "document.sha256")
    if view.ref(message.ins).record != first.record:
        return Rejection("metadata_conflict", "ins")
    field = different_field(document, before)
    if field is not None:
        return Rejection("metadata_conflict", f"document.{field}")
    lacks_content = not stored.flags & _CONTENT
    if message.content is None or not lacks_content or stored.status == DocumentStatus.DELETED:
        return _DUPLICATE
    warnings = list[Rejection]()
    rejection = may_feed(view, message, warnings)
    if rejection is not None:
        return rejection
    added = document_content_added(first.record, message.datum)
    return Decision(ACCEPTED, (added,), keeps_content=True, warnings=tuple(warnings))


def different_field(one: Mapping[str, object], other: Mapping[str, object]) -> str | None:
    """The first field of `document` that differs; identifiers are compared in canonical form."""
    if one == other:
        return None
    for field, value in one.items():
        theirs = other[field]
        if value == theirs:
            continue
        if (
            field in ("uniqueId", "replaces")
            and isinstance(value, str)
            and isinstance(theirs, str)
            and canonical_unique_id(value) == canonical_unique_id(theirs)
        ):
            continue
        return field
    return None


# A document that was not there


class _Replacing(NamedTuple):
    """What the new document does to the one it replaces.

    `waits_for`: that one, when it has not come. `events`: when it has. `rests_on`: the records that
    decide whether both are one person's.
    """

    waits_for: bytes | None = None
    events: tuple[Event, ...] = ()
    rests_on: tuple[int, ...] = ()


def _first_deposit(view: View, message: Deposit, record: int) -> Result:
    """The document is stored; its record is opened with it if need be (decision 0007).

    It replaces an earlier version, is itself replaced by later ones that came before it, and each
    KOS of its study follows.
    """
    stream, datum, warnings = message.stream, message.datum, list[Rejection]()
    rejection = _other_traits(view, message, record, warnings)
    if rejection is not None:
        return rejection
    replacing = _replaces(view, message, record)
    if isinstance(replacing, Rejection):
        return replacing
    waiting = view.waiting_for(stream)
    if any(len(view.later_versions(by)) > LATER_VERSIONS_MAX for by in waiting):
        return Rejection("chain_too_long", "document.uniqueId")
    events = [*_stored(view, message, record), *replacing.events]
    rests_on = {record, *replacing.rests_on}
    if waiting:
        if _lie_elsewhere(view, record, waiting):
            rests_on |= view.person(record)
        masked = _is_masked_by_patient(message, replacing)
        events += _replaced_by_waiting(view, message, record, waiting, masked)
    if references_of(record, datum["document"]):
        provenance = datum["provenance"]
        events += kos_follow_reports(view, stream, events, provenance, None, is_new=True)
    return Decision(
        ACCEPTED,
        tuple(events),
        waits_for=replacing.waits_for,
        resolved=waiting,
        keeps_content=message.content is not None,
        records=tuple(sorted(rests_on)),
        absent=() if replacing.waits_for is None else (replacing.waits_for,),
        is_new=True,
        warnings=tuple(warnings),
    )


def _compares_traits(view: View) -> bool:
    return view.installation.severities.of("traits_differ") != "off"


def _other_traits(
    view: View, message: Deposit, record: int, warnings: list[Rejection]
) -> Rejection | None:
    """The document came with other traits than those declared, where that is a rule here."""
    claimed = message.datum["document"]["sourcePatientInfo"]
    if claimed is None or not _compares_traits(view):
        return None
    broken = traits_differ(view.declared_identity(record), claimed)
    return None if broken is None else view.installation.severities.apply(broken, warnings)


def _stored(view: View, message: Deposit, record: int) -> list[Event]:
    """The document is there, in an open record."""
    datum = message.datum
    has_content = message.content is not None
    submitted = document_submitted(
        message.stream, record, datum, message.submitted, has_content=has_content
    )
    if view.record(record).flags & _OPENED:
        return [submitted]
    provenance, ins = datum["provenance"], datum["ins"]
    return [record_opened(record, provenance, ins, implicit=True, reason=None), submitted]


# It replaces an earlier version


def _replaces(view: View, message: Deposit, record: int) -> _Replacing | Rejection:
    target, replaces = message.target, message.datum["document"]["replaces"]
    if target is None or replaces is None:
        return _Replacing()
    head = view.document(target)
    if head is None:
        return _Replacing(waits_for=target)
    rejection = _may_not_replace(view, message, record, target, head)
    if rejection is not None:
        return rejection
    # Whether two records are one person's depends on the streams of all that link them.
    rests_on = () if record == head.record else tuple(view.person(record))
    replaced = document_replaced(target, head.record, replaces, message.datum)
    inherited = _inherited_mask(message, record, replaces, head)
    return _Replacing(events=(replaced, *inherited), rests_on=rests_on)


def _may_not_replace(
    view: View, message: Deposit, record: int, target: bytes, head: Head
) -> Rejection | None:
    """Not another person's, not deleted, and only by an author of the old one or his organisation.

    A target already replaced may be replaced again: a forked chain is shown with both branches
    (TRAP 15).
    """
    if not view.same_person(record, head.record):
        return Rejection("target_of_other_person", "document.replaces")
    authors = head.authors
    if not entitled_to_replace(view, message.datum, authors, lambda: view.first_event(target)):
        return Rejection("not_entitled", "document.replaces")
    if head.status == DocumentStatus.DELETED:
        return Rejection("target_deleted", "document.replaces")
    return None


def _inherited_mask(message: Deposit, record: int, replaces: str, head: Head) -> list[Event]:
    """The patient's mask of the replaced document passes to this one, unless it has its own."""
    datum, own = message.datum, flags_of_deposit(message.datum, has_content=False)
    if not head.flags & _BY_PATIENT or own & _BY_PATIENT:
        return []
    mask = InheritedMask(replaces, True, datum["provenance"])
    return [mask.event(message.stream, record, datum["document"]["uniqueId"])]


# It comes after those that replace it


def _is_masked_by_patient(message: Deposit, replacing: _Replacing) -> bool:
    """By its own deposit, or since it replaces a document that is: then there are two events."""
    own = flags_of_deposit(message.datum, has_content=False)
    return bool(own & _BY_PATIENT) or len(replacing.events) > 1


def _lie_elsewhere(view: View, record: int, waiting: tuple[bytes, ...]) -> bool:
    """Whether one of these documents, or of their later versions, is of another record."""
    for by in waiting:
        for at in (by, *view.later_versions(by)):
            head = view.document(at)
            if head is not None and head.record != record:
                return True
    return False


def _replaced_by_waiting(
    view: View, message: Deposit, record: int, waiting: tuple[bytes, ...], masked: bool
) -> list[Event]:
    """The document comes after those that replace it: it is replaced at once (decision 0018).

    A link that proves to be to another person's document, or by somebody not entitled, or that
    would close a circle, is dropped: its document stays, this one is not replaced by it.
    """
    datum, events = message.datum, list[Event]()
    unique_id = datum["document"]["uniqueId"]
    for by in waiting:
        successor = view.first_event(by)
        if successor is None or successor.datum is None:
            continue
        if not _may_be_replaced_by(view, message, record, by, successor):
            continue
        events.append(document_replaced(message.stream, record, unique_id, successor.datum))
        if masked:
            mask = InheritedMask(unique_id, True, datum["provenance"])
            later = view.later_versions(by, of_one_person=True)
            events += mask.passed_to(view, [by, *later])
    return events


def _may_be_replaced_by(
    view: View, message: Deposit, record: int, by: bytes, successor: FirstEvent
) -> bool:
    """Whether the document that waits is this person's, by somebody entitled, and makes no circle.

    If replacements would form a circle, the last is ignored; otherwise every version would be
    hidden.
    """
    if successor.datum is None or not view.same_person(record, successor.record):
        return False
    datum = message.datum
    authors = authors_of(datum["document"]["authors"], view.installation.author_hash)
    this = FirstEvent(record, datum)
    if not entitled_to_replace(view, successor.datum, authors, lambda: this):
        return False
    line = {by, *view.later_versions(by)}
    return message.target not in line and message.stream not in line
