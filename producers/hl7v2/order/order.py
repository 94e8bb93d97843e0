"""What an HL7 v2 message asks for, read from all of its segments.

Rules: volet "Transmission d'un document CDA en HL7 v2" (SPEC c.4, d.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.segments import Hl7Message, Segment
from schemas.feed.messages import Actor, Ins
from schemas.forms.identity import Environment
from schemas.forms.times import parse_time

from .action import Action, read_action
from .document import document_bytes, document_segment, type_code, unique_id_in
from .flags import DESTDMP, MODIF_CONF_CODE, read_flags
from .patient import read_ins
from .sender import read_sender

_AUTHENTICATED: Final = "AU"
_PROCESSING: Final = {
    "production": ("", "P"),
    "test": ("", "P", "T", "D"),
    "demo": ("", "P", "T", "D"),
}


@dataclass(frozen=True, slots=True)
class Order:
    """What one message asks for. `flags`: by their HL7 names; empty where the message has none.

    `unique_id`, `parent`: TXA-12 and TXA-13, None where the message has no TXA. `type_code`: TXA-2,
    else OBX-3. `content`: the bytes of the document. `sent_at`: MSH-7, ms since 1970. `remarks`:
    names of the rules of the volet that are broken and refuse nothing.
    """

    action: Action
    ins: Ins
    unique_id: str | None
    parent: str | None
    type_code: str | None
    content: bytes | None
    flags: Mapping[str, bool]
    actor: Actor | None
    sent_at: int
    remarks: tuple[str, ...] = ()

    @property
    def for_dmp(self) -> bool:
        """DESTDMP; a message without flags is for the DMP."""
        return self.flags.get(DESTDMP, True)


def read_order(message: Hl7Message) -> Order:
    """What the message asks for. Raises Hl7Error for the first rule broken."""
    if not message.control_id:
        raise Hl7Error("hl7_field_missing", "MSH^1^10", 101)
    action = read_action(message)
    ins = read_ins(message)
    txa = _txa(message, action)
    deletes = action is Action.DELETE
    observation = document_segment(message, needed=not deletes)
    flags, remarks = read_flags(message, may_be_absent=deletes)
    if flags.get(MODIF_CONF_CODE) and action is not Action.REPLACE:
        raise Hl7Error("hl7_actions_contradict", "ORC^1^1")
    parent, unique_id = unique_id_in(txa, 13), unique_id_in(txa, 12)
    if deletes and unique_id is None and observation is None:
        raise Hl7Error("hl7_field_missing", "TXA^1^12", 101)
    if flags.get(MODIF_CONF_CODE) and parent in (None, unique_id):
        action = Action.CHANGE_FLAGS
    return Order(
        action=action,
        ins=ins,
        unique_id=unique_id,
        parent=parent,
        type_code=type_code(txa, observation),
        content=None if observation is None else document_bytes(observation),
        flags=MappingProxyType(flags),
        actor=read_sender(message),
        sent_at=_sent_at(message),
        remarks=tuple(remarks),
    )


def check_processing(message: Hl7Message, environment: Environment) -> None:
    """A message for training or debugging (MSH-11, table 0103) never gets into production.

    Elsewhere all three are taken: the official messages for tests say P. Raises Hl7Error.
    """
    if message.header.text(11) not in _PROCESSING[environment]:
        raise Hl7Error("hl7_processing_id", "MSH^1^11", 202)


def _txa(message: Hl7Message, action: Action) -> Segment | None:
    """The TXA; an MDM has one. Only a validated document is sent: TXA-17 says so (SPEC d.3, g)."""
    txa = message.first("TXA")
    if txa is None and message.event[0] == "MDM":
        raise Hl7Error("hl7_segment_missing", "TXA^1", 100)
    if txa is None or action is Action.DELETE or txa.text(17) in ("", _AUTHENTICATED):
        return txa
    raise Hl7Error("hl7_value", "TXA^1^17", 103)


def _sent_at(message: Hl7Message) -> int:
    """When the message was made, not when it came: a copy of it must be the same message."""
    literal = message.header.text(7)
    if not literal:
        raise Hl7Error("hl7_field_missing", "MSH^1^7", 101)
    time = parse_time(literal)
    if time is None or time.instant is None:
        raise Hl7Error("hl7_value", "MSH^1^7", 102)
    return int(time.instant.timestamp() * 1000)
