"""Planning of documents: act, author, times, identifiers, versions."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from .moments import DAY, HOUR
from .patients import Patient
from .planned import PlannedDocument
from .practice import Practice, Professional
from .randomness import between, pick, stream, uuid_oid
from .tables import Act, DocumentKind, Scenario, Sector, Step, load, read_sector

LOINC: Final = "2.16.840.1.113883.6.1"
_HISTORICAL: Final = 0.08
_LATE: Final = 0.12
_SAME_GP: Final = 0.8
_PRECISIONS: Final = ("second",) * 17 + ("minute",) * 2 + ("day",)


@dataclass(frozen=True, slots=True)
class FirstVersion:
    """A first version before its scenario is known."""

    document: PlannedDocument
    channel: Literal["DIRECT", "HISTORICAL"]


class DocumentPlanner:
    """Makes documents one after the other; a function of the seed and of the calls."""

    def __init__(self, seed: int, sectors: tuple[Sector, ...], period: tuple[int, int]) -> None:
        self._sectors = sectors
        self._practices = [Practice(seed, sector) for sector in sectors]
        self._prescribers = Practice(seed, read_sector("gp"))
        self._rng = stream(seed, "documents")
        self._ids = stream(seed, "document ids")
        self._start = period[0]
        self._number = 0
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
        self._number += 1
        document = PlannedDocument(
            number=self._number,
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
        return FirstVersion(document, channel)

    def finish(
        self, first: FirstVersion, patient: Patient, scenario: Scenario | None
    ) -> PlannedDocument:
        """The first version under the INS the person has then, as its scenario begins."""
        document = first.document
        if patient is document.patient and scenario is None:
            return document
        return replace(
            document,
            patient=patient,
            status=scenario.status if scenario else "complete",
            flags=scenario.flags if scenario else {},
        )

    def replacement(self, old: PlannedDocument, step: Step, sent: int) -> PlannedDocument:
        """The next version: same act, new identifier, the flags the new message says."""
        self._number += 1
        created = max(sent - 60 - int(self._rng.random() * 600), old.signed + 1)
        version = old.version + 1
        return replace(
            old,
            number=self._number,
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
        """Channel, start and stop of the act, creation: so that arrival is unlike act order."""
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

    def _author(self, sector: int, kind: DocumentKind, patient: Patient) -> Professional:
        found = self._practices[sector].of(kind.specialties)
        if kind.function == "PCP" and self._rng.random() < _SAME_GP:
            return found[patient.number % len(found)]
        return pick(self._rng, found)

    def _prescriber(self, kind: DocumentKind) -> Professional | None:
        if not (kind.prescriber or kind.recipient):
            return None
        return pick(self._rng, self._prescribers.of(self._prescribers.sector.kinds[0].specialties))

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
