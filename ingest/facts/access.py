"""Who has access to a person's record, as far as decisions ask for it: a fold of his events.

The facts are those of the *person*: an authorisation given under his former INS stands under the
new one, and a block all the more. So they are folded from the events of all linked records in their
order, never kept in one record's head.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any, Final, NamedTuple

from schemas import events as names
from schemas.policy.may_see import earliest_birth_date


class Said(NamedTuple):
    """An event that says something about access. `place` orders them over all records."""

    place: int
    name: str
    datum: Mapping[str, Any]


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


FACT_EVENTS: Final = frozenset(
    {
        names.ACCESS_AUTHORISED,
        names.ACCESS_WITHDRAWN,
        names.ATTENDING_PHYSICIAN_DESIGNATED,
        names.ATTENDING_PHYSICIAN_ENDED,
        names.EMERGENCY_ACCESS_OPPOSED,
        names.EMERGENCY_OPPOSITION_WITHDRAWN,
        names.IDENTITY_DECLARED,
        names.PROFESSIONAL_BLOCKED,
        names.PROFESSIONAL_UNBLOCKED,
    }
)
"""The events these facts are folded from; traces of consultations are not among them."""


def fold_access(records: Iterable[Iterable[Said]]) -> AccessFacts:
    """The facts after what the events of each record of a person say, in the order of their places.

    Other events change nothing.
    """
    said = [sorted(record, key=_place) for record in records]
    facts = AccessFacts()
    for _, name, datum in sorted(chain.from_iterable(said), key=_place):
        _apply(facts, name, datum)
    facts.birth_date = min((day for day in map(_born, said) if day is not None), default=None)
    return facts


def _place(said: Said) -> int:
    return said.place


def _born(said: Iterable[Said]) -> date | None:
    """As last declared on a record, where that can be read."""
    born: date | None = None
    for _, name, datum in said:
        if name == names.IDENTITY_DECLARED:
            born = earliest_birth_date(datum["traits"]["birthDate"]) or born
    return born


def _apply(facts: AccessFacts, name: str, datum: Mapping[str, Any]) -> None:
    match name:
        case names.ACCESS_AUTHORISED:
            facts.authorised[datum["professionalId"]] = datum["until"]
        case names.ACCESS_WITHDRAWN:
            facts.authorised.pop(datum["professionalId"], None)
        case names.PROFESSIONAL_BLOCKED:
            facts.blocked.add(datum["professionalId"])
        case names.PROFESSIONAL_UNBLOCKED:
            facts.blocked.discard(datum["professionalId"])
        case names.EMERGENCY_ACCESS_OPPOSED:
            facts.opposed.add(datum["access"])
        case names.EMERGENCY_OPPOSITION_WITHDRAWN:
            facts.opposed.discard(datum["access"])
        case names.ATTENDING_PHYSICIAN_DESIGNATED:
            facts.attending = datum["professionalId"]
        case names.ATTENDING_PHYSICIAN_ENDED:
            if facts.attending == datum["professionalId"]:
                facts.attending = None
