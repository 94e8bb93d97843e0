"""The loop around a batch: decide it, append it, decide it again where that failed (decision
0014).

The one home of this loop, for what comes from the feed and for dead letters decided again.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from ingest.eventstore.append_batch import AppendBatch, Fenced, LostRace, StoreError, UnknownCommit

RACES_MAX: Final = 20
"""Lost races after which a batch halts: something other than a race is wrong."""


class Contention(StoreError):
    """A batch lost its race too often: other writers leave it no chance, or a fault of ours."""


class Work(Protocol):
    """What is to be decided and appended as one batch."""

    def decide(self) -> AppendBatch | None:
        """The batch, decided on what the store holds now; None: nothing of it is left."""

    def append(self, batch: AppendBatch) -> None:
        """The batch is committed. Raises LostRace, Fenced, UnknownCommit."""

    def fenced(self, error: Fenced) -> None:
        """What another owner moved is dropped. Raises the error where nothing may be dropped."""

    def was_committed(self) -> bool:
        """After an unknown commit: whether the batch is in the store."""


@dataclass(slots=True)
class Attempts:
    """What befell one batch: races that it lost, commits whose outcome was not known.

    `name`: how messages call the batch.
    """

    name: str
    races: int = 0
    unknown_commits: int = 0

    def until_committed(self, work: Work) -> None:
        """The batch is in the store, or nothing of it is left. Raises Contention."""
        while (batch := work.decide()) is not None:
            try:
                work.append(batch)
            except LostRace as race:
                self._count_race(race)
            except Fenced as error:
                work.fenced(error)
            except UnknownCommit:
                self.unknown_commits += 1
                if work.was_committed():
                    return
            else:
                return

    def _count_race(self, race: LostRace) -> None:
        self.races += 1
        if self.races > RACES_MAX:
            lost = f"{self.name} lost {self.races} races in a row"
            raise Contention(f"{lost}: {race}") from race
