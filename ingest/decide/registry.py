"""What messages of the topic `registry` come to, and who may feed by it (SPEC e.8, g).

Kept apart per kind of entry, a kind without any entry is not in use and refuses nobody.
"""

from collections.abc import Mapping
from typing import Any, Final

from ingest.facts.registry import (
    KIND_STREAM,
    NO_ENTRY,
    REGISTRY_RECORD,
    Kind,
    RegistryEntry,
    company_stream,
    cut_at,
    entry_stream,
    period_said,
    software_stream,
)
from ingest.facts.view import Decision, Event, Known
from ingest.read.interpret import Interpreted
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
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.forms.paris_days import begin_ms, last_day_of_years
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import TELECONSULTATION

_WITH_SYSTEM: Final = f"{TELECONSULTATION}^"
"""The same as the VIHF may write it, with the OID of its system after it (SPEC e.8)."""
SERVICE_YEARS: Final = 2
"""How long a service is referenced when nothing else is said."""

_REFERENCES: Final[Mapping[str, tuple[Kind, str]]] = {
    "ReferenceSoftware": (Kind.SOFTWARE, SOFTWARE_REFERENCED),
    "ReferenceService": (Kind.SERVICE, SERVICE_REFERENCED),
    "CertifyTeleconsultationCompany": (Kind.COMPANY, COMPANY_CERTIFIED),
}
_WITHDRAWN: Final[Mapping[Kind, str]] = {
    Kind.SOFTWARE: SOFTWARE_WITHDRAWN,
    Kind.SERVICE: SERVICE_WITHDRAWN,
    Kind.COMPANY: COMPANY_WITHDRAWN,
}
_SOFTWARES: Final = KIND_STREAM[Kind.SOFTWARE]
_COMPANIES: Final = KIND_STREAM[Kind.COMPANY]
REGISTRY_MESSAGES: Final = frozenset({*_REFERENCES, "EvaluateService", "WithdrawReference"})


def kind_of_message(message: Interpreted) -> Kind:
    """What a message of the registry is about."""
    if message.name == "WithdrawReference":
        return Kind[message.datum["kind"]]
    return Kind.SERVICE if message.name == "EvaluateService" else _REFERENCES[message.name][0]


def decide_registry_operation(known: Known, message: Interpreted) -> Decision | Rejection:
    """One event on the entry, after `registry_opened` for the first of its kind; or nothing
    changes; or a refusal.
    """
    kind = kind_of_message(message)
    stream = entry_stream(kind, message.datum["id"])
    entry = known.registry.get(stream, NO_ENTRY)
    said = _said(entry, message, kind)
    if isinstance(said, Rejection):
        return said
    if said is None:
        return Decision(UNCHANGED, applies=True)
    name, datum = said
    source = _source(message.datum["provenance"])
    events = [Event(stream, REGISTRY_RECORD, name, {"source": source, **datum})]
    if KIND_STREAM[kind] not in known.registry:
        opened = {"source": source, "kind": kind.name}
        events.insert(0, Event(KIND_STREAM[kind], REGISTRY_RECORD, REGISTRY_OPENED, opened))
    return Decision(ACCEPTED, tuple(events), applies=True)


def _said(
    entry: RegistryEntry, message: Interpreted, kind: Kind
) -> tuple[str, dict[str, Any]] | Rejection | None:
    datum = {
        field: value
        for field, value in message.datum.items()
        if field not in ("messageId", "provenance", "kind")
    }
    if message.name in _REFERENCES:
        return _reference(entry, _REFERENCES[message.name][1], datum)
    if entry.version == 0:
        return Rejection("registry_entry_unknown", "id")
    if message.name == "EvaluateService":
        return _evaluate(entry, datum)
    return _withdraw(entry, _WITHDRAWN[kind], datum)


