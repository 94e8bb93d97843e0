"""Who may ask for a message on a record (`schemas.policy.may_do_record`; SPEC d.1, h), and who may
replace a document (TRAP 14).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, cast

from ingest.facts.access import AccessFacts
from ingest.facts.heads import FirstEvent, authorship_of
from ingest.facts.message import (
    AboutDocument,
    AboutHolder,
    AboutPerson,
    DocumentMessage,
    PersonMessage,
)
from ingest.facts.needs import ACCESS, PERSON, Need, Needs
from ingest.facts.view import View
from schemas.events import RecordFlags
from schemas.feed.access_messages import RecordAccess
from schemas.feed.messages import CloseRecord, DepositDocument
from schemas.heads import Head
from schemas.policy.may_do import ActorKind, Operation, actor_kind, may_do
from schemas.policy.may_do_record import RecordOperation, may_do_to_record, needs_minor
from schemas.policy.may_see import is_minor
from schemas.rules.table.rejections import Rejection

NOT_ENTITLED: Final = "not_entitled_on_record"
_NOT_MINOR: Final = Rejection("person_not_minor", "provenance.actor.roleCode")


def needs_of_access_facts(view: View, record: int) -> Needs:
    """Who has access: the events of all records of the person."""
    yield Need(PERSON, record)
    for one in view.person(record):
        yield Need(ACCESS, one)


def needs_of_representative(view: View, message: PersonMessage[AboutPerson]) -> Needs:
    """The age of the person, where a representative asks."""
    if by_representative(message):
        yield from needs_of_access_facts(view, view.ref(message.ins).record)


def by_representative(message: PersonMessage[AboutPerson]) -> bool:
    """Whether somebody speaks whose capacity ends with the majority of the person."""
    return needs_minor(actor_kind(message.datum["provenance"]["actor"], message.datum["ins"]))


def not_entitled(view: View, message: PersonMessage[AboutPerson]) -> Rejection | None:
    """Who asks may not ask for this, for any message on a record (`schemas.policy.may_do_record`).

    A representative may only for a person known to be a minor when it happened.
    """
    datum = message.datum
    actor = datum["provenance"]["actor"]
    kind = actor_kind(actor, datum["ins"])
    record = view.ref(message.ins).record
    operation, path = _operation_asked(message, view.record(record))
    if not may_do_to_record(kind, operation):
        return Rejection(NOT_ENTITLED, path)
    if not needs_minor(kind):
        return None
    facts = view.access_facts(record)
    minor = is_minor_at(facts, datum["provenance"]["occurredAt"])
    return None if minor else _NOT_MINOR


def representative_too_late(
    view: View, message: DocumentMessage[AboutDocument]
) -> Rejection | None:
    """A representative has nothing to say on the documents of a person known to be of age when it
    happened (SPEC h.3, TRAP 19).

    He may mask the documents of a person whose birth date nobody declared: the declaration is on
    another topic and may be read later, and a mask that is rejected shows what should be hidden.
    """
    if not by_representative(message):
        return None
    facts = view.access_facts(view.ref(message.ins).record)
    occurred_at = message.datum["provenance"]["occurredAt"]
    of_age = facts.birth_date is not None and not is_minor_at(facts, occurred_at)
    return _NOT_MINOR if of_age else None


def entitled_to_replace(
    view: View,
    successor: DepositDocument,
    authors: tuple[int, ...],
    first: Callable[[], FirstEvent | None],
) -> bool:
    """Whether who deposits this may replace a document of these authors. `first`: its deposit."""
    actor, installation = successor["provenance"]["actor"], view.installation
    authorship = authorship_of(actor, authors, installation.author_hash, first, installation.policy)
    kind = actor_kind(actor, successor["ins"])
    return may_do(kind, Operation.REPLACE, authorship, installation.policy)


def is_minor_at(facts: AccessFacts, milliseconds: int) -> bool:
    """Known to be under 18 then, by the calendar of Paris; a moment beyond the calendar is not."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return is_minor(facts.birth_date, moment)
    except (OverflowError, ValueError, OSError):
        return False


def _operation_asked(
    message: PersonMessage[AboutPerson], head: Head
) -> tuple[RecordOperation, str]:
    """What a message asks for, and the path of the field that tells."""
    name = message.name
    if name in _SELF:
        for_others, for_self = _SELF[name]
        holder = cast(AboutHolder, message.datum)["professionalId"]
        return (for_self if _for_himself(message, holder) else for_others), "professionalId"
    if name == "OpenRecord":
        return _opening(head), "provenance.actor.roleCode"
    if name == "CloseRecord":
        closing = cast(CloseRecord, message.datum)
        by_fact = closing["reasonCode"] in ("DEATH", "IDENTITY_ERROR")
        operation = RecordOperation.CLOSE_BY_FACT if by_fact else RecordOperation.CLOSE
        return operation, "reasonCode"
    if name == "RecordAccess":
        normal = cast(RecordAccess, message.datum)["mode"] == "NORMAL"
        operation = RecordOperation.CONSULT if normal else RecordOperation.CONSULT_EXCEPTIONALLY
        return operation, "mode"
    return _ASKED[name], "provenance.actor.roleCode"


def _for_himself(message: PersonMessage[AboutPerson], holder: str) -> bool:
    actor = message.datum["provenance"]["actor"]
    is_self = holder in (actor["id"], actor["organisationId"])
    return is_self and actor_kind(actor, message.datum["ins"]) is ActorKind.PROFESSIONAL


def _opening(head: Head) -> RecordOperation:
    if not head.flags & RecordFlags.CLOSED:
        return RecordOperation.OPEN
    by_fact = head.flags & (RecordFlags.DECEASED | RecordFlags.IDENTITY_ERROR)
    return RecordOperation.REOPEN_AFTER_FACT if by_fact else RecordOperation.REOPEN


_SELF: Final[Mapping[str, tuple[RecordOperation, RecordOperation]]] = {
    "AuthoriseAccess": (RecordOperation.GIVE_ACCESS, RecordOperation.GIVE_ACCESS_TO_SELF),
    "DesignateAttendingPhysician": (
        RecordOperation.GIVE_ACCESS,
        RecordOperation.GIVE_ACCESS_TO_SELF,
    ),
    "WithdrawAccess": (RecordOperation.TAKE_ACCESS, RecordOperation.TAKE_ACCESS_FROM_SELF),
    "EndAttendingPhysician": (RecordOperation.TAKE_ACCESS, RecordOperation.TAKE_ACCESS_FROM_SELF),
}
"""Acts that a professional may ask for himself only: for somebody else, for himself."""

_ASKED: Final[Mapping[str, RecordOperation]] = {
    "ActivateRecord": RecordOperation.ACTIVATE,
    "OpposeFeeding": RecordOperation.OPPOSE,
    "WithdrawOpposition": RecordOperation.WITHDRAW_OPPOSITION,
    "DeclareIdentity": RecordOperation.IDENTIFY,
    "RevokeIdentity": RecordOperation.IDENTIFY,
    "LinkIns": RecordOperation.IDENTIFY,
    "UnlinkIns": RecordOperation.IDENTIFY,
    "BlockProfessional": RecordOperation.BLOCK,
    "UnblockProfessional": RecordOperation.BLOCK,
    "OpposeEmergencyAccess": RecordOperation.OPPOSE_EMERGENCY,
    "WithdrawEmergencyOpposition": RecordOperation.WITHDRAW_EMERGENCY_OPPOSITION,
}
