"""One message on a record through the durable queue, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

from ingest.feed import check_topics
from ingest.feed.types import FeedError
from ingest.runtime.lifecycle import Clock
from ingest.runtime.settings import Settings
from producers.outcomes.report import Spoken, answer_to
from producers.publish.publisher import DocumentPublisher
from producers.publish.queues import open_document_publisher
from producers.send.call import answers_to_come
from schemas.feed.messages import OUTCOMES, PATIENTS

CLIENT: Final = "histoire-record"


def speak(
    settings: Settings,
    clock: Clock,
    name: str,
    datum: Mapping[str, Any],
    timeout_seconds: float,
    *,
    wait: bool,
) -> Spoken:
    """The message is on disk, then sent; its outcome is waited for if `wait`, as long again.

    What is not acknowledged in time stays queued, and goes with the next call or `histoire send`.
    Raises QueueError and QueueFull; a feed that is away is `feed_error`.
    """
    publisher = open_document_publisher(settings, clock, begin=False)
    try:
        spoken = Spoken(publisher.submit(datum, name), PATIENTS)
        try:
            check_topics(settings, [PATIENTS, OUTCOMES] if wait else [PATIENTS])
            if not wait:
                _send(publisher, spoken, timeout_seconds)
                return spoken
            with closing(answers_to_come(settings, clock, CLIENT)) as reader:
                _send(publisher, spoken, timeout_seconds)
                if spoken.offset is not None:
                    spoken.answer = answer_to(reader, spoken.message_id, timeout_seconds, clock)
        except FeedError as error:
            spoken.feed_error = error
        return spoken
    finally:
        publisher.close(0)


def _send(publisher: DocumentPublisher, spoken: Spoken, timeout_seconds: float) -> None:
    publisher.begin()
    publisher.flush(timeout_seconds)
    found = publisher.submission(spoken.message_id)
    if found is not None:
        spoken.partition, spoken.offset, spoken.code = found.partition, found.offset, found.code
