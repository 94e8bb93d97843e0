"""What a message asks for: a document is new, replaces, is deleted, or changes its flags."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.segments import Hl7Message

from .document import document_segments

_MAJOR_VERSION: Final = "2."


class Action(StrEnum):
    """What a message asks for."""

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


def read_action(message: Hl7Message) -> Action:
    """The action that event, ORC-1 and OBX-11 agree on (SPEC d.3). Raises Hl7Error."""
    kind, event = message.event
    if not message.header.text(12).startswith(_MAJOR_VERSION):
        raise Hl7Error("hl7_version", "MSH^1^12", 203)
    if kind not in ("MDM", "ORU"):
        raise Hl7Error("hl7_message_type", "MSH^1^9", 200)
    if event not in (_OF_EVENT if kind == "MDM" else ("R01",)):
        raise Hl7Error("hl7_message_type", "MSH^1^9^1^2", 201)
    asked = {_OF_EVENT[event]} if kind == "MDM" else set[Action]()
    asked.update(
        _known(_OF_ORDER, orc.text(1), f"ORC^{orc.number}^1")
        for orc in message.all("ORC")
        if orc.text(1)
    )
    if not asked:
        raise Hl7Error("hl7_segment_missing", "ORC^1", 100)
    asked.update(
        _known(_OF_RESULT, obx.text(11), f"OBX^{obx.number}^11")
        for obx in document_segments(message)
        if obx.text(11)
    )
    if len(asked) > 1:
        raise Hl7Error("hl7_actions_contradict", "ORC^1^1")
    return asked.pop()


def _known(table: Mapping[str, Action], code: str, location: str) -> Action:
    found = table.get(code)
    if found is None:
        raise Hl7Error("hl7_value", location, 103)
    return found
