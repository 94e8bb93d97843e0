"""Dead letters decided again, against the store, and marked in the same transaction.

decision 0020. A dead letter is never published anew. Each retry is its next attempt, with an
outcome.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from ingest.basis.basis import Basis
from ingest.basis.prefetch import BasisReader
from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import AppendBatch, Fenced, SourceAdvance
from ingest.eventstore.log.dead_letters import DeadLetter
from ingest.facts.needs import Need
from ingest.read.arrivals import Arrival, read_dead_letters
from ingest.read.service_wait import ServiceWait, without_waiting
from ingest.read.site import Context
from ingest.runtime.lifecycle import Clock, StopSignal
from schemas.versions.catalogue import schema_catalogue

from .attempts import Attempts
from .late_reads import decide_batch
from .outcomes import add_outcomes

BATCH: Final = 500
"""Dead letters decided in one transaction: few, since ingestion goes on at the same time."""


def waiting(
    store: EventStore, *, code: str | None = None, status: str | None = "waiting"
) -> Iterator[DeadLetter]:
    """All such dead letters, in the order of receipt, page by page."""
    after = 0
    while page := store.dead_letters.page(status=status, code=code, after=after):
        yield from page
        after = page[-1].letter


def of_schemas_known_now(store: EventStore) -> list[int]:
    """Dead letters rejected for their schema, which is in the folder of schemas now."""
    known = schema_catalogue().by_fingerprint
    return [
        letter.letter
        for letter in waiting(store, code="schema_unknown")
        if letter.fingerprint is not None and letter.fingerprint in known
    ]


class Retry:
    """Decides dead letters again, also beside running ingestion: it moves no position of the feed.

    `wait`: waits for services that are away; `stop`: ends it after the batch under way.
    """

    def __init__(
        self,
        store: EventStore,
        context: Context,
        clock: Clock,
        wait: ServiceWait = without_waiting,
        stop: StopSignal | None = None,
    ) -> None:
        self.store: Final = store
        self.context: Final = context
        self.clock: Final = clock
        self.wait: Final = wait
        self.reader: Final = BasisReader(store, context)
        self._stop: Final = stop

    def __call__(self, dead_letters: Iterable[int]) -> Iterator[list[Arrival]]:
        """The dead letters decided, by batches, each committed; those that do not wait are left
        out.
        """
        todo = list(dead_letters)
        for start in range(0, len(todo), BATCH):
            if self._stop is not None and self._stop.is_set():
                return
            work = _RetryWork(self, todo[start : start + BATCH])
            Attempts("a retry").until_committed(work)
            if work.decided:
                yield work.decided


class _RetryWork:
    """Dead letters of one batch. `decided`: what was decided, others that wait among them."""

    def __init__(self, retry: Retry, numbers: list[int]) -> None:
        self._retry = retry
        self._numbers = numbers
        self.decided: list[Arrival] = []

    def decide(self) -> AppendBatch | None:
        """The batch of those that still wait; None: none does."""
        retry = self._retry
        waiting = retry.wait(lambda: retry.store.dead_letters.waiting(self._numbers))
        arrivals = read_dead_letters(waiting, retry.context)
        self.decided = []
        if not arrivals:
            return None

        def read(also: Set[Need]) -> Basis:
            return retry.wait(lambda: retry.reader.read(arrivals, also))

        assembly = decide_batch(read, (), arrivals)
        self.decided = assembly.dead_letters
        batch, decided_at_ms = assembly.batch, int(retry.clock.now() * 1000)
        add_outcomes(batch, (), self.decided, decided_at_ms, retry.context.rules_page)
        batch.advances = _advances(arrivals)
        return batch

    def append(self, batch: AppendBatch) -> None:
        """The batch is committed. Raises LostRace, UnknownCommit."""
        self._retry.wait(lambda: self._retry.store.append(batch))

    def fenced(self, error: Fenced) -> None:
        """No position moves, hence nothing can be fenced. Raises the error."""
        raise error

    def was_committed(self) -> bool:
        """Committed or not: those that still wait are decided again."""
        return False


def _advances(arrivals: Sequence[Arrival]) -> list[SourceAdvance]:
    """The events of a retry belong to the partition its message came from, which stays where it
    is: the balance sheet counts every event once.
    """
    events = Counter[str]()
    for arrival in arrivals:
        if arrival.events:
            events[arrival.source] += arrival.events
    return [
        SourceAdvance(
            source=source,
            from_offset=0,
            next_offset=0,
            last_offset=None,
            last_leader_epoch=None,
            last_timestamp_ms=None,
            accepted=0,
            duplicate=0,
            unchanged=0,
            rejected=0,
            events=count,
            holes=0,
        )
        for source, count in sorted(events.items())
    ]
