"""Who wrote a document, and about which act: authors, signer, act, place, orders (SPEC f.1)."""

from typing import Final

from schemas.forms.health_identifiers import ORGANISATION_ROOT, PERSON_ROOT

from .document import Author, Coded, LegalAuthenticator
from .elements import (
    ACCESSION_NUMBER,
    Element,
    attribute,
    coded,
    identifier,
    identifiers,
    path,
    person_name,
    preferred_identifier,
    text_of,
)

_SERVICE: Final = path("documentationOf/serviceEvent")
_DEVICE: Final = "assignedAuthor/assignedAuthoringDevice"


def authors(document: Element) -> tuple[Author, ...]:
    """All authors, in the order of the file. Each has rights on the document (SPEC b.4)."""
    return tuple(_author(element) for element in document.iterfind(path("author")))


def _author(element: Element) -> Author:
    device = text_of(element.find(path(f"{_DEVICE}/softwareName"))) or text_of(
        element.find(path(f"{_DEVICE}/manufacturerModelName"))
    )
    organisation = "assignedAuthor/representedOrganization"
    return Author(
        id=preferred_identifier(element, "assignedAuthor/id", PERSON_ROOT),
        name=person_name(element, "assignedAuthor/assignedPerson/name") or device,
        function_code=attribute(element, "functionCode", "code"),
        function_display=attribute(element, "functionCode", "displayName"),
        specialty=attribute(element, "assignedAuthor/code", "code"),
        organisation=preferred_identifier(element, f"{organisation}/id", ORGANISATION_ROOT),
        organisation_name=text_of(element.find(path(f"{organisation}/name"))),
        device=device,
    )


def custodian(document: Element) -> str | None:
    """The organisation that keeps the original."""
    steps = "custodian/assignedCustodian/representedCustodianOrganization/id"
    return preferred_identifier(document, steps, ORGANISATION_ROOT)


def legal_authenticator(document: Element) -> LegalAuthenticator | None:
    """The legal authenticator, who answers for the content; None without the element."""
    element = document.find(path("legalAuthenticator"))
    if element is None:
        return None
    return LegalAuthenticator(
        id=preferred_identifier(element, "assignedEntity/id", PERSON_ROOT),
        name=person_name(element, "assignedEntity/assignedPerson/name"),
        time=attribute(element, "time", "value"),
    )


def main_act(document: Element) -> Element | None:
    """The serviceEvent of the first documentationOf. Others are diagnoses or further acts."""
    first = document.find(path("documentationOf"))
    return None if first is None else first.find(path("serviceEvent"))


def service_times(act: Element | None) -> tuple[str | None, str | None]:
    """Start and stop of an act. An act with a single moment starts at that moment."""
    if act is None:
        return None, None
    start = attribute(act, "effectiveTime/low", "value") or attribute(act, "effectiveTime", "value")
    return start, attribute(act, "effectiveTime/high", "value")


def practice_setting(act: Element | None) -> str | None:
    """The frame of care of the main act, from the organisation of its performer."""
    steps = "performer/assignedEntity/representedOrganization/standardIndustryClassCode"
    return None if act is None else attribute(act, steps, "code")


def event_codes(document: Element) -> tuple[Coded, ...]:
    """The code of each serviceEvent, without nullFlavors (SPEC c.1)."""
    found = (coded(act.find(path("code"))) for act in document.iterfind(_SERVICE))
    return tuple(code for code in found if code is not None)


def studies(document: Element) -> tuple[str, ...]:
    """The identifiers of the acts: study instance UIDs in imaging."""
    return identifiers(document, "documentationOf/serviceEvent/id")


def facility_type(document: Element) -> str | None:
    """The kind of place of care of the encounter."""
    steps = "componentOf/encompassingEncounter/location/healthCareFacility/code"
    return attribute(document, steps, "code")


def orders(document: Element) -> tuple[str, ...]:
    """The orders fulfilled."""
    return identifiers(document, "inFulfillmentOf/order/id")


def accessions(document: Element) -> tuple[str, ...]:
    """Accession numbers inside the orders (imaging)."""
    order = path("inFulfillmentOf/order")
    found = (identifier(e) for e in document.iterfind(f"{order}/{ACCESSION_NUMBER}"))
    return tuple(value for value in found if value is not None)


def replaces(document: Element) -> str | None:
    """The document that this one replaces. Other kinds of relation are not read."""
    for related in document.iterfind(path("relatedDocument")):
        if related.get("typeCode") == "RPLC":
            return next(iter(identifiers(related, "parentDocument/id")), None)
    return None
