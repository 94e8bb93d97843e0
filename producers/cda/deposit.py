"""A CDA file as the message that deposits it."""

from __future__ import annotations

from typing import TypedDict

from schemas.cda import CdaDocument
from schemas.feed.messages import Document, Ins, Provenance, SubmissionSet

from .metadata import metadata
from .sendable import ins_of
from .visibility import RequestedVisibility


class NewDeposit(TypedDict):
    """A DepositDocument that has no `messageId` yet."""

    provenance: Provenance
    ins: Ins
    visibilityOnly: bool
    submissionSet: SubmissionSet | None
    document: Document
    content: bytes


def deposit(
    found: CdaDocument,
    content: bytes,
    provenance: Provenance,
    visibility: RequestedVisibility,
    replaces: str | None = None,
) -> NewDeposit:
    """The datum of a DepositDocument with these bytes. `replaces` overrides what the file says.

    Raises Refused for a document without one INS, and for what `sendable_document` has not looked
    at: times, identifiers.
    """
    ins = ins_of(found)
    return {
        "provenance": provenance,
        "ins": {"oid": ins.oid, "matricule": ins.matricule, "status": "QUALIFIEE"},
        "visibilityOnly": False,
        "submissionSet": None,
        "document": metadata(found, visibility, replaces),
        "content": content,
    }
