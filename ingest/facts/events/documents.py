"""The events of documents."""

from typing import Literal

from schemas import events as names
from schemas.events import (
    DocumentArchived,
    DocumentContentAdded,
    DocumentDeleted,
    DocumentReplaced,
    DocumentUnarchived,
    DocumentVisibilityChanged,
)
from schemas.feed.messages import DepositDocument, Provenance
from schemas.forms.stream_ids import document_stream

from .event import Event

FlagName = Literal["MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]


def document_submitted(
    stream: bytes, record: int, datum: DepositDocument, submitted: bytes, *, has_content: bool
) -> Event:
    """The document is there. `submitted`: the message as it is stored."""
    return Event(stream, record, names.DOCUMENT_SUBMITTED, datum, submitted, has_content)


def document_content_added(record: int, datum: DepositDocument) -> Event:
    """The bytes of a document that was there without them came with this deposit."""
    document = datum["document"]
    added: DocumentContentAdded = {
        "provenance": datum["provenance"],
        "uniqueId": document["uniqueId"],
        "sha256": document["sha256"],
        "size": document["size"],
    }
    stream = document_stream(document["uniqueId"])
    return Event(stream, record, names.DOCUMENT_CONTENT_ADDED, added)


def document_replaced(
    stream: bytes, record: int, unique_id: str, successor: DepositDocument
) -> Event:
    """This document is replaced by that of `successor`."""
    replaced: DocumentReplaced = {
        "provenance": successor["provenance"],
        "uniqueId": unique_id,
        "replacedBy": successor["document"]["uniqueId"],
        "visibilityOnly": successor["visibilityOnly"],
    }
    return Event(stream, record, names.DOCUMENT_REPLACED, replaced)


def visibility_changed(
    stream: bytes,
    record: int,
    unique_id: str,
    flag: FlagName,
    on: bool,
    *,
    provenance: Provenance,
    by_patient: bool,
    reason: str | None,
    inherited_from: str | None = None,
) -> Event:
    """One flag of a document is on or off. `inherited_from`: the uniqueId of the earlier version
    from which the patient's mask passes to this one.
    """
    changed: DocumentVisibilityChanged = {
        "provenance": provenance,
        "uniqueId": unique_id,
        "flag": flag,
        "on": on,
        "byPatient": by_patient,
        "inheritedFrom": inherited_from,
        "reason": reason,
    }
    return Event(stream, record, names.DOCUMENT_VISIBILITY_CHANGED, changed)


def document_archived(
    stream: bytes, record: int, unique_id: str, provenance: Provenance, reason: str | None
) -> Event:
    """The document is set aside."""
    datum: DocumentArchived = {
        "provenance": provenance,
        "uniqueId": unique_id,
        "reason": reason,
    }
    return Event(stream, record, names.DOCUMENT_ARCHIVED, datum)


def document_unarchived(
    stream: bytes, record: int, unique_id: str, provenance: Provenance, reason: str | None
) -> Event:
    """The document is current again."""
    datum: DocumentUnarchived = {
        "provenance": provenance,
        "uniqueId": unique_id,
        "reason": reason,
    }
    return Event(stream, record, names.DOCUMENT_UNARCHIVED, datum)


def document_deleted(
    stream: bytes, record: int, unique_id: str, provenance: Provenance, reason: str | None
) -> Event:
    """The document is deleted, for good."""
    datum: DocumentDeleted = {
        "provenance": provenance,
        "uniqueId": unique_id,
        "reason": reason,
    }
    return Event(stream, record, names.DOCUMENT_DELETED, datum)
