"""The plan of a run: which message is sent when, as a stream in order of sending.

A pure function of seed, sectors, numbers of patients and documents, and the period. Memory holds
only what is still to come of documents already begun.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from random import Random
from typing import Final

from .documents_plan import DocumentPlanner
from .moments import moment
from .patients import Population
from .planned import ACCEPTED, UNCHANGED, Expected, Planned, PlannedDocument, rejected
from .practice import Professional
from .randomness import Weighted, between, stream, uuid_bytes, zipf
from .records_plan import RecordPlanner
from .tables import Scenario, Sector, Step

LIFE_CYCLE_SHARE: Final = 0.05
"""Share of life-cycle operations among the messages on documents."""
ZIPF_EXPONENT: Final = 0.7
PERIOD: Final = (moment(2022, 7, 1), moment(2025, 7, 1))
"""Acts spread over these three years unless another period is asked for."""

Event = Callable[[int], Iterator[Planned]]


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be simulated. `documents` counts deposits, replacing ones included."""

    seed: int
    sectors: tuple[Sector, ...]
    patients: int
    documents: int
    period: tuple[int, int] = PERIOD

    @property
    def expected_messages(self) -> int:
        """About how many messages it makes, for a progress bar."""
        return int(self.documents * 1.04) + 3 * min(self.patients, self.documents)

    def population(self) -> Population:
        """The persons of the run. Raises ValueError for too many."""
        return Population(self.seed, self.patients)


@dataclass(slots=True)
class _Life:
    """A document and what is still to happen to it."""

    document: PlannedDocument
    sender: Professional
    steps: Sequence[Step]
    expected: Expected
    expected_later: Expected


