"""Reading the topic `outcomes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast
from uuid import UUID

from ingest.feed import open_poller
from ingest.feed.types import Assignment, FeedUnavailable, Partition, Poller
from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.settings import Settings
from schemas.codec.messages import Decoded, decode
from schemas.feed.messages import OUTCOMES
from schemas.feed.outcomes import Outcome

from .explained import ExplainedOutcome, explain

_POLL_RECORDS: Final = 2000
_POLL_BYTES: Final = 8 * 1024 * 1024
_LOOK_SECONDS: Final = 0.2
_READY_SECONDS: Final = 10.0


class OutcomeReader:
    """Reads all outcomes of the topic, or only those from now on. Close it."""

    def __init__(self, settings: Settings, *, client_id: str, from_end: bool) -> None:
        self._from_end = from_end
        self._rules_page = settings.rules_documentation_url
        self._ends: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self.unreadable = 0
        self._poller: Poller = open_poller(
            settings, [OUTCOMES], group=None, resume=self._resume, client_id=client_id
        )

    def read(self, timeout_seconds: float) -> list[ExplainedOutcome]:
        """The outcomes that came within that time; none is an empty list."""
        outcomes = []
        for polled in self._poller.poll(timeout_seconds, _POLL_RECORDS, _POLL_BYTES):
            self._next[polled.partition] = polled.next_offset
            for feed_record in polled.records:
                outcome = _outcome(feed_record.value)
                if outcome is None:
                    self.unreadable += 1
                else:
                    outcomes.append(explain(outcome, self._rules_page))
        return outcomes

    @property
    def is_ready(self) -> bool:
        """Whether the offsets to read from are fixed: what is published later will be read."""
        return bool(self._ends)

    @property
    def at_end(self) -> bool:
        """Whether all that was on the topic at the start has been read."""
        return self.is_ready and all(self._next[p] >= end for p, end in self._ends.items())

    def close(self) -> None:
        """The feed is released."""
        self._poller.close()

    def _resume(self, assignments: Sequence[Assignment]) -> Mapping[Partition, int]:
        for assignment in assignments:
            start = assignment.log_end if self._from_end else assignment.log_start
            self._next.setdefault(assignment.partition, start)
            self._ends.setdefault(assignment.partition, assignment.log_end)
        return {
            assignment.partition: self._next[assignment.partition] for assignment in assignments
        }


def outcomes_from_now(settings: Settings, clock: Clock, client_id: str) -> OutcomeReader:
    """A reader that misses no outcome of what is sent after this call. Raises FeedError."""
    reader = OutcomeReader(settings, client_id=client_id, from_end=True)
    try:
        end = clock.monotonic() + _READY_SECONDS
        while not reader.is_ready:
            if clock.monotonic() > end:
                raise FeedUnavailable("the topic of outcomes can't be read")
            reader.read(0.1)
    except BaseException:
        reader.close()
        raise
    return reader


def wait_for_outcome(
    reader: OutcomeReader,
    message_id: UUID,
    seconds: float,
    clock: Clock,
    stop: StopSignal | None = None,
) -> ExplainedOutcome | None:
    """The next outcome of this message; None when there is none in time, or `stop` is set."""
    end = clock.monotonic() + seconds
    while clock.monotonic() < end and not (stop is not None and stop.is_set()):
        for outcome in reader.read(_LOOK_SECONDS):
            if outcome.message_id == str(message_id):
                return outcome
    return None


def _outcome(value: bytes | None) -> Outcome | None:
    found = decode(value, expected="Outcome")
    return cast(Outcome, found.datum) if isinstance(found, Decoded) else None
