"""An order of an HL7 v2 message as the message of the feed that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from producers.cda.deposit import deposit
from producers.cda.sendable import ins_of, sendable_document
from producers.cda.visibility import RequestedVisibility
from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.order.action import Action
from producers.hl7v2.order.flags import (
    INVISIBLE_PATIENT,
    INVISIBLE_REP_LEGAUX,
    MASQUE_PS,
    MODIF_CONF_CODE,
)
from producers.hl7v2.order.order import Order
from schemas.cda import CdaDocument
from schemas.feed.messages import Provenance
from schemas.forms.identity import Environment
from schemas.forms.unique_id import canonical_unique_id, unique_id_is_well_formed


class FeedMessage(NamedTuple):
    """A message of the feed without its id: name of its schema, and the other fields."""

    schema: str
    fields: Mapping[str, Any]


def document_of(order: Order, environment: Environment, bytes_max: int) -> CdaDocument | None:
    """The CDA that an order brings, when it agrees with the message; None for an order without one.

    The patient, the identifier and the type must be the same on both sides (SPEC d.3, d.4). Raises
    Hl7Error when they are not, Refused for a CDA that ingestion would reject.
    """
    if order.ins["status"] != "QUALIFIEE":
        raise Hl7Error("identity_not_qualified", "PID^1^32")
    if order.content is None:
        return None
    found = sendable_document(order.content, environment, bytes_max)
    ins = ins_of(found)
    if (ins.oid, ins.matricule) != (order.ins["oid"], order.ins["matricule"]):
        raise Hl7Error("patient_mismatch", "PID^1^3")
    if order.unique_id is not None and not _same(order.unique_id, found.unique_id):
        raise Hl7Error("unique_id_mismatch", "TXA^1^12")
    if order.type_code is not None and found.type and order.type_code != found.type.code:
        raise Hl7Error("type_mismatch", "OBX^1^3")
    return found


def feed_message(order: Order, found: CdaDocument | None, provenance: Provenance) -> FeedMessage:
    """The message of the feed. `found`: what `document_of` gives for the order.

    Raises Refused, and Hl7Error for identifiers that do not fit.
    """
    if order.action in (Action.NEW, Action.REPLACE):
        return _deposit(order, found, provenance)
    fields = {
        "provenance": provenance,
        "ins": order.ins,
        "uniqueId": _unique_id(order, found),
        "reason": None,
    }
    if order.action is Action.DELETE:
        return FeedMessage("DeleteDocument", fields)
    visibility = {
        "masquePs": order.flags[MASQUE_PS],
        "invisiblePatient": order.flags[INVISIBLE_PATIENT],
        "invisibleRepresentantsLegaux": order.flags[INVISIBLE_REP_LEGAUX],
    }
    return FeedMessage("ChangeVisibility", {**fields, **visibility})


def _deposit(order: Order, found: CdaDocument | None, provenance: Provenance) -> FeedMessage:
    """A replacement that changes nothing but its flags says so: it is no new result (TRAP 13)."""
    if found is None or order.content is None:  # `read_order` has refused such an order
        raise Hl7Error("hl7_document_missing", "OBX^1^5", 101)
    visibility = RequestedVisibility(
        masque_ps=order.flags[MASQUE_PS],
        invisible_patient=order.flags[INVISIBLE_PATIENT],
        invisible_representants_legaux=order.flags[INVISIBLE_REP_LEGAUX],
    )
    fields = deposit(found, order.content, provenance, visibility, _replaced(order, found))
    only_flags = order.action is Action.REPLACE and order.flags[MODIF_CONF_CODE]
    return FeedMessage("DepositDocument", {**fields, "visibilityOnly": only_flags})


def _replaced(order: Order, found: CdaDocument) -> str | None:
    """TXA-13, else what the CDA says it replaces; a new document may replace nothing."""
    replaced = order.parent or found.replaces
    if order.action is Action.NEW:
        if order.parent is not None or found.replaces is not None:
            raise Hl7Error("hl7_actions_contradict", "TXA^1^13")
        return None
    if replaced is None:
        raise Hl7Error("hl7_parent_missing", "TXA^1^13", 101)
    if order.parent and found.replaces and not _same(order.parent, found.replaces):
        raise Hl7Error("hl7_parent_contradicts", "TXA^1^13")
    return replaced


def _unique_id(order: Order, found: CdaDocument | None) -> str:
    unique_id = order.unique_id or (found.unique_id if found is not None else None)
    if unique_id is None or not unique_id_is_well_formed(unique_id):
        raise Hl7Error("unique_id_malformed", "TXA^1^12")
    return unique_id


def _same(one: str, other: str | None) -> bool:
    if other is None or not unique_id_is_well_formed(one):
        return False
    return canonical_unique_id(one) == canonical_unique_id(other)
