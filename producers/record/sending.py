"""One message on a record through the durable queue, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ingest.runtime.feed import check_topics
from ingest.runtime.feed.types import FeedError
from ingest.runtime.lifecycle import Clock
from ingest.runtime.settings import Settings
from producers.answers import Answer, AnswerReader
from producers.publisher import DocumentPublisher
from producers.queues import open_document_publisher
from producers.send_call import answers_to_come
from schemas.messages import OUTCOMES, PATIENTS

CLIENT: Final = "histoire-record"
_LOOK_SECONDS: Final = 0.2


@dataclass(slots=True)
class Spoken:
    """A message on its way. `feed_error`: why it could not be sent; it is queued then.

    `partition`, `offset`: where it is on the feed. `code`: why the feed refuses it. `answer`: its
    outcome, when it was waited for.
    """

    message_id: UUID
    partition: int | None = None
    offset: int | None = None
    code: str | None = None
    feed_error: FeedError | None = None
    answer: Answer | None = None

    @property
    def state(self) -> str:
        """`queued`, `refused`, `acknowledged`, or the outcome in lower case."""
        if self.answer is not None:
            return self.answer.outcome["status"].lower()
        if self.code is not None:
            return "refused"
        return "queued" if self.offset is None else "acknowledged"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: one object; never what was said."""
        answer = self.answer
        return {
            "state": self.state,
            "messageId": str(self.message_id),
            "topic": None if self.offset is None else PATIENTS,
            "partition": self.partition,
            "offset": self.offset,
            "code": self.code or (answer and answer.outcome["code"]),
            "ruleId": answer and answer.outcome["ruleId"],
            "path": answer and answer.outcome["path"],
            "english": answer and answer.english,
            "french": answer and answer.french,
            "repair": answer and answer.repair,
            "documentation": answer and answer.documentation,
        }


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
        spoken = Spoken(publisher.submit(datum, name))
        try:
            check_topics(settings, [PATIENTS, OUTCOMES] if wait else [PATIENTS])
            if not wait:
                _send(publisher, spoken, timeout_seconds)
                return spoken
            with closing(answers_to_come(settings, clock, CLIENT)) as reader:
                _send(publisher, spoken, timeout_seconds)
                if spoken.offset is not None:
                    spoken.answer = _answer(reader, spoken.message_id, timeout_seconds, clock)
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


def _answer(reader: AnswerReader, message_id: UUID, seconds: float, clock: Clock) -> Answer | None:
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        for answer in reader.read(_LOOK_SECONDS):
            if answer.message_id == str(message_id):
                return answer
    return None
