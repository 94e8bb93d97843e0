"""Planning of documents: act, author, times, identifiers, versions."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from producers.simulator.moments import DAY, HOUR
from producers.simulator.population.authors import Machine, PatientAuthor, Writer
from producers.simulator.population.patient import Patient
from producers.simulator.population.practice import Practice
from producers.simulator.population.professional import Professional
from producers.simulator.randomness import between, pick, stream, uuid_oid
from producers.simulator.tables.cells import load
from producers.simulator.tables.rows import Act, DocumentKind, Scenario, Sector, Step
from producers.simulator.tables.sectors import read_sector

from .planned import PlannedDocument

LOINC: Final = "2.16.840.1.113883.6.1"
_HISTORICAL: Final = 0.08
_LATE: Final = 0.12
_SAME_GP: Final = 0.8
_PRECISIONS: Final = ("second",) * 17 + ("minute",) * 2 + ("day",)


@dataclass(frozen=True, slots=True)
class FirstVersion:
    """A first version whose scenario is not drawn yet. `sector`: the number of its sector."""

    document: PlannedDocument
    sector: int
    channel: Literal["DIRECT", "HISTORICAL"]


class DocumentPlanner:
    """Makes documents one after the other; a function of seed and calls.

    `start`: no act is earlier. `numbers`: of the documents, shared by all planners of a run.
    """

    def __init__(
        self, seed: int, sectors: tuple[Sector, ...], start: int, numbers: Iterator[int]
    ) -> None:
        purpose = sectors[0].purpose
        self._sectors = sectors
        self._practices = [Practice(seed, sector) for sector in sectors]
        self._prescribers = Practice(seed, read_sector("gp"))
        self._rng = stream(seed, "documents", *purpose)
        self._ids = stream(seed, "document ids", *purpose)
        self._start = start
        self._numbers = numbers
        self._machines = [
            [Machine(o, sector.kinds[0].specialties[0]) for o in practice.organisations]
            if sector.author == "machine"
            else []
            for sector, practice in zip(sectors, self._practices, strict=True)
        ]
        self._patients: dict[tuple[int, str], PatientAuthor] = {}
        self._panels = [
            Act(panel["code"], LOINC, panel["title"]) for panel in load("analyses")["panels"]
        ]

    def first(self, sector: int, kind: int, patient: Patient, sent: int) -> FirstVersion:
        """The first version of a document that is sent at this moment."""
        rng = self._rng
        row = self._sectors[sector].kinds[kind]
        channel, started, stopped, created = self._times(row, sent)
        author = self._author(sector, row, patient)
        panels = self._draw_panels(rng, row)
        prescriber = self._prescriber(row)
        set_id = uuid_oid(self._ids)
        document = PlannedDocument(
            number=next(self._numbers),
            kind=row,
            patient=patient,
            author=author,
            signer=author,
            prescriber=prescriber,
            act_start=started,
            act_stop=stopped,
            act_precision=self._precision(row),
            acts=tuple(self._panels[n] for n in panels) or (pick(rng, row.acts),),
            panels=panels,
            order=f"{rng.getrandbits(40):013d}" if row.order else None,
            accession=f"{rng.getrandbits(40):013d}" if row.study else None,
            study=uuid_oid(self._ids) if row.study else None,
            created=created,
            signed=created + int(rng.random() * max(1, min(600, sent - created))),
            set_id=set_id,
            version=1,
            uid=f"{set_id}.1",
            replaces=None,
            status="complete",
            flags={},
            visibility_only=False,
        )
        return FirstVersion(document, sector, channel)

    def declarer(self, document: PlannedDocument) -> Professional:
        """Who declares the patient's identity: the author, or a GP if the author is no person."""
        if isinstance(document.author, Professional):
            return document.author
        found = self._general_practitioners()
        return found[document.patient.number % len(found)]

    def finish(
        self,
        first: FirstVersion,
        patient: Patient,
        scenario: Scenario | None,
        *,
        followed: bool = False,
    ) -> tuple[PlannedDocument, ...]:
        """The first version with its scenario, under the INS that the person has then.

        With `followed`, the document that follows it comes second.
        """
        document = first.document
        if patient is not document.patient or scenario is not None:
            author = document.author
            if isinstance(author, PatientAuthor):
                author = self._patient_author(first.sector, patient)
            document = replace(
                document,
                patient=patient,
                author=author,
                signer=author,
                status=scenario.status if scenario else "complete",
                flags=scenario.flags if scenario else {},
            )
        if not followed or document.kind.follower is None:
            return (document,)
        kind = self._sectors[first.sector].kind(document.kind.follower)
        set_id = uuid_oid(self._ids)
        return document, replace(
            document, number=next(self._numbers), kind=kind, set_id=set_id, uid=f"{set_id}.1"
        )

    def replacement(self, old: PlannedDocument, step: Step, sent: int) -> PlannedDocument:
        """The next version: the same act, a new identifier, the flags of the new message."""
        created = max(sent - 60 - int(self._rng.random() * 600), old.signed + 1)
        version = old.version + 1
        return replace(
            old,
            number=next(self._numbers),
            created=created,
            signed=created,
            version=version,
            uid=f"{old.set_id}.{version}",
            replaces=old.uid,
            status=step.status,
            flags=step.flags,
            visibility_only=step.visibility_only,
        )

    def _times(
        self, kind: DocumentKind, sent: int
    ) -> tuple[Literal["DIRECT", "HISTORICAL"], int, int, int]:
        """Channel, start and stop of the act, creation; arrival is not in order of acts."""
        rng = self._rng
        chance = rng.random()
        historical = chance < _HISTORICAL
        if historical:
            waited = int(between(rng, 30 * DAY, 1000 * DAY))
        elif chance < _HISTORICAL + _LATE:
            waited = int(between(rng, DAY, 25 * DAY))
        else:
            waited = int(between(rng, 20, 1800))
        written = int(between(rng, *kind.written_after_hours) * HOUR)
        lasted = int(between(rng, *kind.duration_hours) * HOUR)
        earliest = self._start + int(rng.random() * max(0, sent - self._start) * 0.9)
        created = sent - waited
        if created - written - lasted < self._start:
            created = min(sent, max(created, earliest + written + lasted))
        stopped = created - written
        return ("HISTORICAL" if historical else "DIRECT"), stopped - lasted, stopped, created

    def _author(self, sector: int, kind: DocumentKind, patient: Patient) -> Writer:
        match self._sectors[sector].author:
            case "patient":
                return self._patient_author(sector, patient)
            case "machine":
                return pick(self._rng, self._machines[sector])
        found = self._practices[sector].of(kind.specialties)
        if kind.function == "PCP" and self._rng.random() < _SAME_GP:
            return found[patient.number % len(found)]
        return pick(self._rng, found)

    def _patient_author(self, sector: int, patient: Patient) -> PatientAuthor:
        key = sector, patient.matricule
        found = self._patients.get(key)
        if found is None:
            space = self._practices[sector].organisations[0]
            found = self._patients[key] = PatientAuthor(patient, space)
        return found

    def _general_practitioners(self) -> tuple[Professional, ...]:
        return self._prescribers.of(self._prescribers.sector.kinds[0].specialties)

    def _prescriber(self, kind: DocumentKind) -> Professional | None:
        if not (kind.prescriber or kind.recipient):
            return None
        return pick(self._rng, self._general_practitioners())

    def _draw_panels(self, rng: Random, kind: DocumentKind) -> tuple[int, ...]:
        if kind.panels is None:
            return ()
        low, high = kind.panels
        count = low + int(rng.random() * (high - low + 1))
        first = int(rng.random() * len(self._panels))
        return tuple(sorted((first + n) % len(self._panels) for n in range(count)))

    def _precision(self, kind: DocumentKind) -> str:
        return (
            kind.act_precision if kind.act_precision != "second" else pick(self._rng, _PRECISIONS)
        )
