"""What an HL7 v2 message asks for: a document deposited, replaced, deleted, or its flags changed.

Rules: volet "Transmission d'un document CDA en HL7 v2" (SPEC c.4, d.3).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from schemas.feed.messages import Actor, Ins
from schemas.forms.identity import INS_OIDS, Environment
from schemas.forms.times import parse_time

from .faults import Hl7Fault
from .reading import Hl7Message, Segment

FLAGS_SYSTEM: Final = "MetaDMPMSS"
MASQUE_PS: Final = "MASQUE_PS"
INVISIBLE_PATIENT: Final = "INVISIBLE_PATIENT"
INVISIBLE_REP_LEGAUX: Final = "INVISIBLE_REP_LEGAUX"
MODIF_CONF_CODE: Final = "MODIF_CONF_CODE"
DESTDMP: Final = "DESTDMP"
_BY_MAIL: Final = ("DESTMSSANTEPS", "DESTMSSANTEPAT")
COMPULSORY_FLAGS: Final = (
    MASQUE_PS,
    INVISIBLE_PATIENT,
    INVISIBLE_REP_LEGAUX,
    "CONNEXION_SECRETE",
    MODIF_CONF_CODE,
    DESTDMP,
    *_BY_MAIL,
)
"""All of them, in this order (SPEC c.4)."""
_YES_NO: Final = {"Y": True, "N": False}
_QUALIFIED: Final = "VALI"
_STATUSES: Final = frozenset({_QUALIFIED, "PROV"})
_AUTHENTICATED: Final = "AU"
_PROCESSING: Final = {
    "production": ("", "P"),
    "test": ("", "P", "T", "D"),
    "demo": ("", "P", "T", "D"),
}
_MAJOR_VERSION: Final = "2."


class Action(StrEnum):
    """What is asked."""

    NEW = "new"
    REPLACE = "replace"
    DELETE = "delete"
    CHANGE_FLAGS = "change_flags"


_OF_EVENT: Final = {
    "T02": Action.NEW,
    "T10": Action.REPLACE,
    "T04": Action.DELETE,
}
_OF_ORDER: Final = {"NW": Action.NEW, "RO": Action.REPLACE, "CA": Action.DELETE}
_OF_RESULT: Final = {"F": Action.NEW, "C": Action.REPLACE, "D": Action.DELETE}


@dataclass(frozen=True, slots=True)
class Order:
    """What one message asks for. `flags`: as said, by their HL7 names; empty where none are said.

    `unique_id`, `parent`: TXA-12 and TXA-13, None where the message has no TXA. `type_code`: TXA-2,
    else OBX-3. `content`: the document's bytes. `said_at`: MSH-7, ms since 1970. `remarks`: what
    breaks the volet and yet is taken, by name of the rule.
    """

    action: Action
    ins: Ins
    unique_id: str | None
    parent: str | None
    type_code: str | None
    content: bytes | None
    flags: Mapping[str, bool]
    actor: Actor | None
    said_at: int
    remarks: tuple[str, ...] = ()

    @property
    def for_dmp(self) -> bool:
        """DESTDMP; a message without flags is for the DMP."""
        return self.flags.get(DESTDMP, True)


def read_order(message: Hl7Message) -> Order:
    """What the message asks for. Raises Hl7Fault for the first rule broken."""
    if not message.control_id:
        raise Hl7Fault("hl7_field_missing", "MSH^1^10", 101)
    action = _action(message)
    ins = _ins(message)
    txa = message.first("TXA")
    if txa is None and message.event[0] == "MDM":
        raise Hl7Fault("hl7_segment_missing", "TXA^1", 100)
    if txa is not None and action is not Action.DELETE:
        _check_authenticated(txa)
    observation = _document(message, action)
    flags, remarks = _flags(message, action)
    if flags.get(MODIF_CONF_CODE) and action is not Action.REPLACE:
        raise Hl7Fault("hl7_actions_contradict", "ORC^1^1")
    parent = _entity(txa, 13)
    unique_id = _entity(txa, 12)
    if action is Action.DELETE and unique_id is None and observation is None:
        raise Hl7Fault("hl7_field_missing", "TXA^1^12", 101)
    if flags.get(MODIF_CONF_CODE) and action is Action.REPLACE and parent in (None, unique_id):
        action = Action.CHANGE_FLAGS
    return Order(
        action,
        ins,
        unique_id,
        parent,
        _type_code(txa, observation),
        None if observation is None else _content(observation),
        MappingProxyType(flags),
        _sender(message),
        _said_at(message),
        tuple(remarks),
    )


def check_processing(message: Hl7Message, environment: Environment) -> None:
    """A message made for training or debugging (MSH-11, table 0103) never gets into production.

    Elsewhere all three are taken: the official messages for tests say P. Raises Hl7Fault.
    """
    if message.header.text(11) not in _PROCESSING[environment]:
        raise Hl7Fault("hl7_processing_id", "MSH^1^11", 202)


def _check_authenticated(txa: Segment) -> None:
    """TXA-17 says that the document is validated; only such documents are sent (SPEC d.3, g)."""
    if txa.text(17) not in ("", _AUTHENTICATED):
        raise Hl7Fault("hl7_value", "TXA^1^17", 103)


def _action(message: Hl7Message) -> Action:
    """Event, ORC-1 and OBX-11 must say the same (SPEC d.3): contradictions are refused."""
    kind, event = message.event
    if not message.header.text(12).startswith(_MAJOR_VERSION):
        raise Hl7Fault("hl7_version", "MSH^1^12", 203)
    if kind not in ("MDM", "ORU"):
        raise Hl7Fault("hl7_message_type", "MSH^1^9", 200)
    if event not in (_OF_EVENT if kind == "MDM" else ("R01",)):
        raise Hl7Fault("hl7_message_type", "MSH^1^9^1^2", 201)
    said = {_OF_EVENT[event]} if kind == "MDM" else set[Action]()
    said.update(
        _known(_OF_ORDER, orc.text(1), f"ORC^{orc.number}^1")
        for orc in message.all("ORC")
        if orc.text(1)
    )
    if not said:
        raise Hl7Fault("hl7_segment_missing", "ORC^1", 100)
    said.update(
        _known(_OF_RESULT, obx.text(11), f"OBX^{obx.number}^11")
        for obx in _document_segments(message)
        if obx.text(11)
    )
    if len(said) > 1:
        raise Hl7Fault("hl7_actions_contradict", "ORC^1^1")
    return said.pop()


def _said_at(message: Hl7Message) -> int:
    """When the message was made, not when it came: a copy of it must be the same message."""
    literal = message.header.text(7)
    if not literal:
        raise Hl7Fault("hl7_field_missing", "MSH^1^7", 101)
    time = parse_time(literal)
    if time is None or time.instant is None:
        raise Hl7Fault("hl7_value", "MSH^1^7", 102)
    return int(time.instant.timestamp() * 1000)


def _known(table: Mapping[str, Action], code: str, location: str) -> Action:
    found = table.get(code)
    if found is None:
        raise Hl7Fault("hl7_value", location, 103)
    return found


def _ins(message: Hl7Message) -> Ins:
    """The repetition of PID-3 under an INS root; PROV in PID-32 is not qualified (SPEC a.4)."""
    pid = message.first("PID")
    if pid is None:
        raise Hl7Fault("hl7_segment_missing", "PID^1", 100)
    statuses = {pid.text(32, repeat=repeat) for repeat in pid.repeats(32)} - {""}
    if not statuses <= _STATUSES:
        raise Hl7Fault("hl7_value", "PID^1^32", 103)
    found = {
        (oid, pid.text(3, 1, repeat=repeat))
        for repeat in pid.repeats(3)
        if (oid := pid.text(3, 4, 2, repeat)) in INS_OIDS
    }
    if not found:
        raise Hl7Fault("hl7_ins_missing", "PID^1^3")
    if len(found) > 1:
        raise Hl7Fault("hl7_ins_several", "PID^1^3")
    oid, matricule = found.pop()
    qualified = statuses <= {_QUALIFIED}
    return {
        "oid": oid,
        "matricule": matricule,
        "status": "QUALIFIEE" if qualified else "PROVISOIRE",
    }


def _document_segments(message: Hl7Message) -> list[Segment]:
    """Observations that are a document: encapsulated data under another system than the flags'."""
    return [
        obx for obx in message.all("OBX") if obx.text(2) == "ED" and obx.text(3, 3) != FLAGS_SYSTEM
    ]


