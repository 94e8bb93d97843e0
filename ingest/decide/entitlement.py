"""Who may ask for a message on a record: `schemas.policy.may_do_record` is asked (SPEC d.1, h)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ingest.facts.access import AccessFacts
from ingest.facts.view import Known, RecordHead
from ingest.read.interpret import Interpreted
from schemas.events import RecordFlags
from schemas.policy.may_do import ActorKind, actor_kind
from schemas.policy.may_do_record import RecordOperation, may_do_to_record, needs_minor
from schemas.policy.may_see import is_minor
from schemas.rules.table.rejections import Rejection

NOT_ENTITLED: Final = "not_entitled_on_record"
_NOT_MINOR: Final = Rejection("person_not_minor", "provenance.actor.roleCode")


def needs_access_facts(message: Interpreted) -> bool:
    """Whether deciding it asks who has access, or whether the person is a minor."""
    return message.name in ACCESS_MESSAGES or (not message.submitted and by_representative(message))


def by_representative(message: Interpreted) -> bool:
    """Whether somebody speaks whose capacity ends with the majority of the person."""
    return needs_minor(actor_kind(message.datum["provenance"]["actor"], message.datum["ins"]))


def not_entitled(known: Known, message: Interpreted) -> Rejection | None:
    """Who asks may not ask for this, for any message on a record (`schemas.policy.may_do_record`).

    A representative may only for a person known to be a minor when it happened.
    """
    datum = message.datum
    actor = datum["provenance"]["actor"]
    kind = actor_kind(actor, datum["ins"])
    record = known.refs[message.ins].record
    operation, path = _asked(message, known.record_head(record))
    if not may_do_to_record(kind, operation):
        return Rejection(NOT_ENTITLED, path)
    if not needs_minor(kind):
        return None
    facts = known.access_facts(record)
    minor = is_minor_at(facts, datum["provenance"]["occurredAt"])
    return None if minor else _NOT_MINOR


def came_of_age(known: Known, message: Interpreted) -> Rejection | None:
    """A representative has nothing to say on the documents of a person known to be of age when it
    happened (SPEC h.3, TRAP 19).

    Of a person whose birth date nobody declared he may mask them: it is on another topic, so that
    it may be read later, and a mask that is refused shows what should be hidden.
    """
    if not by_representative(message):
        return None
    facts = known.access_facts(known.refs[message.ins].record)
    occurred_at = message.datum["provenance"]["occurredAt"]
    of_age = facts.birth_date is not None and not is_minor_at(facts, occurred_at)
    return _NOT_MINOR if of_age else None


def is_minor_at(facts: AccessFacts, milliseconds: int) -> bool:
    """Known to be under 18 then, by the calendar of Paris; a moment beyond the calendar is not."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return is_minor(facts.birth_date, moment)
    except (OverflowError, ValueError, OSError):
        return False


def _asked(message: Interpreted, head: RecordHead) -> tuple[RecordOperation, str]:
    """What a message asks for, and the path of the field that says so."""
    name, datum = message.name, message.datum
    if name in _SELF:
        for_others, for_self = _SELF[name]
        actor = datum["provenance"]["actor"]
        is_self = datum["professionalId"] in (actor["id"], actor["organisationId"])
        is_professional = actor_kind(actor, datum["ins"]) is ActorKind.PROFESSIONAL
        return (for_self if is_self and is_professional else for_others), "professionalId"
    if name == "OpenRecord":
        return _opening(head), "provenance.actor.roleCode"
    if name == "CloseRecord":
        by_fact = datum["reasonCode"] in ("DEATH", "IDENTITY_ERROR")
        operation = RecordOperation.CLOSE_BY_FACT if by_fact else RecordOperation.CLOSE
        return operation, "reasonCode"
    if name == "RecordAccess":
        normal = datum["mode"] == "NORMAL"
        operation = RecordOperation.CONSULT if normal else RecordOperation.CONSULT_EXCEPTIONALLY
        return operation, "mode"
    return _ASKED[name], "provenance.actor.roleCode"


def _opening(head: RecordHead) -> RecordOperation:
    if not head.state & RecordFlags.CLOSED:
        return RecordOperation.OPEN
    by_fact = head.state & (RecordFlags.DECEASED | RecordFlags.IDENTITY_ERROR)
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


ACCESS_MESSAGES: Final = frozenset(
    {
        *_SELF,
        "BlockProfessional",
        "UnblockProfessional",
        "OpposeEmergencyAccess",
        "WithdrawEmergencyOpposition",
        "RecordAccess",
    }
)
"""The messages on who may read."""
