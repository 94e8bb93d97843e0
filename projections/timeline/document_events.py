"""What the events of a document do to its row, apart from replacement. Pure.

Ingestion folds the same events into the head of the stream (`ingest.facts.evolve`). Both share
`schemas.policy.visibility`; three things differ on purpose:
- A mask that a patient deposits himself is his own (`MASQUE_PS_BY_PATIENT`) in the head, which
  passes it to successors. No reader is asked about that bit, so the row leaves it off at the
  deposit. To set it now would change rows of old builds, hence the version of the projection.
- That bytes are kept, and that a document is set aside, are bits of the head only. The row has the
  hash of the bytes in any case, and a column `archived`.
- A replaced document is DEPRECATED in its head for ever. Its row is DEPRECATED only while the
  successor is a document of the same person (`fold`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast

import orjson

from ingest.eventstore import RecordedEvent
from schemas import events as names
from schemas.events import DocumentFlags, DocumentStatus, DocumentVisibilityChanged
from schemas.forms.stream_ids import document_stream
from schemas.forms.times import parse_time
from schemas.policy.visibility import flags_after, metadata_flags

from .row import TimelineRow

APPROVED: Final = int(DocumentStatus.APPROVED)
ARCHIVED: Final = int(DocumentStatus.ARCHIVED)
DELETED: Final = int(DocumentStatus.DELETED)
_HIDDEN: Final = int(DocumentFlags.INVISIBLE_PATIENT)


def new_row(event: RecordedEvent, datum: Mapping[str, Any]) -> TimelineRow:
    """The row of a document just submitted. The fold adds what follows from replacement."""
    document = datum["document"]
    stream, recorded_at = event.stream, event.recorded_at
    replaces = document["replaces"]
    target = None if replaces is None else document_stream(replaces)
    flags = metadata_flags(document)
    act = document["serviceStartTime"]
    return TimelineRow(
        stream=stream,
        record=event.record,
        position=event.position,
        changed=event.position,
        lineage=stream,
        content_lineage=stream,
        visibility_only=datum["visibilityOnly"],
        status=APPROVED,
        archived=False,
        flags=flags,
        act_key=_act_key(act, recorded_at),
        submitted_at=recorded_at,
        size=document["size"],
        sha256=document["sha256"],
        target=None if target == stream else target,
        replaced_by=None,
        visible_since=None if flags & _HIDDEN else recorded_at,
        unique_id=document["uniqueId"],
        type_code=document["typeCode"],
        class_code=document["classCode"],
        title=document["title"].replace("\0", "\ufffd"),  # PostgreSQL keeps no NUL in a text
        authors=orjson.dumps(document["authors"]).decode(),
        act=act,
        created=document["creationTime"],
        mime_type=document["mimeType"],
        facility_type=document["healthcareFacilityTypeCode"],
        practice_setting=document["practiceSettingCode"],
        confidentiality=document["confidentialityCode"],
    )


def _act_key(literal: str, recorded_at: datetime) -> int:
    # Ingestion rejects acts without a readable time. Should that rule change, arrival sorts them.
    time = parse_time(literal)
    return int(recorded_at.timestamp() * 1_000_000) if time is None else time.sort_key


def _visibility_changed(row: TimelineRow, event: RecordedEvent) -> None:
    row.flags = flags_after(row.flags, cast(DocumentVisibilityChanged, event.datum))
    if row.flags & _HIDDEN:
        row.visible_since = None
    elif row.visible_since is None:
        row.visible_since = event.recorded_at


def _archived(row: TimelineRow, event: RecordedEvent) -> None:
    row.archived = True
    if row.status == APPROVED:
        row.status = ARCHIVED


def _unarchived(row: TimelineRow, event: RecordedEvent) -> None:
    row.archived = False
    if row.status == ARCHIVED:
        row.status = APPROVED


def _deleted(row: TimelineRow, event: RecordedEvent) -> None:
    row.status = DELETED


def _content_added(row: TimelineRow, event: RecordedEvent) -> None:
    """The bytes are those whose hash the row has; only `changed` moves."""


OF_DOCUMENTS: Final[Mapping[str, Callable[[TimelineRow, RecordedEvent], None]]] = {
    names.DOCUMENT_VISIBILITY_CHANGED: _visibility_changed,
    names.DOCUMENT_ARCHIVED: _archived,
    names.DOCUMENT_UNARCHIVED: _unarchived,
    names.DOCUMENT_DELETED: _deleted,
    names.DOCUMENT_CONTENT_ADDED: _content_added,
}
"""By name of the event: changes the row of its document."""