class Plan:
    """Iterate once over the messages of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.population = run.population()
        self._documents = DocumentPlanner(run.seed, run.sectors, run.period)
        self._records = RecordPlanner(run.seed, self.population, run.period)
        self._patients = zipf(run.patients, ZIPF_EXPONENT)
        self._choices = _Choices(run.sectors)
        self._rng = stream(run.seed, "plan")
        self._ids = stream(run.seed, "message ids")
        self._later: list[tuple[int, int, Event]] = []
        self._serial = 0

    def __iter__(self) -> Iterator[Planned]:
        """All messages in order of sending."""
        start, end = self._run.period
        reserved = 0
        while reserved < self._run.documents:
            sent = start + int(
                (end - start) * (reserved + self._rng.random()) / self._run.documents
            )
            yield from self._due(sent)
            left = self._run.documents - reserved
            reserved += yield from self._begin(sent, left)
        yield from self._due(None)

    def _due(self, until: int | None) -> Iterator[Planned]:
        while self._later and (until is None or self._later[0][0] <= until):
            at, _, event = heappop(self._later)
            yield from event(at)

    def _schedule(self, at: int, event: Event) -> None:
        self._serial += 1
        heappush(self._later, (min(at, self._run.period[1]), self._serial, event))

    def _begin(self, sent: int, left: int) -> Generator[Planned, None, int]:
        """A first deposit and all before it; the number of deposits its life will make."""
        patient = self.population[self._patients.draw(self._rng)]
        sector_number, kind_number = self._choices.draw(self._rng)
        first = self._documents.first(sector_number, kind_number, patient, sent)
        sender = first.document.author
        for message in self._records.before(patient, sent, sender):
            if message.sent <= sent:
                yield message
            else:
                self._schedule(message.sent, _emit(message))
        patient = self._records.known_as(patient, sent)
        minor = patient.age_at(sent) < 18
        scenario = self._choices.scenario(self._rng, sector_number, kind_number, minor, left)
        document = self._documents.finish(first, patient, scenario)
        restrictions = self._records.restrictions(patient)
        life = _Life(document, sender, scenario.steps if scenario else (), *_outcomes(restrictions))
        yield from self._deposit(life, document, sent, first.channel)
        self._go_on(life, sent)
        return _deposits(scenario)

    def _go_on(self, life: _Life, at: int) -> None:
        if not life.steps:
            return
        step, life.steps = life.steps[0], life.steps[1:]
        hours = between(self._rng, *step.after_hours)

        def event(due: int) -> Iterator[Planned]:
            yield from self._step(life, step, due)
            self._go_on(life, due)

        self._schedule(at + 1 + int(hours * 3600), event)

    def _step(self, life: _Life, step: Step, at: int) -> Iterator[Planned]:
        if step.do == "replace":
            life.document = self._documents.replacement(life.document, step, at)
            yield from self._deposit(life, life.document, at, "DIRECT")
            return
        yield self._operation(life, step, at)

    def _deposit(
        self, life: _Life, document: PlannedDocument, at: int, channel: str
    ) -> Iterator[Planned]:
        yield Planned(
            schema="DepositDocument",
            sent=at,
            message_id=uuid_bytes(self._ids),
            patient=document.patient,
            sender=life.sender,
            actor=life.sender,
            channel="HISTORICAL" if channel == "HISTORICAL" else "DIRECT",
            document=document,
            fields={},
            expected=life.expected,
            followed=bool(life.steps),
        )

    def _operation(self, life: _Life, step: Step, at: int) -> Planned:
        fields: dict[str, object] = {"uniqueId": life.document.uid, "reason": step.reason}
        if step.do == "visibility":
            for flag in ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"):
                fields[flag] = step.flags.get(flag)
        return Planned(
            schema=_SCHEMA_OF[step.do],
            sent=at,
            message_id=uuid_bytes(self._ids),
            patient=life.document.patient,
            sender=life.sender,
            actor=None if step.by == "patient" else life.sender,
            channel="DIRECT",
            document=life.document,
            fields=fields,
            expected=life.expected_later,
        )


_SCHEMA_OF: Final = {
    "visibility": "ChangeVisibility",
    "archive": "ArchiveDocument",
    "unarchive": "UnarchiveDocument",
    "delete": "DeleteDocument",
}


def _emit(message: Planned) -> Event:
    return lambda at: iter((replace(message, sent=at),))


def _outcomes(restrictions: tuple[str, ...]) -> tuple[Expected, Expected]:
    """Of a deposit, and of an operation on it, for a record that forbids at some time.

    No order holds between the topics: any message of such a person may meet the record open or
    not (DESIGN 5), and an operation may find that its deposit was refused.
    """
    if not restrictions:
        return ACCEPTED, ACCEPTED
    codes = rejected(*restrictions)
    return ACCEPTED + codes, ACCEPTED + UNCHANGED + codes + rejected("target_unknown")


def _deposits(scenario: Scenario | None) -> int:
    """How many deposits this life makes."""
    return 1 + sum(step.do == "replace" for step in scenario.steps) if scenario else 1


class _Choices:
    """Sector, kind and scenario by weight, scaled to the share of life-cycle operations."""

    def __init__(self, sectors: tuple[Sector, ...]) -> None:
        self._sectors = sectors
        self._of_sector = Weighted([sector.weight for sector in sectors])
        self._of_kind = [Weighted([kind.weight for kind in sector.kinds]) for sector in sectors]
        self._of_scenario = [
            [Weighted([weight for _, weight in kind.scenarios]) for kind in sector.kinds]
            for sector in sectors
        ]
        self._chance = self._scale()

    def _scale(self) -> float:
        """What turns the sum of a kind's scenario weights into the chance of any of them."""
        total = sum(sector.weight for sector in self._sectors)
        steps = 0.0
        for sector in self._sectors:
            kinds = sum(kind.weight for kind in sector.kinds)
            for kind in sector.kinds:
                share = sector.weight / total * kind.weight / kinds
                steps += share * sum(w * len(scenario.steps) for scenario, w in kind.scenarios)
        return LIFE_CYCLE_SHARE / (1 - LIFE_CYCLE_SHARE) / steps

    def draw(self, rng: Random) -> tuple[int, int]:
        """Numbers of a sector and of one of its kinds."""
        sector = self._of_sector.draw(rng)
        return sector, self._of_kind[sector].draw(rng)

    def scenario(
        self, rng: Random, sector: int, kind: int, minor: bool, left: int
    ) -> Scenario | None:
        """What befalls a document of this kind; None, nearly always: nothing.

        `left`: how many deposits may still be made.
        """
        row = self._sectors[sector].kinds[kind]
        if rng.random() >= self._chance * sum(weight for _, weight in row.scenarios):
            return None
        scenario = row.scenarios[self._of_scenario[sector][kind].draw(rng)][0]
        fits = _deposits(scenario) <= left and (minor or not scenario.minors_only)
        return scenario if fits else None
