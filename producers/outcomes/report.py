"""One message of a command: where it is, what became of it, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ingest.feed.types import FeedError
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.lifecycle import Clock, StopSignal

from .reading import Answer, AnswerReader

_LOOK_SECONDS: Final = 0.2
AT_WORK: Final = "Is `histoire run` or `histoire ingest` with `histoire relay` at work?"
"""What to look at when there is no outcome in time."""


@dataclass(slots=True)
class Spoken:
    """A message on its way to `topic`. `feed_error`: why it could not be sent; it is queued then.

    `partition`, `offset`: where it is on the feed. `code`: why the feed refuses it. `answer`: its
    outcome, when it was waited for.
    """

    message_id: UUID
    topic: str
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
            "topic": None if self.offset is None else self.topic,
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


def answer_to(
    reader: AnswerReader,
    message_id: UUID,
    seconds: float,
    clock: Clock,
    stop: StopSignal | None = None,
) -> Answer | None:
    """The next outcome of this message; None when there is none in time, or `stop` is set."""
    end = clock.monotonic() + seconds
    while clock.monotonic() < end and not (stop is not None and stop.is_set()):
        for answer in reader.read(_LOOK_SECONDS):
            if answer.message_id == str(message_id):
                return answer
    return None


def without_outcome() -> CommandError:
    """Ends a command whose message is on the feed and has no outcome in time."""
    return CommandError(
        "the message is on the feed and has no outcome yet", AT_WORK, Exit.UNAVAILABLE
    )
