"""Messages of the topic `registry`, as dicts of the shapes in `schemas.feed.registry`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ingest.feed.types import OutgoingRecord
from producers.publish.headers import cloud_event_headers
from schemas.codec.messages import encode
from schemas.feed.messages import TOPIC_OF, Provenance
from schemas.forms.feed_keys import feed_key
from schemas.rules.of_messages import RULES_OF, provenance_complete
from schemas.rules.table.rejections import Rejection


def registry_message(
    message_id: UUID, provenance: Provenance, entry: str, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The datum of a message about the entry with this identifier."""
    return {"messageId": message_id.bytes, "provenance": provenance, "id": entry, **fields}


def foreseen_rejection(schema: str, datum: Mapping[str, Any]) -> Rejection | None:
    """The first rule that the message itself breaks, whatever the registry holds; None: none."""
    return provenance_complete(datum["provenance"]) or RULES_OF[schema](datum)


def registry_feed_record(schema: str, datum: Mapping[str, Any]) -> OutgoingRecord:
    """What is published for this message."""
    provenance = datum["provenance"]
    headers = cloud_event_headers(
        datum["messageId"], schema, provenance["software"]["id"], provenance["occurredAt"]
    )
    key = feed_key(datum).encode()
    return OutgoingRecord(TOPIC_OF[schema], key, encode(schema, datum), headers)