def _reference(
    entry: RegistryEntry, name: str, datum: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """A service without a last day gets two years, written into the event."""
    if name == SERVICE_REFERENCED and datum["referencedUntil"] is None:
        last = last_day_of_years(datum["referencedFrom"], SERVICE_YEARS)
        datum = {**datum, "referencedUntil": last}
    before = {} if entry.said is None else {k: v for k, v in entry.said.items() if k != "source"}
    if before == datum and period_said(datum) in entry.periods:
        return None
    return name, datum


def _evaluate(
    entry: RegistryEntry, datum: dict[str, Any]
) -> tuple[str, dict[str, Any]] | Rejection:
    """Each evaluation is a fact of its day; it withdraws nothing by itself."""
    moment = begin_ms(datum["evaluatedOn"])
    if not any(period.covers(moment) for period in entry.periods):
        return Rejection("registry_entry_not_valid", "evaluatedOn")
    return SERVICE_EVALUATED, datum


def _withdraw(
    entry: RegistryEntry, name: str, datum: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """Nothing is left to withdraw of what was over before."""
    cut = cut_at(entry.periods, begin_ms(datum["withdrawnFrom"]))
    return None if cut == entry.periods else (name, datum)


def _source(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Who told the registry, without any person: its events are not sealed."""
    return {
        "softwareId": provenance["software"]["id"],
        "organisationId": provenance["actor"]["organisationId"],
        "occurredAt": provenance["occurredAt"],
    }


def streams_asked(message: Interpreted) -> tuple[bytes, ...]:
    """The entries on which it rests whether this message may feed, or that it is about."""
    if message.name in REGISTRY_MESSAGES:
        return (entry_stream(kind_of_message(message), message.datum["id"]),)
    company = company_of(message.datum)
    if company is None:
        return (software_stream(message.software_id),)
    return (software_stream(message.software_id), company_stream(company))


def company_of(datum: Mapping[str, Any]) -> str | None:
    """The téléconsultation company that feeds, empty when it is not named; None: no such feeds.

    It says so itself (VIHF, Secteur_Activite) or its document does (healthcareFacilityType).
    """
    actor = datum["provenance"]["actor"]
    sector = actor["sectorCode"]
    if (
        datum["document"]["healthcareFacilityTypeCode"] != TELECONSULTATION
        and sector != TELECONSULTATION
        and not (sector and sector.startswith(_WITH_SYSTEM))
    ):
        return None
    return actor["organisationId"] or ""


_OF_SOFTWARE: Final = {
    None: "software_unreferenced",
    "announced": "software_unreferenced",
    "expired": "software_expired",
    "withdrawn": "software_withdrawn",
}
_OF_COMPANY: Final = {
    None: "company_uncertified",
    "announced": "company_uncertified",
    "expired": "company_expired",
    "withdrawn": "company_withdrawn",
}


def may_feed(known: Known, message: Interpreted, warnings: list[Rejection]) -> Rejection | None:
    """Whether software and company were referenced and certified when the feed took the message.

    Only feeding is judged: what was deposited must still be masked or taken away, whoever asks.
    """
    asked = known.registry_required
    if asked or _SOFTWARES in known.registry:
        entry = known.registry.get(software_stream(message.software_id), NO_ENTRY)
        state = entry.state_at(message.received_ms)
        if state != "valid":
            broken = Rejection(_OF_SOFTWARE[state], "provenance.software.id")
            if known.severities.apply(broken, warnings) is not None:
                return broken
    if asked or _COMPANIES in known.registry:
        return _company_may_feed(known, message, warnings)
    return None


def _company_may_feed(
    known: Known, message: Interpreted, warnings: list[Rejection]
) -> Rejection | None:
    company = company_of(message.datum)
    if company is None:
        return None
    entry = known.registry.get(company_stream(company), NO_ENTRY)
    state = entry.state_at(message.received_ms)
    if state == "valid":
        return None
    broken = Rejection(_OF_COMPANY[state], "provenance.actor.organisationId")
    return known.severities.apply(broken, warnings)
