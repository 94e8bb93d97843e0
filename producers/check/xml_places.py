"""Where in a CDA the fields of a deposit come from, and on which line of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lxml import etree

from schemas.cda import CdaDocument
from schemas.cda.elements import Element, line_at, line_of, path, place

_ACT: Final = "documentationOf/serviceEvent"
_ENCOUNTER: Final = "componentOf/encompassingEncounter"
_PATIENT: Final = "recordTarget/patientRole"
PLACES: Final[Mapping[str, str]] = {
    "ins": f"{_PATIENT}/id",
    "document.uniqueId": "id",
    "document.replaces": "relatedDocument/parentDocument/id",
    "document.setId": "setId",
    "document.versionNumber": "versionNumber",
    "document.typeCode": "code",
    "document.classCode": "code",
    "document.formatCode": "templateId",
    "document.languageCode": "languageCode",
    "document.title": "title",
    "document.sourcePatientId": f"{_PATIENT}/id",
    "document.sourcePatientInfo.birthDate": f"{_PATIENT}/patient/birthTime",
    "document.sourcePatientInfo.birthPlace": f"{_PATIENT}/patient/birthplace/place/addr/county",
    "document.sourcePatientInfo.sex": f"{_PATIENT}/patient/administrativeGenderCode",
    "document.sourcePatientInfo": f"{_PATIENT}/patient/name",
    "document.authors": "author",
    "document.legalAuthenticatorId": "legalAuthenticator/assignedEntity/id",
    "document.legalAuthenticatorName": "legalAuthenticator/assignedEntity/assignedPerson/name",
    "document.legalAuthenticationTime": "legalAuthenticator/time",
    "document.custodianId": "custodian/assignedCustodian/representedCustodianOrganization/id",
    "document.creationTime": "effectiveTime",
    "document.serviceStartTime": f"{_ACT}/effectiveTime/low",
    "document.serviceStopTime": f"{_ACT}/effectiveTime/high",
    "document.healthcareFacilityTypeCode": f"{_ENCOUNTER}/location/healthCareFacility/code",
    "document.practiceSettingCode": (
        f"{_ACT}/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
    ),
    "document.confidentialityCode": "confidentialityCode",
    "document.eventCodeList": f"{_ACT}/code",
    "document.referenceIdList": "inFulfillmentOf/order/id",
    "content": "",
}
_AUTHOR: Final = re.compile(r"document\.authors\[(\d+)\](?:\.(\w+))?")
_OF_AUTHOR: Final = {
    "id": "assignedAuthor/id",
    "name": "assignedAuthor/assignedPerson/name",
    "functionCode": "functionCode",
    "specialtyCode": "assignedAuthor/code",
    "organisationId": "assignedAuthor/representedOrganization/id",
    "organisationName": "assignedAuthor/representedOrganization/name",
}


def place_and_line(
    document: Element, found: CdaDocument, field: str
) -> tuple[str | None, int | None]:
    """Place and line of this field of the deposit; None twice for a field that no element gives.

    Where the element is absent, the line is that of the nearest element above.
    """
    author = _AUTHOR.fullmatch(field)
    if author is not None:
        return _in_author(document, found, int(author[1]), author[2])
    steps = next((PLACES[name] for name in _prefixes(field) if name in PLACES), None)
    if steps is None:
        return None, None
    if not steps:
        return None, line_of(document)
    return steps, line_at(document, steps)


def element_at(document: Element, location: str) -> Element | None:
    """The element that an absolute path names, or that holds the attribute or text it names.

    Paths are read as `path()` of XPath 3 and the ISO skeleton write them; None for other paths.
    `document` is the root of its tree.
    """
    steps = _QUALIFIED.sub(_with_namespace, _ANY_PREFIX.sub(r"*[local-name()='\1']", location))
    try:
        found = document.xpath(_ENDS.sub("", steps))
    except etree.XPathError:
        return None
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, etree._Element) else None


def place_of(element: Element) -> str:
    """Where an element is: the names of elements below the document, never a value."""
    return place(element)


_QUALIFIED: Final = re.compile(r"Q\{([^}']*)\}([\w.-]+)")
_ANY_PREFIX: Final = re.compile(r"\*:([\w.-]+)")
_ENDS: Final = re.compile(r"/(?:@.*|text\(\)(?:\[\d+\])?)$")


def _with_namespace(name: re.Match[str]) -> str:
    return f"*[local-name()='{name[2]}' and namespace-uri()='{name[1]}']"


def _prefixes(field: str) -> list[str]:
    """The path, then the shorter ones above it; indices left out."""
    parts = re.sub(r"\[\d+\]", "", field).split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _in_author(
    document: Element, found: CdaDocument, number: int, field: str | None
) -> tuple[str | None, int | None]:
    """`number` counts the authors of the deposit, which leaves out those without an identifier."""
    kept = [index for index, author in enumerate(found.authors) if author.id is not None]
    elements = document.findall(path("author"))
    steps = _OF_AUTHOR.get(field or "", "")
    whole = f"author/{steps}".rstrip("/")
    if number >= len(kept) or kept[number] >= len(elements):
        return whole, line_at(document, "author")
    element = elements[kept[number]]
    return whole, line_at(element, steps) if steps else line_of(element)
