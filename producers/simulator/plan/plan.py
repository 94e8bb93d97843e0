"""The plan of a run: which message is sent when, as a stream in order of sending.

It is a pure function of seed, sectors, numbers of patients and documents, and times of sending.
Memory holds only what is still to come of documents already begun.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from producers.simulator.moments import moment
from producers.simulator.population.population import Population
from producers.simulator.randomness import zipf
from producers.simulator.tables.rows import Sector

from .choices import LIFE_CYCLE_SHARE
from .planned import Planned
from .records import RecordPlanner
from .schedule import Schedule
from .sector_plan import SectorPlan, SharedPlan
from .sending_times import Calendar, Evenly

__all__ = ["LIFE_CYCLE_SHARE", "PERIOD", "ZIPF_EXPONENT", "Plan", "Run"]

ZIPF_EXPONENT: Final = 0.7
PERIOD: Final = (moment(2022, 7, 1), moment(2025, 7, 1))
"""Acts spread over these three years unless another period is asked for."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be simulated. `documents` counts deposits, replacements included.

    Acts are of the period, and messages are sent in it, unless `calendar` says otherwise.
    `settled`: nearly all records were opened before.
    """

    seed: int
    sectors: tuple[Sector, ...]
    patients: int
    documents: int
    period: tuple[int, int] = PERIOD
    calendar: Calendar | None = None
    settled: bool = False

    @property
    def expected_messages(self) -> int:
        """About how many messages it makes, for a progress bar."""
        of_records = 0 if self.settled else 3 * min(self.patients, self.documents)
        return int(self.documents * 1.04) + of_records

    @property
    def sending(self) -> Calendar:
        """When messages are sent."""
        return self.calendar or Evenly(*self.period)

    def population(self) -> Population:
        """The persons of the run. Raises ValueError for too many."""
        return Population(self.seed, self.patients)


class Plan:
    """Iterate once over the messages of a run."""

    def __init__(self, run: Run) -> None:
        calendar = run.sending
        self.population = run.population()
        self._schedule = Schedule(calendar.end)
        shared = SharedPlan(
            seed=run.seed,
            population=self.population,
            patients=zipf(run.patients, ZIPF_EXPONENT),
            records=RecordPlanner(run.seed, self.population, calendar, settled=run.settled),
            calendar=calendar,
            schedule=self._schedule,
            numbers=count(1),
            acts_from=run.period[0],
        )
        self._sector_plans = [SectorPlan(shared, sectors, share) for sectors, share in _shares(run)]

    def __iter__(self) -> Iterator[Planned]:
        """All messages in order of sending."""
        for sector_plan in self._sector_plans:
            sector_plan.begin_next()
        yield from self._schedule.messages()


def _shares(run: Run) -> list[tuple[tuple[Sector, ...], int]]:
    """The sectors planned together, and how many documents they make, by weight."""
    together: dict[tuple[str, ...], list[Sector]] = {}
    for sector in run.sectors:
        together.setdefault(sector.purpose, []).append(sector)
    weights = [sum(sector.weight for sector in sectors) for sectors in together.values()]
    total = sum(weights)
    found, weight, given = [], 0.0, 0
    for sectors, own in zip(together.values(), weights, strict=True):
        weight += own
        until = round(run.documents * weight / total)
        found.append((tuple(sectors), until - given))
        given = until
    return found
