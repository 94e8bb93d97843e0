"""The durable queues below home: the one of this call, and those that earlier calls left.

Calls at the same time have a queue each. Any later call sends what one of them could not send.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID

from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.metrics import Metrics
from ingest.runtime.settings import Settings

from .errors import QueueError
from .publisher import DocumentPublisher

_QUEUES: Final = 16
_FLUSH_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Earlier:
    """Messages of earlier calls that waited when this call began, and what became of them."""

    waited: int
    acknowledged: int
    refused: int

    @property
    def queued(self) -> int:
        """How many still wait."""
        return self.waited - self.acknowledged - self.refused


class Queues:
    """Every queue that no other process uses. Nothing is sent before `begin`. Close it."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        metrics: Metrics | None = None,
        block: bool = True,
    ) -> None:
        """Open them. Raises QueueError when this call can have none.

        `metrics`, `block`: as for DocumentPublisher, of the queue of this call.
        """
        self._clock = clock
        self.own = open_document_publisher(
            settings, clock, begin=False, metrics=metrics, block=block
        )
        self._all = [self.own, *_left_behind(settings, clock)]
        self._waited = [(publisher, publisher.waiting()) for publisher in self._all]

    @property
    def waited(self) -> int:
        """How many messages of earlier calls waited when this one began."""
        return sum(len(ids) for _, ids in self._waited)

    def begin(self) -> None:
        """All that is queued is sent from now on."""
        for publisher in self._all:
            publisher.begin()

    def flush(self, timeout_seconds: float, stop: StopSignal) -> bool:
        """Wait until the feed has replied to everything, for at most that long or until `stop`."""
        end = self._clock.monotonic() + timeout_seconds
        for publisher in self._all:
            while publisher.pending():
                left = end - self._clock.monotonic()
                if left <= 0 or stop.is_set() or not publisher.is_sending:
                    return False
                publisher.flush(min(left, _FLUSH_SECONDS))
        return True

    def earlier(self) -> Earlier:
        """What became of the messages that waited when this call began."""
        states = [_state(publisher, found) for publisher, ids in self._waited for found in ids]
        return Earlier(len(states), states.count("acknowledged"), states.count("refused"))

    def close(self) -> None:
        """All queues are released at once; a message without a reply stays in its queue."""
        for publisher in self._all:
            publisher.close(0)


def open_document_publisher(
    settings: Settings,
    clock: Clock,
    *,
    begin: bool = True,
    metrics: Metrics | None = None,
    block: bool = True,
) -> DocumentPublisher:
    """The publisher on the first free queue below home: two calls at once take two queues.

    Raises QueueError when none can be used.
    """
    for number in count(1):
        path = settings.home / "outbox" / f"queue-{number}.sqlite"
        try:
            return DocumentPublisher(
                settings, path, block=block, clock=clock, begin=begin, metrics=metrics
            )
        except QueueError:
            if number == _QUEUES:
                raise
    raise AssertionError("count() never ends")


def _left_behind(settings: Settings, clock: Clock) -> list[DocumentPublisher]:
    """Queues that no process uses and that are not empty."""
    found = []
    for path in _queue_files(settings.home / "outbox"):
        try:
            publisher = DocumentPublisher(settings, path, block=True, clock=clock, begin=False)
        except QueueError:
            continue  # another call uses it, or it is the queue of this call
        if publisher.pending():
            found.append(publisher)
        else:
            publisher.close(0)
    return found


def _queue_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("queue-*.sqlite"))


def _state(publisher: DocumentPublisher, message_id: UUID) -> str:
    found = publisher.submission(message_id)
    return "forgotten" if found is None else found.state
