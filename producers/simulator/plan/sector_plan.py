"""The documents of sectors planned together: first versions, and all that follows them.

Each plan draws from number streams of its own: what one sector makes does not depend on the other
sectors of the run. Only persons are shared: their records, and the INS they have at a moment.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

from producers.simulator.plan.choices import Choices, deposits
from producers.simulator.plan.document_life import DocumentLife, expected_outcomes
from producers.simulator.plan.documents import DocumentPlanner
from producers.simulator.plan.planned import UNCHANGED, Planned, PlannedDocument
from producers.simulator.plan.records import RecordPlanner
from producers.simulator.plan.schedule import MakeMessages, Schedule
from producers.simulator.plan.sending_times import Calendar
from producers.simulator.population.patient import Patient
from producers.simulator.population.population import Population
from producers.simulator.randomness import Weighted, between, stream, uuid_bytes
from producers.simulator.tables.rows import Sector, Step

_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class SharedPlan:
    """What all sector plans of a run share. `acts_from`: no act is earlier."""

    seed: int
    population: Population
    patients: Weighted
    records: RecordPlanner
    calendar: Calendar
    schedule: Schedule
    numbers: "count[int]"
    acts_from: int


class SectorPlan:
    """Puts its documents on the schedule one after the other."""

    def __init__(self, shared: SharedPlan, sectors: tuple[Sector, ...], documents: int) -> None:
        purpose = sectors[0].purpose
        self._shared = shared
        self._sectors = sectors
        self._wanted = documents
        self._reserved = 0
        self._planner = DocumentPlanner(shared.seed, sectors, shared.acts_from, shared.numbers)
        self._choices = Choices(sectors)
        self._rng = stream(shared.seed, "plan", *purpose)
        self._ids = stream(shared.seed, "message ids", *purpose)

    def begin_next(self) -> None:
        """The next first version is on the schedule, if there is one."""
        if self._reserved < self._wanted:
            position = self._reserved + self._rng.random()
            self._shared.schedule.begin(
                self._shared.calendar.at(position, self._wanted), self._begin
            )

    def _begin(self, at: int) -> Iterator[Planned]:
        self._reserved += yield from self._first(at, self._wanted - self._reserved)
        self.begin_next()

    def _first(self, sent: int, left: int) -> Generator[Planned, None, int]:
        """A first deposit and what comes before it; returns how many deposits its life makes."""
        shared, records = self._shared, self._shared.records
        patient = shared.population[shared.patients.draw(self._rng)]
        sector, kind = self._choices.draw(self._rng)
        patient = self._of_age(patient, self._sectors[sector].ages, sent)
        first = self._planner.first(sector, kind, patient, sent)
        for message in records.before(patient, sent, self._planner.declarer(first.document)):
            if message.sent <= sent:
                yield message
            else:
                shared.schedule.follow(message.sent, _emit(message))
        patient = records.known_as(patient, sent)
        share = self._sectors[sector].kinds[kind].follower_share
        each = 2 if left > 1 and share and self._rng.random() < share else 1
        minor = patient.age_at(sent) < 18
        scenario = self._choices.scenario(self._rng, sector, kind, minor, left // each)
        documents = self._planner.finish(first, patient, scenario, followed=each == 2)
        expected, expected_later = expected_outcomes(records.restrictions(patient))
        life = DocumentLife(
            documents=documents,
            sender=documents[0].author,
            steps=scenario.steps if scenario else (),
            expected=expected,
            expected_later=expected_later,
        )
        yield from self._deposits(life, sent, first.channel)
        self._go_on(life, sent)
        return each * deposits(scenario)

    def _of_age(self, patient: Patient, ages: tuple[int, int] | None, at: int) -> Patient:
        """This person, or one of the ages of the sector if one is found in a few tries."""
        if ages is None:
            return patient
        low, high = ages
        for _ in range(_TRIES):
            if low <= patient.age_at(at) <= high:
                break
            patient = self._shared.population[self._shared.patients.draw(self._rng)]
        return patient

    def _go_on(self, life: DocumentLife, at: int) -> None:
        if not life.steps:
            return
        step, life.steps = life.steps[0], life.steps[1:]
        seconds = 1 + int(between(self._rng, *step.after_hours) * 3600)

        def make(due: int) -> Iterator[Planned]:
            yield from self._step(life, step, due)
            self._go_on(life, due)

        self._shared.schedule.follow(self._shared.calendar.after(at, seconds), make)

    def _step(self, life: DocumentLife, step: Step, at: int) -> Iterator[Planned]:
        if step.do == "replace":
            replace = self._planner.replacement
            life.documents = tuple(replace(document, step, at) for document in life.documents)
            yield from self._deposits(life, at, "DIRECT")
            return
        for document in life.documents:
            yield self._operation(life, document, step, at)

    def _deposits(
        self, life: DocumentLife, at: int, channel: Literal["DIRECT", "HISTORICAL"]
    ) -> Iterator[Planned]:
        for document in life.documents:
            yield Planned(
                schema="DepositDocument",
                sent=at,
                message_id=uuid_bytes(self._ids),
                patient=document.patient,
                sender=life.sender,
                actor=life.actor,
                channel=channel,
                document=document,
                fields={},
                expected=life.expected,
                followed=bool(life.steps),
            )

    def _operation(
        self, life: DocumentLife, document: PlannedDocument, step: Step, at: int
    ) -> Planned:
        fields: dict[str, object] = {"uniqueId": document.uid, "reason": step.reason}
        if step.do == "visibility":
            for flag in ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"):
                fields[flag] = step.flags.get(flag)
        # A KOS follows its report by itself (SPEC g).
        follows = document.kind.body == "kos" and step.do != "visibility"
        return Planned(
            schema=_SCHEMA_OF[step.do],
            sent=at,
            message_id=uuid_bytes(self._ids),
            patient=document.patient,
            sender=life.sender,
            actor=None if step.by == "patient" else life.actor,
            channel="DIRECT",
            document=document,
            fields=fields,
            expected=life.expected_later + (UNCHANGED if follows else ()),
        )


_SCHEMA_OF: Final = {
    "visibility": "ChangeVisibility",
    "archive": "ArchiveDocument",
    "unarchive": "UnarchiveDocument",
    "delete": "DeleteDocument",
}


def _emit(message: Planned) -> MakeMessages:
    return lambda at: iter((message.at(at),))
