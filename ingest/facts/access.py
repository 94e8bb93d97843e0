"""Who has access to a person's record, as far as decisions ask: a fold of the person's events.

The facts are those of the *person*: an authorisation given under the former INS stands under the
new one, and a block all the more. They are folded from the events of all linked records in their
order, and never kept in the head of one record (decision 0030).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Final, NamedTuple, TypedDict, cast

from schemas import events as names
from schemas.events import (
    AccessAuthorised,
    EmergencyAccessOpposed,
    EmergencyOppositionWithdrawn,
    IdentityDeclared,
)
from schemas.policy.may_see import earliest_birth_date


class AccessEvent(NamedTuple):
    """An event on who has access, or one that declares an identity. `position` orders them over all
    records of a person.
    """

    position: int
    name: str
    datum: Mapping[str, object]


@dataclass(slots=True)
class AccessFacts:
    """`authorised`: until when (epoch milliseconds), by holder. `opposed`: modes of emergency
    access. `birth_date`: the earliest day that an identity declared on one of his records allows,
    so that a representative's rights end too early rather than too late, in reading as well; None:
    none is declared.
    """

    authorised: dict[str, int] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    attending: str | None = None
    opposed: set[str] = field(default_factory=set)
    birth_date: date | None = None


def fold_access(records: Iterable[Iterable[AccessEvent]]) -> AccessFacts:
    """The facts after these events of each record of a person, in the order of their positions.

    Other events change nothing.
    """
    by_record = [sorted(record, key=_position) for record in records]
    facts = AccessFacts()
    for _, name, datum in sorted(chain.from_iterable(by_record), key=_position):
        change = _CHANGES.get(name)
        if change is not None:
            change(facts, datum)
    births = (_birth_date(record) for record in by_record)
    facts.birth_date = min((day for day in births if day is not None), default=None)
    return facts


def _position(event: AccessEvent) -> int:
    return event.position


def _birth_date(events: Iterable[AccessEvent]) -> date | None:
    """As last declared on a record, where that can be read."""
    born: date | None = None
    for _, name, datum in events:
        if name == names.IDENTITY_DECLARED:
            declared = cast(IdentityDeclared, datum)
            born = earliest_birth_date(declared["traits"]["birthDate"]) or born
    return born


def _authorised(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    authorised = cast(AccessAuthorised, datum)
    facts.authorised[authorised["professionalId"]] = authorised["until"]


def _withdrawn(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    facts.authorised.pop(_holder(datum), None)


def _blocked(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    facts.blocked.add(_holder(datum))


def _unblocked(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    """The end of a block gives nothing back: neither what the holder had under another INS, also
    where the link came later.
    """
    facts.blocked.discard(_holder(datum))
    _withdrawn(facts, datum)
    _ended(facts, datum)


def _opposed(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    facts.opposed.add(cast(EmergencyAccessOpposed, datum)["access"])


def _opposition_withdrawn(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    facts.opposed.discard(cast(EmergencyOppositionWithdrawn, datum)["access"])


def _designated(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    facts.attending = _holder(datum)


def _ended(facts: AccessFacts, datum: Mapping[str, object]) -> None:
    if facts.attending == _holder(datum):
        facts.attending = None


class _AboutHolder(TypedDict):
    professionalId: str


def _holder(datum: Mapping[str, object]) -> str:
    return cast(_AboutHolder, datum)["professionalId"]


_CHANGES: Final[Mapping[str, Callable[[AccessFacts, Mapping[str, object]], None]]] = {
    names.ACCESS_AUTHORISED: _authorised,
    names.ACCESS_WITHDRAWN: _withdrawn,
    names.PROFESSIONAL_BLOCKED: _blocked,
    names.PROFESSIONAL_UNBLOCKED: _unblocked,
    names.EMERGENCY_ACCESS_OPPOSED: _opposed,
    names.EMERGENCY_OPPOSITION_WITHDRAWN: _opposition_withdrawn,
    names.ATTENDING_PHYSICIAN_DESIGNATED: _designated,
    names.ATTENDING_PHYSICIAN_ENDED: _ended,
}

FACT_EVENTS: Final = frozenset({*_CHANGES, names.IDENTITY_DECLARED})
"""The events these facts are folded from; traces of consultations are not among them."""
