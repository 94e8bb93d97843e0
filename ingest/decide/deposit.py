"""What a deposit comes to (decision 0017, SPEC d.1, d.2): stored, repeated, in conflict,
refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from ingest.eventstore.batch import PendingLink
from ingest.facts.evolve import flags_of_deposit
from ingest.facts.identity import traits_differ
from ingest.facts.view import (
    LINE_MAX,
    Decision,
    DocumentState,
    Event,
    Known,
    Submitted,
    authors_of,
    authorship_of,
)
from ingest.read.interpret import Interpreted
from schemas.events import (
    DOCUMENT_CONTENT_ADDED,
    DOCUMENT_REPLACED,
    DOCUMENT_SUBMITTED,
    DOCUMENT_VISIBILITY_CHANGED,
    RECORD_OPENED,
    DocumentFlags,
    DocumentStatus,
    RecordFlags,
)
from schemas.feed.outcomes import ACCEPTED, DUPLICATE
from schemas.forms.stream_ids import record_stream
from schemas.forms.unique_id import canonical_unique_id
from schemas.policy.may_do import Operation, actor_kind, may_do
from schemas.rules.table.rejections import Rejection

from .kos import companions_follow, references_of
from .masks import InheritedMask
from .registry import may_feed

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


def decide_deposit(known: Known, message: Interpreted) -> Decision | Rejection:
    """A deposit under a known uniqueId is compared with the first one, before any rule on the
    record's state; a new one is stored unless the software may not feed or the record forbids it.

    The software first: who may not feed is not told in which state a record is.
    """
    assert message.stream is not None
    stored = known.documents.get(message.stream)
    if stored is not None:
        return _again(known, message, stored, known.submitted[message.stream])
    warnings = list[Rejection]()
    refused = may_feed(known, message, warnings)
    if refused is not None:
        return refused
    ref = known.refs[message.ins]
    if ref.erased:
        return Rejection("record_erased", "ins")
    state = known.record_head(ref.record).state
    if state & _DECEASED and message.datum["provenance"]["channel"] == "HISTORICAL":
        return _PERSON_DECEASED
    refused = feeding_forbidden(state)
    if refused is not None:
        return refused
    decision = _new(known, message, ref.record)
    if warnings and isinstance(decision, Decision):
        return decision._replace(warnings=(*decision.warnings, *warnings))
    return decision


def feeding_forbidden(state: int) -> Rejection | None:
    """Closed, opposed, revoked: in that order (decision 0029, SPEC d.5, a.4)."""
    if not state & _CLOSED_OPPOSED_REVOKED:
        return None
    return next(rejection for bit, rejection in _FORBIDS if state & bit)


def _again(
    known: Known, message: Interpreted, state: DocumentState, first: Submitted
) -> Decision | Rejection:
    """The same uniqueId once more: what is compared is record, bytes and every field."""
    if first.datum is None:
        return Rejection("unique_id_used", "document.uniqueId")
    document: Mapping[str, Any] = message.datum["document"]
    before: Mapping[str, Any] = first.datum["document"]
    if document["sha256"] != before["sha256"]:
        return Rejection("unique_id_conflict", "document.sha256")
    if known.refs[message.ins].record != first.record:
        return Rejection("metadata_conflict", "ins")
    field = different_field(document, before)
    if field is not None:
        return Rejection("metadata_conflict", f"document.{field}")
    lacks_content = not state.flags & _CONTENT
    if message.content is None or not lacks_content or state.status == DocumentStatus.DELETED:
        return _DUPLICATE
    warnings = list[Rejection]()
    refused = may_feed(known, message, warnings)
    if refused is not None:
        return refused
    event = {
        "provenance": message.datum["provenance"],
        "uniqueId": document["uniqueId"],
        "sha256": document["sha256"],
        "size": document["size"],
    }
    assert message.stream is not None
    added = Event(message.stream, first.record, DOCUMENT_CONTENT_ADDED, event)
    return Decision(ACCEPTED, (added,), keeps_content=True, warnings=tuple(warnings))


def different_field(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first field of `document` that differs; identifiers are compared in canonical form."""
    if one == other:
        return None
    for field, value in one.items():
        theirs = other[field]
        if value == theirs:
            continue
        if (
            field in ("uniqueId", "replaces")
            and value is not None
            and theirs is not None
            and canonical_unique_id(value) == canonical_unique_id(theirs)
        ):
            continue
        return field
    return None


def _new(known: Known, message: Interpreted, record: int) -> Decision | Rejection:
    """A document that was not there: the record is opened with it if need be (decision 0007)."""
    stream, datum = message.stream, message.datum
    assert stream is not None
    warnings = list[Rejection]()
    other = traits_differ(known.declared.get(record), datum["document"]["sourcePatientInfo"])
    if other is not None and known.severities.apply(other, warnings) is not None:
        return other
    events = [Event(stream, record, DOCUMENT_SUBMITTED, datum, message.submitted)]
    if not known.record_head(record).state & _OPENED:
        events.insert(0, _implicitly_opened(datum, record))
    pending, absent = None, tuple[bytes, ...]()
    records: tuple[int, ...] = (record,)
    if message.target is not None:
        target = known.documents.get(message.target)
        if target is None:
            pending, absent = PendingLink(message.target, stream), (message.target,)
        else:
            refused = _may_not_replace(known, message, record, target)
            if refused is not None:
                return refused
            records = _rests_on(known, record, target.record)
            events += _replace_known(known, message, target)
    waiting = known.pending.get(stream, ())
    if waiting:
        if any(len(known.line_of(by)) > LINE_MAX for by in waiting):
            return Rejection("chain_too_long", "document.uniqueId")
        records = tuple(sorted({*records, *known.person(record)}))
        events += _replaced_by_waiting(known, message, record, waiting, events)
    if references_of(record, datum["document"]):
        events += companions_follow(known, datum, stream, events)
    return Decision(
        ACCEPTED,
        tuple(events),
        pending=pending,
        resolved=tuple(PendingLink(stream, by) for by in waiting),
        keeps_content=message.content is not None,
        records=records,
        absent=absent,
        is_new=True,
        warnings=tuple(warnings),
    )


