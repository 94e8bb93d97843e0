"""One message that a command sent: where it is on the feed, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ingest.feed.types import FeedError
from ingest.runtime.console import CommandError, Exit

from .explained import ExplainedOutcome

AT_WORK: Final = "Is `histoire run` or `histoire ingest` with `histoire relay` at work?"
"""What a person looks at when there is no outcome in time."""


@dataclass(slots=True)
class SentMessage:
    """A message on its way to `topic`.

    `partition`, `offset`: where the message is on the feed. `code`: why the feed refused it.
    `feed_error`: why it could not be sent; it is queued then. `outcome`: None unless it was
    waited for and came.
    """

    message_id: UUID
    topic: str
    partition: int | None = None
    offset: int | None = None
    code: str | None = None
    feed_error: FeedError | None = None
    outcome: ExplainedOutcome | None = None

    @property
    def state(self) -> str:
        """`queued`, `refused`, `acknowledged`, or the status of the outcome in lower case."""
        if self.outcome is not None:
            return self.outcome.outcome["status"].lower()
        if self.code is not None:
            return "refused"
        return "queued" if self.offset is None else "acknowledged"

    def as_json(self) -> dict[str, Any]:
        """One object for `--json`; the message itself is never in it."""
        explained = self.outcome
        return {
            "state": self.state,
            "messageId": str(self.message_id),
            "topic": None if self.offset is None else self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "code": self.code or (explained and explained.outcome["code"]),
            "ruleId": explained and explained.outcome["ruleId"],
            "path": explained and explained.outcome["path"],
            "english": explained and explained.english,
            "french": explained and explained.french,
            "repair": explained and explained.repair,
            "documentation": explained and explained.documentation,
        }


def without_outcome() -> CommandError:
    """Ends a command whose message is on the feed and has no outcome in time."""
    return CommandError(
        "the message is on the feed and has no outcome yet", AT_WORK, Exit.UNAVAILABLE
    )
