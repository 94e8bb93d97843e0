"""What messages of the topic `registry` come to, and who may feed by it (SPEC e.8, g).

Each kind has its own entries; a kind with none rejects nobody.
"""

from collections.abc import Mapping
from typing import Final

from ingest.facts.decision import Decision
from ingest.facts.events.event import Event
from ingest.facts.events.registry import (
    company_certified,
    reference_withdrawn,
    registry_opened,
    service_evaluated,
    service_referenced,
    software_referenced,
)
from ingest.facts.message import AboutRegistry, Deposit, RegistryMessage
from ingest.facts.needs import ENTRY, Need, Needs
from ingest.facts.registry import (
    KIND_STREAM,
    Kind,
    RegistryEntry,
    company_stream,
    cut_at,
    entry_stream,
    period_of_reference,
    software_stream,
)
from ingest.facts.view import View
from schemas.feed.messages import DepositDocument
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.feed.registry import (
    CertifyTeleconsultationCompany,
    EvaluateService,
    ReferenceService,
    ReferenceSoftware,
    WithdrawReference,
)
from schemas.forms.paris_days import begin_ms, last_day_of_years
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import TELECONSULTATION

from .deciders import Result, decides

_WITH_SYSTEM: Final = f"{TELECONSULTATION}^"
"""The same as the VIHF may write it, with the OID of its system after it (SPEC e.8)."""
SERVICE_YEARS: Final = 2
"""How long a service is referenced when its reference names no last day."""
_SOFTWARES: Final = KIND_STREAM[Kind.SOFTWARE]
_COMPANIES: Final = KIND_STREAM[Kind.COMPANY]
_KIND_OF: Final[Mapping[str, Kind]] = {
    "ReferenceSoftware": Kind.SOFTWARE,
    "ReferenceService": Kind.SERVICE,
    "EvaluateService": Kind.SERVICE,
    "CertifyTeleconsultationCompany": Kind.COMPANY,
}


# What the registry is told


def needs_of_entry(view: View, message: RegistryMessage[AboutRegistry]) -> Needs:
    """The entry, and whether its kind has any."""
    return _needs_of_entry(_KIND_OF[message.name], message.datum["id"])


def needs_of_withdrawal(view: View, message: RegistryMessage[WithdrawReference]) -> Needs:
    """The same; the message names the kind."""
    return _needs_of_entry(Kind[message.datum["kind"]], message.datum["id"])


def _needs_of_entry(kind: Kind, name: str) -> Needs:
    return Need(ENTRY, entry_stream(kind, name)), Need(ENTRY, KIND_STREAM[kind])


@decides("ReferenceSoftware", needs=needs_of_entry)
def reference_software(view: View, message: RegistryMessage[ReferenceSoftware]) -> Result:
    """A reference that is the last one, word for word, and still stands changes nothing."""
    return _referenced(view, Kind.SOFTWARE, message, software_referenced(message.datum))


@decides("ReferenceService", needs=needs_of_entry)
def reference_service(view: View, message: RegistryMessage[ReferenceService]) -> Result:
    """A service without a last day gets two years, written into the event."""
    datum = message.datum
    until = datum["referencedUntil"]
    if until is None:
        until = last_day_of_years(datum["referencedFrom"], SERVICE_YEARS)
    return _referenced(view, Kind.SERVICE, message, service_referenced(datum, until))


@decides("CertifyTeleconsultationCompany", needs=needs_of_entry)
def certify_company(view: View, message: RegistryMessage[CertifyTeleconsultationCompany]) -> Result:
    """As a reference of a software."""
    return _referenced(view, Kind.COMPANY, message, company_certified(message.datum))


@decides("EvaluateService", needs=needs_of_entry)
def evaluate_service(view: View, message: RegistryMessage[EvaluateService]) -> Result:
    """Each evaluation is a fact of its day; it withdraws nothing by itself."""
    datum = message.datum
    entry = view.entry(entry_stream(Kind.SERVICE, datum["id"]))
    if entry.version == 0:
        return Rejection("registry_entry_unknown", "id")
    moment = begin_ms(datum["evaluatedOn"])
    if not any(period.covers(moment) for period in entry.periods):
        return Rejection("registry_entry_not_valid", "evaluatedOn")
    return _accepted(view, Kind.SERVICE, message, service_evaluated(datum))


