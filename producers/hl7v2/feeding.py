"""An order of an HL7 v2 message as the message of the feed it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from producers.cda.deposit import Flags, Refused, deposit, read_document
from schemas.cda import CdaDocument
from schemas.feed.messages import Provenance
from schemas.forms.identity import Environment
from schemas.forms.unique_id import canonical_unique_id, unique_id_is_well_formed

from .faults import Hl7Fault
from .order import (
    INVISIBLE_PATIENT,
    INVISIBLE_REP_LEGAUX,
    MASQUE_PS,
    MODIF_CONF_CODE,
    Action,
    Order,
)

_WITH_BYTES: Final = frozenset({Action.NEW, Action.REPLACE})


class Feeding(NamedTuple):
    """A message of the feed without id and provenance: `name` of its schema, `datum`, the CDA."""

    name: str
    datum: Mapping[str, Any]
    found: CdaDocument | None


def document_of(order: Order, environment: Environment, bytes_max: int) -> CdaDocument | None:
    """The CDA an order brings, when it agrees with the message; None for a deletion without one.

    Raises Refused for a CDA that ingestion would refuse, Hl7Fault when it contradicts the message:
    the patient, the identifier and the type must be the same on both sides (SPEC d.3, d.4).
    """
    if order.ins["status"] != "QUALIFIEE":
        raise Hl7Fault("identity_not_qualified", "PID^1^32")
    if order.content is None:
        return None
    found = read_document(order.content, environment, bytes_max)
    assert found.ins is not None  # read_document refuses a file without one
    if (found.ins.oid, found.ins.matricule) != (order.ins["oid"], order.ins["matricule"]):
        raise Hl7Fault("patient_mismatch", "PID^1^3")
    if order.unique_id is not None and not _same(order.unique_id, found.unique_id):
        raise Hl7Fault("unique_id_mismatch", "TXA^1^12")
    if order.type_code is not None and found.type and order.type_code != found.type.code:
        raise Hl7Fault("type_mismatch", "OBX^1^3")
    return found


def feeding(order: Order, found: CdaDocument | None, provenance: Provenance) -> Feeding:
    """The message of the feed. Raises Refused, and Hl7Fault for identifiers that do not fit."""
    if order.action in _WITH_BYTES:
        assert found is not None
        assert order.content is not None
        return Feeding("DepositDocument", _deposit(order, found, provenance), found)
    datum = {
        "provenance": provenance,
        "ins": order.ins,
        "uniqueId": _concerned(order, found),
        "reason": None,
    }
    if order.action is Action.DELETE:
        return Feeding("DeleteDocument", datum, found)
    flags = {
        "masquePs": order.flags[MASQUE_PS],
        "invisiblePatient": order.flags[INVISIBLE_PATIENT],
        "invisibleRepresentantsLegaux": order.flags[INVISIBLE_REP_LEGAUX],
    }
    return Feeding("ChangeVisibility", {**datum, **flags}, found)


def _deposit(order: Order, found: CdaDocument, provenance: Provenance) -> dict[str, Any]:
    """A replacement whose only change is its flags says so: it is no new result (TRAP 13)."""
    assert order.content is not None
    replaces = _replaced(order, found)
    flags = Flags(
        order.flags[MASQUE_PS],
        order.flags[INVISIBLE_PATIENT],
        order.flags[INVISIBLE_REP_LEGAUX],
    )
    datum = deposit(found, order.content, bytes(16), provenance, flags, replaces)
    del datum["messageId"]
    only_flags = order.action is Action.REPLACE and order.flags[MODIF_CONF_CODE]
    return {**datum, "visibilityOnly": only_flags}


def _replaced(order: Order, found: CdaDocument) -> str | None:
    """TXA-13, else what the CDA says it replaces; a new document may replace nothing."""
    replaced = order.parent or found.replaces
    if order.action is Action.NEW:
        if order.parent is not None or found.replaces is not None:
            raise Hl7Fault("hl7_actions_contradict", "TXA^1^13")
        return None
    if replaced is None:
        raise Hl7Fault("hl7_parent_missing", "TXA^1^13", 101)
    if order.parent and found.replaces and not _same(order.parent, found.replaces):
        raise Hl7Fault("hl7_parent_contradicts", "TXA^1^13")
    return replaced


def _concerned(order: Order, found: CdaDocument | None) -> str:
    unique_id = order.unique_id or (found.unique_id if found is not None else None)
    if unique_id is None or not unique_id_is_well_formed(unique_id):
        raise Hl7Fault("unique_id_malformed", "TXA^1^12")
    return unique_id


def _same(one: str, other: str | None) -> bool:
    if other is None or not unique_id_is_well_formed(one):
        return False
    return canonical_unique_id(one) == canonical_unique_id(other)


__all__ = ["Feeding", "Refused", "document_of", "feeding"]
