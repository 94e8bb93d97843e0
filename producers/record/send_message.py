"""One message on a record through the durable queue, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

from ingest.feed import check_topics
from ingest.feed.types import FeedError
from ingest.runtime.lifecycle import Clock
from ingest.runtime.settings import Settings
from producers.outcomes.reader import outcomes_from_now, wait_for_outcome
from producers.outcomes.sent_message import SentMessage
from producers.publish.publisher import DocumentPublisher
from producers.publish.queues import open_document_publisher
from schemas.feed.messages import OUTCOMES, PATIENTS

CLIENT: Final = "histoire-record"


def send_record_message(
    settings: Settings,
    clock: Clock,
    schema: str,
    datum: Mapping[str, Any],
    timeout_seconds: float,
    *,
    wait: bool,
) -> SentMessage:
    """The message is on disk, then sent; with `wait`, its outcome is waited for as long again.

    A message that is not acknowledged in time stays queued: the next call or `histoire send` sends
    it. Raises QueueError and QueueFull; for a feed that is away the result has its `feed_error`.
    """
    publisher = open_document_publisher(settings, clock, begin=False)
    try:
        sent = SentMessage(publisher.submit(datum, schema), PATIENTS)
        try:
            check_topics(settings, [PATIENTS, OUTCOMES] if wait else [PATIENTS])
            if not wait:
                _send(publisher, sent, timeout_seconds)
                return sent
            with closing(outcomes_from_now(settings, clock, CLIENT)) as reader:
                _send(publisher, sent, timeout_seconds)
                if sent.offset is not None:
                    sent.outcome = wait_for_outcome(reader, sent.message_id, timeout_seconds, clock)
        except FeedError as error:
            sent.feed_error = error
        return sent
    finally:
        publisher.close(0)


def _send(publisher: DocumentPublisher, sent: SentMessage, timeout_seconds: float) -> None:
    publisher.begin()
    publisher.flush(timeout_seconds)
    found = publisher.submission(sent.message_id)
    if found is not None:
        sent.partition, sent.offset, sent.code = found.partition, found.offset, found.code
