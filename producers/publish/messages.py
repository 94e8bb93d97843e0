"""A message on its way through the queue: what is queued, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ingest.feed.types import Acknowledgement, OutgoingRecord, PublishFailure
from schemas.codec.messages import encode
from schemas.feed.messages import TOPIC_OF
from schemas.forms.feed_keys import feed_key

from .headers import cloud_event_headers

FeedReply = Acknowledgement | PublishFailure
"""What the feed replies to a feed record."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message to be queued. `unique_id`: the document it is about; None if about none."""

    message_id: bytes
    schema_name: str
    unique_id: str | None
    feed_record: OutgoingRecord


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a message so far. `state`: waiting, held, acknowledged, refused.

    Acknowledged: it is on the feed, at `partition` and `offset`. Refused: it never will be, for
    the reason `code`.
    """

    message_id: UUID
    state: str
    partition: int | None
    offset: int | None
    code: str | None


def queued_message(
    message: Mapping[str, Any], message_id: UUID, schema_name: str, traceparent: str | None
) -> QueuedMessage:
    """The message under this id, encoded, with key and headers. Raises what `encode` raises."""
    datum = {**message, "messageId": message_id.bytes}
    value = encode(schema_name, datum)  # first: its errors name what is wrong with the message
    software = datum["provenance"]["software"]["id"]
    occurred_at = datum["provenance"]["occurredAt"]
    headers = cloud_event_headers(message_id.bytes, schema_name, software, occurred_at, traceparent)
    key = feed_key(datum).encode()
    return QueuedMessage(
        message_id=message_id.bytes,
        schema_name=schema_name,
        unique_id=datum.get("document", datum).get("uniqueId"),
        feed_record=OutgoingRecord(TOPIC_OF[schema_name], key, value, headers),
    )
