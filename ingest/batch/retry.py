"""Dead letters decided again, against the store, and marked in the same transaction.

decision 0020. A letter is never published anew. Each retry is its next attempt, with an outcome.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ingest.basis.prefetch import BasisReader
from ingest.eventstore import EventStore
from ingest.eventstore.log.batch import LostRace, SourceAdvance, UnknownCommit
from ingest.eventstore.tables.letters import Letter
from ingest.read.arrivals import Arrival, read_letters
from ingest.read.patience import Patience, at_once
from ingest.read.site import Context
from ingest.runtime.lifecycle import Clock, StopSignal
from schemas.versions.catalogue import schema_catalogue

from .assemble import assemble
from .outcomes import decided_letters, outcome_rows
from .write import RACES_MAX, Contention

BATCH: Final = 500
"""Letters decided in one transaction: few, since ingestion goes on at the same time."""


def waiting(
    store: EventStore, *, code: str | None = None, status: str | None = "waiting"
) -> Iterator[Letter]:
    """All such letters, in the order of receipt, page by page."""
    after = 0
    while page := store.letters(status=status, code=code, after=after):
        yield from page
        after = page[-1].letter


def of_schemas_known_now(store: EventStore) -> list[int]:
    """Letters refused for their schema, which is in the folder of schemas now."""
    known = schema_catalogue().by_fingerprint
    return [
        letter.letter
        for letter in waiting(store, code="schema_unknown")
        if letter.fingerprint is not None and letter.fingerprint in known
    ]


class Retry:
    """Decides dead letters again, also beside running ingestion: it waits for nobody's position.

    `patience`: waits for services that are away; `stop`: ends it after the batch under way.
    """

    def __init__(
        self,
        store: EventStore,
        context: Context,
        clock: Clock,
        patience: Patience = at_once,
        stop: StopSignal | None = None,
    ) -> None:
        self._store = store
        self._context = context
        self._clock = clock
        self._patience = patience
        self._stop = stop
        self._reader = BasisReader(store, context)

    def __call__(self, letters: Iterable[int]) -> Iterator[list[Arrival]]:
        """The letters decided, by batches, each committed; those that do not wait are left out."""
        todo = list(letters)
        for start in range(0, len(todo), BATCH):
            if self._stop is not None and self._stop.is_set():
                return
            done = self._decide(todo[start : start + BATCH])
            if done:
                yield done

    def _decide(self, letters: list[int]) -> list[Arrival]:
        races = 0
        while True:
            waiting = self._patience(lambda: self._store.waiting_letters(letters))
            arrivals = read_letters(waiting, self._context)
            if not arrivals:
                return []
            try:
                return self._append(arrivals)
            except LostRace as race:
                races += 1
                if races > RACES_MAX:
                    raise Contention(f"a retry lost {races} races in a row: {race}") from race
            except UnknownCommit:
                # Committed or not: those that still wait are decided again.
                continue

    def _append(self, arrivals: list[Arrival]) -> list[Arrival]:
        basis = self._patience(lambda: self._reader.read(arrivals))
        decided = assemble(basis, (), arrivals)
        batch = decided.batch
        batch.decided_letters = decided_letters(decided.letters)
        now, rules_page = int(self._clock.now() * 1000), self._context.rules_page
        batch.outcomes = outcome_rows(decided.letters, now, rules_page)
        batch.advances = self._advances(arrivals)
        self._patience(lambda: self._store.append(batch))
        return decided.letters

    def _advances(self, arrivals: list[Arrival]) -> list[SourceAdvance]:
        """The events of a retry belong to the partition its message came from, which stays where
        it is: the balance sheet counts every event once.
        """
        events: dict[str, int] = {}
        for arrival in arrivals:
            if arrival.events:
                events[arrival.source] = events.get(arrival.source, 0) + arrival.events
        return [
            SourceAdvance(source, 0, 0, None, None, None, 0, 0, 0, 0, count, 0)
            for source, count in sorted(events.items())
        ]