def _document(message: Hl7Message, action: Action) -> Segment | None:
    found = _document_segments(message)
    if len(found) > 1:
        raise Hl7Fault("hl7_documents_several", f"OBX^{found[1].number}^5", 198)
    if not found and action is not Action.DELETE:
        raise Hl7Fault("hl7_document_missing", "OBX^1^5", 101)
    return found[0] if found else None


def _content(obx: Segment) -> bytes:
    """The bytes of OBX-5, base64 in its fifth component."""
    location = f"OBX^{obx.number}^5"
    if obx.text(5, 4).lower() != "base64":
        raise Hl7Fault("hl7_document_encoding", location, 102)
    if len(obx.repeats(5)) > 1:
        raise Hl7Fault("hl7_documents_several", location, 198)
    try:
        data = base64.b64decode("".join(obx.data(5, 5).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Hl7Fault("hl7_document_encoding", location, 102) from None
    if not data:
        raise Hl7Fault("hl7_document_missing", location, 101)
    return data


def _flags(message: Hl7Message, action: Action) -> tuple[dict[str, bool], list[str]]:
    """The flags, each once, Y or N; eight are compulsory but where a document is deleted."""
    flags: dict[str, bool] = {}
    for obx in message.all("OBX"):
        if obx.text(3, 3) != FLAGS_SYSTEM or obx.text(2) == "ED":
            continue
        location = f"OBX^{obx.number}^5"
        value = _YES_NO.get(obx.text(5).upper())
        name = obx.text(3)
        if value is None:
            raise Hl7Fault("hl7_flag_value", location, 103)
        if flags.setdefault(name, value) is not value:
            raise Hl7Fault("hl7_flag_value", location, 198)
    if action is Action.DELETE and not flags:
        return flags, []
    for name in COMPULSORY_FLAGS:
        if name not in flags:
            raise Hl7Fault("hl7_flag_missing", "OBX^1^3", 101)
    remarks = []
    if [name for name in flags if name in COMPULSORY_FLAGS] != list(COMPULSORY_FLAGS):
        remarks.append("hl7_flags_order")
    if any(flags[name] for name in _BY_MAIL) and not _may_be_mailed(flags):
        remarks.append("hl7_flags_mail")
    return flags, remarks


def _may_be_mailed(flags: Mapping[str, bool]) -> bool:
    """The three combinations of SPEC c.4. What is mailed is not ours to refuse: it is remarked."""
    masked, hidden = flags[MASQUE_PS], flags[INVISIBLE_PATIENT]
    hidden_from_representatives = flags[INVISIBLE_REP_LEGAUX]
    to_professionals, to_patient = (flags[name] for name in _BY_MAIL)
    if to_professionals:
        legal = not masked and not hidden_from_representatives
        return legal and not (to_patient and hidden)
    return to_patient and not hidden and not flags["CONNEXION_SECRETE"] and not flags[DESTDMP]


def _entity(segment: Segment | None, field: int) -> str | None:
    """An EI as a uniqueId: the OID alone, or root^extension for `ext^^root^ISO` (SPEC d.3)."""
    if segment is None:
        return None
    value, root = segment.text(field, 1), segment.text(field, 3)
    if not value:
        return None
    return f"{root}^{value}" if root and root != value else value


def _type_code(txa: Segment | None, obx: Segment | None) -> str | None:
    of_txa = txa.text(2) if txa is not None else ""
    of_obx = obx.text(3) if obx is not None else ""
    if of_txa and of_obx and of_txa != of_obx:
        raise Hl7Fault("hl7_type_contradicts", "TXA^1^2")
    return of_txa or of_obx or None


def _sender(message: Hl7Message) -> Actor | None:
    """Who sends it: the PRT with participation SB (SPEC d.3, sample messages); None: not said."""
    for prt in message.all("PRT"):
        person, root = prt.text(5), prt.text(5, 9, 2)
        if prt.text(4) != "SB" or not person or not root:
            continue
        organisation, issuer = prt.text(8, 10), prt.text(8, 6, 2)
        name = " ".join(part for part in (prt.text(5, 3), prt.text(5, 2)) if part)
        return {
            "id": f"{root}^{person}",
            "name": name or None,
            "roleCode": None,
            "organisationId": f"{issuer}^{organisation}" if organisation and issuer else None,
            "organisationName": prt.text(8) or None,
            "sectorCode": None,
        }
    return None
