"""B: `EventStore.append` beside a raw COPY into a table with a unique random key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from benchmarks.workers.batches import write_states
from benchmarks.workers.fill import DOCUMENTS_PER_PATIENT, simulated
from ingest.runtime.settings import Settings

from .harness import Benchmark, BenchmarkError, Ratio, Run, Variant
from .place import Place
from .processes import work

BATCH: Final = 1000
STATES: Final = 10_000
"""Different states; sealed or not they are incompressible or not compressed."""
SEED: Final = 7


@dataclass(slots=True)
class Append:
    """Measures both on the same states. `states`: their file."""

    place: Place
    events: int
    states: Path

    def raw_copy(self, *, readable: bool) -> Run:
        """Into an empty database. `readable`: with indexes by position and by record."""
        dsn = self.place.empty_database()
        return self._work("raw_copy", dsn, self.place.settings(), readable=readable)

    def append(self) -> Run:
        """Into a freshly migrated store."""
        dsn = self.place.migrated_database()
        settings = self.place.settings(
            database_dsn=SecretStr(dsn), content_dir=str(self.place.home / "content-append")
        )
        return self._work("store_append", dsn, settings)

    def _work(self, module: str, dsn: str, settings: Settings, **told: Any) -> Run:
        try:
            run = work(
                self.place,
                module,
                settings,
                dsn=dsn,
                states=str(self.states),
                events=self.events,
                batch=BATCH,
                people=max(1, self.events // DOCUMENTS_PER_PATIENT),
                seed=SEED,
                **told,
            )
        finally:
            self.place.drop_database(dsn)
        if run.facts["rows"] != self.events:
            raise BenchmarkError(f"{module} wrote {run.facts['rows']} rows of {self.events}")
        return run


def benchmark_b(place: Place, events: int) -> Benchmark:
    """So many events per variant and round."""
    path = place.new_folder() / "states"
    messages = simulated(SEED, STATES, content=False)
    deposits = (m.record.value for m in messages if m.planned.schema == "DepositDocument")
    write_states(path, deposits)
    measured = Append(place, events, path)
    return Benchmark(
        "b",
        "append to the store",
        "events",
        [
            Variant(
                "copy", "raw COPY, unique random key", lambda: measured.raw_copy(readable=False)
            ),
            Variant(
                "copy_log",
                "the same, indexed by position and record",
                lambda: measured.raw_copy(readable=True),
            ),
            Variant("append", "EventStore.append, sealed and ordered", measured.append),
        ],
        [Ratio("append", "copy", 0.8), Ratio("append", "copy_log")],
    )
