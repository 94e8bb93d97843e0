"""Headers of a message: CloudEvents 1.0 in Kafka's binary mode, and the W3C trace context."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ingest.feed.cloud_events import TRACEPARENT, is_traceparent, time_header
from ingest.feed.types import Headers

_SPEC: Final = ("ce_specversion", b"1.0")
_TYPE: Final = ("content-type", b"application/avro")


def cloud_event_headers(
    message_id: bytes,
    schema_name: str,
    software_id: str,
    occurred_at_ms: int,
    traceparent: str | None = None,
) -> Headers:
    """`ce_id`: id of the message; `ce_source`: its software; `ce_type`: its schema; `ce_time`: UTC.

    `traceparent` is passed on as it is. Raises ValueError when it is not one (W3C Trace Context),
    or `message_id` has not 16 bytes.
    """
    headers: Headers = (
        _SPEC,
        ("ce_id", str(UUID(bytes=message_id)).encode()),
        ("ce_source", software_id.encode()),
        ("ce_type", schema_name.encode()),
        time_header(occurred_at_ms),
        _TYPE,
    )
    if traceparent is None:
        return headers
    if not is_traceparent(traceparent):
        raise ValueError("traceparent is not version-traceid-parentid-flags in lower-case hex")
    return (*headers, (TRACEPARENT, traceparent.encode()))
