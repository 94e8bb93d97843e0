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
    message_id: UUID, provenance: Provenance, entry: str, said: Mapping[str, Any]
) -> dict[str, Any]:
    """A message on the entry with this identifier."""
    return {"messageId": message_id.bytes, "provenance": provenance, "id": entry, **said}


def fault_of(schema: str, datum: Mapping[str, Any]) -> Rejection | None:
    """Why ingestion would refuse it whatever the registry holds, None when it would not."""
    return provenance_complete(datum["provenance"]) or RULES_OF[schema](datum)


def registry_record(schema: str, datum: Mapping[str, Any]) -> OutgoingRecord:
    """The record to publish."""
    provenance = datum["provenance"]
    headers = cloud_event_headers(
        datum["messageId"], schema, provenance["software"]["id"], provenance["occurredAt"]
    )
    key = feed_key(datum).encode()
    return OutgoingRecord(TOPIC_OF[schema], key, encode(schema, datum), headers)
