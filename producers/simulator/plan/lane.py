"""The documents of sectors planned together: first versions, what follows them, what befalls them.

A lane draws from number streams of its own: what one sector makes does not depend on which others
are in the run. Only persons are shared: their records, and the INS they have at a moment.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

from producers.simulator.population.authors import Machine, PatientAuthor, Writer
from producers.simulator.population.patients import Patient, Population
from producers.simulator.population.practice import Professional
from producers.simulator.randomness import Weighted, between, stream, uuid_bytes
from producers.simulator.tables.rows import Sector, Step

from .agenda import Agenda, Event
from .choices import Choices, deposits
from .documents import DocumentPlanner
from .planned import ACCEPTED, UNCHANGED, Expected, Planned, PlannedDocument, rejected
from .records import RecordPlanner
from .sending_times import Calendar

_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class World:
    """What all lanes of a run share. `acts_from`: no act is earlier."""

    seed: int
    population: Population
    patients: Weighted
    records: RecordPlanner
    calendar: Calendar
    agenda: Agenda
    numbers: "count[int]"
    acts_from: int


@dataclass(slots=True)
class _Life:
    """A document, with one that follows it where there is one, and what is still to happen."""

    documents: tuple[PlannedDocument, ...]
    sender: Writer
    steps: Sequence[Step]
    expected: Expected
    expected_later: Expected

    @property
    def actor(self) -> Professional | Machine | None:
        """Who acts as its author; None: the patient."""
        return None if isinstance(self.sender, PatientAuthor) else self.sender


class Lane:
    """Puts its documents on the agenda one after the other."""

    def __init__(self, world: World, sectors: tuple[Sector, ...], documents: int) -> None:
        purpose = sectors[0].purpose
        self._world = world
        self._sectors = sectors
        self._wanted = documents
        self._reserved = 0
        self._planner = DocumentPlanner(world.seed, sectors, world.acts_from, world.numbers)
        self._choices = Choices(sectors)
        self._rng = stream(world.seed, "plan", *purpose)
        self._ids = stream(world.seed, "message ids", *purpose)

    def begin_next(self) -> None:
        """Put the next first version on the agenda, if there is one."""
        if self._reserved < self._wanted:
            position = self._reserved + self._rng.random()
            self._world.agenda.begin(self._world.calendar.at(position, self._wanted), self._begin)

    def _begin(self, at: int) -> Iterator[Planned]:
        self._reserved += yield from self._first(at, self._wanted - self._reserved)
        self.begin_next()

    def _first(self, sent: int, left: int) -> Generator[Planned, None, int]:
        """A first deposit and all before it; the number of deposits its life will make."""
        world, records = self._world, self._world.records
        patient = world.population[world.patients.draw(self._rng)]
        sector, kind = self._choices.draw(self._rng)
        patient = self._of_age(patient, self._sectors[sector].ages, sent)
        first = self._planner.first(sector, kind, patient, sent)
        for message in records.before(patient, sent, self._planner.declarer(first.document)):
            if message.sent <= sent:
                yield message
            else:
                world.agenda.follow(message.sent, _emit(message))
        patient = records.known_as(patient, sent)
        share = self._sectors[sector].kinds[kind].follower_share
        each = 2 if left > 1 and share and self._rng.random() < share else 1
        minor = patient.age_at(sent) < 18
        scenario = self._choices.scenario(self._rng, sector, kind, minor, left // each)
        documents = self._planner.finish(first, patient, scenario, followed=each == 2)
        life = _Life(
            documents,
            documents[0].author,
            scenario.steps if scenario else (),
            *_outcomes(records.restrictions(patient)),
        )
        yield from self._deposits(life, sent, first.channel)
        self._go_on(life, sent)
        return each * deposits(scenario)

    def _of_age(self, patient: Patient, ages: tuple[int, int] | None, at: int) -> Patient:
        """This person or, where the sector is for others, one of that age, if some are met."""
        if ages is None:
            return patient
        low, high = ages
        for _ in range(_TRIES):
            if low <= patient.age_at(at) <= high:
                break
            patient = self._world.population[self._world.patients.draw(self._rng)]
        return patient

    def _go_on(self, life: _Life, at: int) -> None:
        if not life.steps:
            return
        step, life.steps = life.steps[0], life.steps[1:]
        seconds = 1 + int(between(self._rng, *step.after_hours) * 3600)

        def event(due: int) -> Iterator[Planned]:
            yield from self._step(life, step, due)
            self._go_on(life, due)

        self._world.agenda.follow(self._world.calendar.after(at, seconds), event)

    def _step(self, life: _Life, step: Step, at: int) -> Iterator[Planned]:
        if step.do == "replace":
            replace = self._planner.replacement
            life.documents = tuple(replace(document, step, at) for document in life.documents)
            yield from self._deposits(life, at, "DIRECT")
            return
        for document in life.documents:
            yield self._operation(life, document, step, at)

    def _deposits(
        self, life: _Life, at: int, channel: Literal["DIRECT", "HISTORICAL"]
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

    def _operation(self, life: _Life, document: PlannedDocument, step: Step, at: int) -> Planned:
        fields: dict[str, object] = {"uniqueId": document.uid, "reason": step.reason}
        if step.do == "visibility":
            for flag in ("masquePs", "invisiblePatient", "invisibleRepresentantsLegaux"):
                fields[flag] = step.flags.get(flag)
        # What becomes of a report becomes of its KOS by itself (SPEC g).
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


def _emit(message: Planned) -> Event:
    return lambda at: iter((message.at(at),))


def _outcomes(restrictions: tuple[str, ...]) -> tuple[Expected, Expected]:
    """Of a deposit, and of an operation on it, for a record that forbids at some time.

    No order holds between the topics: any message of such a person may meet the record open or
    not (decision 0002), and an operation may find that its deposit was refused.
    """
    if not restrictions:
        return ACCEPTED, ACCEPTED
    codes = rejected(*restrictions)
    return ACCEPTED + codes, ACCEPTED + UNCHANGED + codes + rejected("target_unknown")
