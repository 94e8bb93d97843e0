"""Planning of the messages on records: opening, activation, identity, restrictions.

The fate of a person is drawn once, at his first document: later messages depend on it.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from producers.simulator.moments import DAY
from producers.simulator.population.patient import Patient
from producers.simulator.population.population import Population
from producers.simulator.population.professional import Professional
from producers.simulator.randomness import Weighted, between, stream, uuid_bytes

from .access import AccessPlanner
from .planned import ACCEPTED, UNCHANGED, Expected, Planned, rejected
from .sending_times import Calendar

_FATES: Final = ("ordinary", "implicit", "opposed", "closed", "revoked", "linked")
_WEIGHTS: Final = (66.0, 30.0, 1.2, 0.8, 1.0, 1.0)
_SETTLED_WEIGHTS: Final = (2.0, 97.0, 0.3, 0.2, 0.25, 0.25)
_RESTRICTIONS: Final = {
    "opposed": ("opposed",),
    "closed": ("record_closed", "person_deceased"),
    "revoked": ("identity_revoked",),
}
_ACTIVATED: Final = 0.6
_UNDONE: Final = 0.5


class RecordPlanner:
    """Plans the messages of the topic `patients`; a function of seed and calls.

    `settled`: most records were opened long ago, and few change.
    """

    def __init__(
        self, seed: int, population: Population, calendar: Calendar, *, settled: bool = False
    ) -> None:
        self._population = population
        self._calendar = calendar
        self._rng = stream(seed, "records")
        self._ids = stream(seed, "record message ids")
        self._fates = Weighted(_SETTLED_WEIGHTS if settled else _WEIGHTS)
        self._access = AccessPlanner(seed, calendar, settled=settled)
        self._fate_of: dict[int, str] = {}
        self._linked_at: dict[int, int] = {}

    def restrictions(self, patient: Patient) -> tuple[str, ...]:
        """The codes that may reject a message of this person, now or later."""
        return _RESTRICTIONS.get(self._fate_of.get(patient.number, ""), ())

    def known_as(self, patient: Patient, at: int) -> Patient:
        """The person under the INS that he has then: a NIA becomes a NIR with another number."""
        changed = self._linked_at.get(patient.number)
        if changed is None or at < changed:
            return patient
        return self._population.spare(patient.number)

    def before(self, patient: Patient, sent: int, sender: Professional) -> Iterator[Planned]:
        """The messages on the record of a person met for the first time, in order of sending.

        Some are to be sent after `sent`.
        """
        if patient.number in self._fate_of:
            return
        fate = self._fate_of[patient.number] = _FATES[self._fates.draw(self._rng)]
        if fate == "implicit":
            return
        make = _Maker(self._ids, patient, sender)
        # Ingestion may have read a document before, from the other topic: then nothing changes.
        yield make("OpenRecord", sent, {"reason": None}, ACCEPTED + UNCHANGED)
        yield make("DeclareIdentity", sent, _declared(patient, sent), ACCEPTED + UNCHANGED)
        if self._rng.random() < _ACTIVATED:
            yield make("ActivateRecord", sent, {}, ACCEPTED)
        yield from self._fate(fate, make, sent)
        if fate == "ordinary":
            yield from self._access.acts(make, sent)

    def _fate(self, fate: str, make: "_Maker", sent: int) -> Iterator[Planned]:
        at = self._after(sent)
        undone = self._rng.random() < _UNDONE
        later = self._after(at)
        reason = {"reason": None}
        if fate == "opposed":
            yield make("OpposeFeeding", at, reason, ACCEPTED)
            if undone:
                yield make("WithdrawOpposition", later, reason, ACCEPTED)
        elif fate == "closed":
            why = "DEATH" if not undone else "PERSON_ASKED"
            closing = {"reasonCode": why, "closedOn": None, "reason": None}
            yield make("CloseRecord", at, closing, ACCEPTED)
            if undone:
                yield make("OpenRecord", later, reason, ACCEPTED)
        elif fate == "revoked":
            yield make("RevokeIdentity", at, {"reason": "Nom de naissance corrigé"}, ACCEPTED)
            if undone:
                yield make("DeclareIdentity", later, _declared(make.patient, later), ACCEPTED)
        elif fate == "linked":
            yield from self._link(make, at, later, undone)

    def _link(self, make: "_Maker", at: int, later: int, undone: bool) -> Iterator[Planned]:
        """The person gets another number; a few links were wrong and are undone."""
        new = self._population.spare(make.patient.number)
        made = _Maker(self._ids, new, make.sender)
        old = {
            "otherOid": make.patient.oid,
            "otherMatricule": make.patient.matricule,
            "reason": None,
        }
        # The two records are on different partitions: the old one may not be known yet.
        either = ACCEPTED + rejected("record_unknown")
        yield made("OpenRecord", at, {"reason": None}, ACCEPTED + UNCHANGED)
        yield made("LinkIns", at, old, either)
        if undone:
            yield made("UnlinkIns", later, old, either + UNCHANGED)
        else:
            self._linked_at[make.patient.number] = at
            self._fate_of[new.number] = "ordinary"

    def _after(self, at: int) -> int:
        seconds = int(between(self._rng, DAY, max(2 * DAY, self._calendar.end - at)))
        return self._calendar.after(at, seconds)


class _Maker:
    """Makes messages on one record, sent by one professional's software."""

    def __init__(self, ids: Random, patient: Patient, sender: Professional) -> None:
        self._ids = ids
        self.patient = patient
        self.sender = sender

    def __call__(self, schema: str, at: int, fields: dict[str, Any], expected: Expected) -> Planned:
        by_patient = schema in _BY_PATIENT
        return Planned(
            schema=schema,
            sent=at,
            message_id=uuid_bytes(self._ids),
            patient=self.patient,
            sender=self.sender,
            actor=None if by_patient else self.sender,
            channel="DIRECT",
            document=None,
            fields=fields,
            expected=expected,
        )


_BY_PATIENT: Final = frozenset(
    {
        *("ActivateRecord", "OpposeFeeding", "WithdrawOpposition"),
        *("AuthoriseAccess", "WithdrawAccess", "BlockProfessional", "UnblockProfessional"),
        *("OpposeEmergencyAccess", "WithdrawEmergencyOpposition"),
    }
)


def _declared(patient: Patient, at: int) -> dict[str, Any]:
    return {"traits": patient.traits, "insiRequestedAt": at * 1000}
