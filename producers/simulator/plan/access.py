"""Planning of who gets access to a record, who loses it, and who consults it (SPEC d.5, h).

Access is drawn once a person, from a number stream of its own: the rest of a plan does not depend
on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from producers.simulator.moments import DAY
from producers.simulator.population.professional import Professional
from producers.simulator.randomness import Weighted, between, stream

from .planned import ACCEPTED, Expected, Planned, rejected
from .sending_times import Calendar

_WEIGHTS: Final = (80.0, 9.0, 4.0, 5.0, 0.8, 0.7, 0.5)
_SETTLED_WEIGHTS: Final = (95.0, 1.5, 0.3, 3.0, 0.05, 0.1, 0.05)
_UNDONE: Final = 0.4
_MOTIVES: Final = (
    "Personne inconsciente, prise en charge aux urgences",
    "Détresse vitale, personne hors d'état d'exprimer sa volonté",
)


class Maker(Protocol):
    """Makes messages on one record; `sender`: the professional who met the person."""

    sender: Professional

    def __call__(
        self, schema: str, at: int, fields: dict[str, Any], expected: Expected
    ) -> Planned: ...


class AccessPlanner:
    """Messages on access by a person and his professional; a function of seed and calls."""

    def __init__(self, seed: int, calendar: Calendar, *, settled: bool) -> None:
        self._rng = stream(seed, "access")
        self._calendar = calendar
        self._acts = Weighted(_SETTLED_WEIGHTS if settled else _WEIGHTS)

    def acts(self, make: Maker, sent: int) -> Iterator[Planned]:
        """The messages about one person whose record is open, from `sent` on."""
        act = _ACTS[self._acts.draw(self._rng)]
        if act is None:
            return
        longest = max(2 * DAY, self._calendar.end - sent)
        at = self._calendar.after(sent, int(between(self._rng, DAY, longest)))
        undone = self._rng.random() < _UNDONE
        motive = _MOTIVES[int(self._rng.random() * len(_MOTIVES))]
        yield from act(make, _Moments(sent, at, undone, motive))


@dataclass(frozen=True, slots=True)
class _Moments:
    """`sent`: the first message; `at`: a later one, which takes the first back if `undone`."""

    sent: int
    at: int
    undone: bool
    motive: str


def _authorised(make: Maker, when: _Moments) -> Iterator[Planned]:
    yield make("AuthoriseAccess", when.sent, {**_named(make), "until": None}, ACCEPTED)
    if when.undone:
        yield make("WithdrawAccess", when.at, _holder(make), ACCEPTED)


def _attending(make: Maker, when: _Moments) -> Iterator[Planned]:
    if not make.sender.is_doctor:
        return
    yield make("DesignateAttendingPhysician", when.sent, _named(make), ACCEPTED)
    if when.undone:
        yield make("EndAttendingPhysician", when.at, _holder(make), ACCEPTED)


def _consulted(make: Maker, when: _Moments) -> Iterator[Planned]:
    yield make("AuthoriseAccess", when.sent, {**_named(make), "until": None}, ACCEPTED)
    yield make("RecordAccess", when.at, _access(when.at), _ANY)


def _blocked(make: Maker, when: _Moments) -> Iterator[Planned]:
    yield make("BlockProfessional", when.sent, _named(make), ACCEPTED)
    if when.undone:
        yield make("UnblockProfessional", when.at, _holder(make), ACCEPTED)


def _break_glass(make: Maker, when: _Moments) -> Iterator[Planned]:
    yield make("RecordAccess", when.at, _emergency(when, "GRANTED"), _ANY)


def _emergency_opposed(make: Maker, when: _Moments) -> Iterator[Planned]:
    opposition = {"access": "BREAK_GLASS", "reason": None}
    yield make("OpposeEmergencyAccess", when.sent, opposition, ACCEPTED)
    if when.undone:
        yield make("WithdrawEmergencyOpposition", when.at, opposition, ACCEPTED)
    else:
        yield make("RecordAccess", when.at, _emergency(when, "REFUSED"), _ANY)


_ACTS: Final = (
    *(None, _authorised, _attending, _consulted),
    *(_blocked, _break_glass, _emergency_opposed),
)
_ANY: Final = ACCEPTED + rejected("record_unknown")
"""A fault may have been put into the message that opens the record."""


def _holder(make: Maker) -> dict[str, Any]:
    return {"professionalId": make.sender.identifier, "reason": None}


def _named(make: Maker) -> dict[str, Any]:
    return {**_holder(make), "professionalName": make.sender.name}


def _access(at: int) -> dict[str, Any]:
    """A consultation of the list, a minute before it is traced."""
    return {
        "mode": "NORMAL",
        "motive": None,
        "action": "LIST",
        "outcome": "GRANTED",
        "documentIds": [],
        "accessedAt": (at - 60) * 1000,
    }


def _emergency(when: _Moments, outcome: str) -> dict[str, Any]:
    grounds = {"mode": "BREAK_GLASS", "motive": when.motive, "outcome": outcome}
    return {**_access(when.at), **grounds}
