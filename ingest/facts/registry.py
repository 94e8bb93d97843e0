"""An entry of the registry (software, service, company) as the fold of its events. Pure.

Its events have record 0 and are not sealed: nothing in them is about a person.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

from schemas.events import (
    COMPANY_CERTIFIED,
    COMPANY_WITHDRAWN,
    REGISTRY_OPENED,
    SERVICE_EVALUATED,
    SERVICE_REFERENCED,
    SERVICE_WITHDRAWN,
    SOFTWARE_REFERENCED,
    SOFTWARE_WITHDRAWN,
)
from schemas.feed.registry import (
    CompanyCertified,
    CompanyWithdrawn,
    RegistryOpened,
    ServiceReferenced,
    ServiceWithdrawn,
    SoftwareReferenced,
    SoftwareWithdrawn,
)
from schemas.forms.paris_days import begin_ms, end_ms
from schemas.forms.stream_ids import registry_stream

REGISTRY_RECORD: Final = 0
"""The record of its streams: no person's, without a key."""


class Kind(IntEnum):
    """What an entry is about; `stream.status` of its stream, which no other stream of record 0 has.

    Names are those of `RegistryKind` in the schemas.
    """

    SOFTWARE = 1
    SERVICE = 2
    COMPANY = 3


EntryState = Literal["announced", "valid", "expired", "withdrawn"]
"""Of an entry at a moment. `announced`: its first period has not begun."""


class Period(NamedTuple):
    """Milliseconds since 1970: from `begin`, before `end` (None: no end).

    `withdrawn`: it ended, or was never to begin, because somebody withdrew it.
    """

    begin: int
    end: int | None
    withdrawn: bool = False

    def covers(self, moment: int) -> bool:
        """Whether the moment is in it."""
        return self.begin <= moment and (self.end is None or moment < self.end)


class RegistryEntry(NamedTuple):
    """An entry after its last event. `version` 0: there is none.

    `periods`: by their begin. `reference`: its last reference or certificate; `evaluated`: its last
    evaluation; `withdrawn`: its last withdrawal, None once it was referenced again.
    """

    version: int = 0
    kind: int = 0
    periods: tuple[Period, ...] = ()
    reference: Mapping[str, object] | None = None
    evaluated: Mapping[str, object] | None = None
    withdrawn: Mapping[str, object] | None = None

    def state_at(self, moment: int) -> EntryState | None:
        """What it is at a moment; None when it never was anything."""
        if not self.periods:
            return None
        last: Period | None = None
        for period in self.periods:
            if period.covers(moment):
                return "valid"
            if period.begin <= moment:
                last = period
        if last is None:
            return "withdrawn" if all(period.withdrawn for period in self.periods) else "announced"
        return "withdrawn" if last.withdrawn else "expired"


NO_ENTRY: Final = RegistryEntry()
KIND_OF: Final[Mapping[str, Kind]] = {
    SOFTWARE_REFERENCED: Kind.SOFTWARE,
    SOFTWARE_WITHDRAWN: Kind.SOFTWARE,
    SERVICE_REFERENCED: Kind.SERVICE,
    SERVICE_EVALUATED: Kind.SERVICE,
    SERVICE_WITHDRAWN: Kind.SERVICE,
    COMPANY_CERTIFIED: Kind.COMPANY,
    COMPANY_WITHDRAWN: Kind.COMPANY,
}
"""Of which kind of entry an event is."""


def entry_stream(kind: Kind, name: str) -> bytes:
    """The stream of the entry of this kind with this identifier."""
    return registry_stream(f"{kind.name}|{name}")


@lru_cache(maxsize=65_536)
def software_stream(name: str) -> bytes:
    """That of a software: asked for with every deposit, and hashing an enum member is slow."""
    return entry_stream(Kind.SOFTWARE, name)


@lru_cache(maxsize=4096)
def company_stream(name: str) -> bytes:
    """That of a company."""
    return entry_stream(Kind.COMPANY, name)


KIND_STREAM: Final[Mapping[Kind, bytes]] = {kind: registry_stream(kind.name) for kind in Kind}
"""The stream that exists once the registry has an entry of this kind."""


def _period(first: str, last: str | None) -> Period:
    """From a day to a day, both included (None: no end), by the calendar of Paris."""
    return Period(begin_ms(first), None if last is None else end_ms(last))


def evolve_entry(entry: RegistryEntry, name: str, datum: Mapping[str, object]) -> RegistryEntry:
    """The entry after one more event. Raises KeyError for an event that is not of the registry."""
    version = entry.version + 1
    if name == REGISTRY_OPENED:
        opened = cast(RegistryOpened, datum)
        return entry._replace(version=version, kind=Kind[opened["kind"]].value)
    kind = KIND_OF[name].value
    if name == SERVICE_EVALUATED:
        return entry._replace(version=version, kind=kind, evaluated=datum)
    if name in _WITHDRAWALS:
        moment = begin_ms(cast(_Withdrawal, datum)["withdrawnFrom"])
        cut = cut_at(entry.periods, moment)
        return entry._replace(version=version, kind=kind, periods=cut, withdrawn=datum)
    period = period_of_reference(name, datum)
    others = [other for other in entry.periods if other.begin != period.begin]
    periods = tuple(sorted((*others, period), key=lambda one: one.begin))
    return entry._replace(
        version=version, kind=kind, periods=periods, reference=datum, withdrawn=None
    )


_Withdrawal = SoftwareWithdrawn | ServiceWithdrawn | CompanyWithdrawn
_WITHDRAWALS: Final = frozenset({SOFTWARE_WITHDRAWN, SERVICE_WITHDRAWN, COMPANY_WITHDRAWN})


def period_of_reference(name: str, datum: Mapping[str, object]) -> Period:
    """The period that this event, a reference or a certificate, gives."""
    if name == COMPANY_CERTIFIED:
        certificate = cast(CompanyCertified, datum)
        return _period(certificate["certifiedFrom"], certificate["certifiedUntil"])
    reference = cast(SoftwareReferenced | ServiceReferenced, datum)
    return _period(reference["referencedFrom"], reference["referencedUntil"])


def cut_at(periods: tuple[Period, ...], moment: int) -> tuple[Period, ...]:
    """Nothing of the periods is left from the moment on; what was over before stays as it was."""
    return tuple(
        Period(period.begin, max(period.begin, moment), True)
        if period.end is None or period.end > moment
        else period
        for period in periods
    )