def _implicitly_opened(datum: Mapping[str, Any], record: int) -> Event:
    opened = {
        "provenance": datum["provenance"],
        "ins": datum["ins"],
        "implicit": True,
        "reason": None,
    }
    return Event(record_stream(record), record, RECORD_OPENED, opened)


def _rests_on(known: Known, record: int, other: int) -> tuple[int, ...]:
    """Whether two records are one person's depends on the streams of all that link them."""
    return (record,) if record == other else tuple(sorted({record} | known.person(record)))


def _may_not_replace(
    known: Known, message: Interpreted, record: int, target: DocumentState
) -> Rejection | None:
    """Not another person's, not deleted, and only by an author of the old one or his organisation.

    A target already replaced may be replaced again: a forked chain is shown with both branches
    (TRAP 15).
    """
    if not known.same_person(record, target.record):
        return Rejection("target_of_other_person", "document.replaces")
    assert message.target is not None
    first = known.submitted.get(message.target)
    if not entitled_to_replace(known, message.datum, target.authors, first):
        return Rejection("not_entitled", "document.replaces")
    if target.status == DocumentStatus.DELETED:
        return Rejection("target_deleted", "document.replaces")
    return None


def _replace_known(known: Known, message: Interpreted, target: DocumentState) -> list[Event]:
    """The target becomes replaced; its patient's mask passes to the new document."""
    datum = message.datum
    document, provenance = datum["document"], datum["provenance"]
    assert message.target is not None
    assert message.stream is not None
    first = known.submitted.get(message.target)
    unique_id = document["replaces"]
    if first is not None and first.datum is not None:
        unique_id = first.datum["document"]["uniqueId"]
    replaced = {
        "provenance": provenance,
        "uniqueId": unique_id,
        "replacedBy": document["uniqueId"],
        "visibilityOnly": datum["visibilityOnly"],
    }
    events = [Event(message.target, target.record, DOCUMENT_REPLACED, replaced)]
    own = flags_of_deposit(datum, has_content=False)
    if target.flags & _BY_PATIENT and not own & _BY_PATIENT:
        record = known.refs[message.ins].record
        mask = InheritedMask(unique_id, True, provenance)
        events.append(mask.event(message.stream, record, document["uniqueId"]))
    return events


def _replaced_by_waiting(
    known: Known,
    message: Interpreted,
    record: int,
    waiting: tuple[bytes, ...],
    so_far: list[Event],
) -> list[Event]:
    """The document comes after those that replace it: it is replaced at once (decision 0018).

    A link that proves to be to another person's document, or by somebody not entitled, or that
    would close a circle, is dropped: its document stays, this one is not replaced by it.
    """
    datum, events = message.datum, list[Event]()
    document, provenance = datum["document"], datum["provenance"]
    authors = authors_of(document["authors"], known.author_hash)
    masked = bool(flags_of_deposit(datum, has_content=False) & _BY_PATIENT) or any(
        event.name == DOCUMENT_VISIBILITY_CHANGED for event in so_far
    )
    for by in waiting:
        state, first = known.documents.get(by), known.submitted.get(by)
        if state is None or first is None or first.datum is None:
            continue
        if not known.same_person(record, state.record):
            continue
        if not entitled_to_replace(known, first.datum, authors, Submitted(record, datum)):
            continue
        if _closes_circle(known, message, by):
            continue
        assert message.stream is not None
        replaced = {
            "provenance": first.datum["provenance"],
            "uniqueId": document["uniqueId"],
            "replacedBy": first.datum["document"]["uniqueId"],
            "visibilityOnly": first.datum["visibilityOnly"],
        }
        events.append(Event(message.stream, record, DOCUMENT_REPLACED, replaced))
        if masked:
            mask = InheritedMask(document["uniqueId"], True, provenance)
            line = known.line_of(by, of_one_person=True)
            events += mask.passed_to(known, [by, *line])
    return events


def entitled_to_replace(
    known: Known, successor: Mapping[str, Any], authors: tuple[int, ...], first: Submitted | None
) -> bool:
    """Whether who deposits this may replace a document of these authors (TRAP 14)."""
    actor = successor["provenance"]["actor"]
    authorship = authorship_of(actor, authors, known.author_hash, first)
    kind = actor_kind(actor, successor["ins"])
    return may_do(kind, Operation.REPLACE, authorship, known.policy)


def _closes_circle(known: Known, message: Interpreted, by: bytes) -> bool:
    """Whether `by` is itself replaced, in the end, by this document.

    Two documents that replace each other would both be gone from the timeline.
    """
    line = {by, *known.line_of(by)}
    return message.target in line or message.stream in line