@decides("WithdrawReference", needs=needs_of_withdrawal)
def withdraw_reference(view: View, message: RegistryMessage[WithdrawReference]) -> Result:
    """Nothing is left to withdraw of what was over before."""
    datum = message.datum
    kind = Kind[datum["kind"]]
    entry = view.entry(entry_stream(kind, datum["id"]))
    if entry.version == 0:
        return Rejection("registry_entry_unknown", "id")
    if cut_at(entry.periods, begin_ms(datum["withdrawnFrom"])) == entry.periods:
        return Decision(UNCHANGED, applies=True)
    return _accepted(view, kind, message, reference_withdrawn(kind, datum))


def _referenced(
    view: View, kind: Kind, message: RegistryMessage[AboutRegistry], event: Event
) -> Result:
    if _stands(view.entry(event.stream), event):
        return Decision(UNCHANGED, applies=True)
    return _accepted(view, kind, message, event)


def _stands(entry: RegistryEntry, event: Event) -> bool:
    """Whether the entry has this reference already, whoever told it, and its whole period."""
    if entry.reference is None or _without_source(entry.reference) != _without_source(event.datum):
        return False
    return period_of_reference(event.name, event.datum) in entry.periods


def _without_source(datum: Mapping[str, object]) -> dict[str, object]:
    return {field: value for field, value in datum.items() if field != "source"}


def _accepted(
    view: View, kind: Kind, message: RegistryMessage[AboutRegistry], event: Event
) -> Decision:
    """One event on the entry, after `registry_opened` for the first of its kind."""
    if view.entry(KIND_STREAM[kind]).version:
        return Decision(ACCEPTED, (event,), applies=True)
    opened = registry_opened(kind, message.datum["provenance"])
    return Decision(ACCEPTED, (opened, event), applies=True)


# Who may feed


KINDS_OF_FEEDING: Final = (Need(ENTRY, _SOFTWARES), Need(ENTRY, _COMPANIES))
"""Whether the kinds that are asked for are in use."""


def needs_of_feeding(view: View, message: Deposit) -> Needs:
    """The entries of the kinds that are in use; once `KINDS_OF_FEEDING` are read."""
    if _is_asked_for(view, _SOFTWARES):
        yield Need(ENTRY, software_stream(message.software_id))
    if _is_asked_for(view, _COMPANIES):
        company = company_of(message.datum)
        if company is not None:
            yield Need(ENTRY, company_stream(company))


def _is_asked_for(view: View, kind: bytes) -> bool:
    return view.installation.registry_required or view.entry(kind).version > 0


def company_of(datum: DepositDocument) -> str | None:
    """The téléconsultation company that feeds, empty when it is not named; None: no such feeds.

    Its sector tells (VIHF, Secteur_Activite), or that of its document (healthcareFacilityType).
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


def may_feed(view: View, message: Deposit, warnings: list[Rejection]) -> Rejection | None:
    """Whether software and company were referenced and certified when the feed took the message.

    Only feeding is asked about: what was deposited must still be masked or taken away, whoever
    asks.
    """
    if _is_asked_for(view, _SOFTWARES):
        entry = view.entry(software_stream(message.software_id))
        state = entry.state_at(message.received_ms)
        if state != "valid":
            broken = Rejection(_OF_SOFTWARE[state], "provenance.software.id")
            if view.installation.severities.apply(broken, warnings) is not None:
                return broken
    if _is_asked_for(view, _COMPANIES):
        return _company_may_feed(view, message, warnings)
    return None


def _company_may_feed(view: View, message: Deposit, warnings: list[Rejection]) -> Rejection | None:
    company = company_of(message.datum)
    if company is None:
        return None
    entry = view.entry(company_stream(company))
    state = entry.state_at(message.received_ms)
    if state == "valid":
        return None
    broken = Rejection(_OF_COMPANY[state], "provenance.actor.organisationId")
    return view.installation.severities.apply(broken, warnings)
