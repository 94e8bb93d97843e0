"""Checks of identifiers: form strictly, check digits as a warning, nothing ever parsed to a number.

SPEC b.1 and b.2, TRAP 23: the forms are those of `schemas.forms.health_identifiers`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from schemas.forms.health_identifiers import (
    ORGANISATION_ROOT,
    PERSON_ROOT,
    Fault,
    organisation_fault,
    person_fault,
)
from schemas.forms.unique_id import unique_id_is_well_formed

from .document import CdaDocument, Problem
from .elements import Element, Places, header_elements, line_of, path

Check = Callable[[Element, CdaDocument], Iterator[Problem]]


def _unique_id(header: Element, found: CdaDocument) -> Iterator[Problem]:
    if found.unique_id is None:
        return
    if not unique_id_is_well_formed(found.unique_id):
        yield Problem(
            "unique_id_malformed", "The document's id is not an OID of at most 64 characters."
        )
    elif "^" in found.unique_id:
        yield Problem("unique_id_extension", "The DMP takes an OID alone as the document's id.")


def _health_identifiers(header: Element, found: CdaDocument) -> Iterator[Problem]:
    places: defaultdict[Fault, Places] = defaultdict(Places)
    for element in header_elements(header):
        rule = _RULES.get(element.get("root") or "")
        extension = element.get("extension")
        if rule is None or extension is None or element.get("nullFlavor") is not None:
            continue
        fault = rule(extension.strip())
        if fault is not None:
            places[fault].add(element)
    for fault, found_at in places.items():
        yield Problem(fault, f"{_SENTENCES[fault]} at {found_at}.", found_at.line)


_RULES: Final[dict[str, Callable[[str], Fault | None]]] = {
    PERSON_ROOT: person_fault,
    ORGANISATION_ROOT: organisation_fault,
}
_SENTENCES: Final[dict[Fault, str]] = {
    "person_id_malformed": "A PS_IdNat has not the form of its prefix",
    "person_id_unknown_form": "No known form of PS_IdNat",
    "rpps_key_wrong": "An RPPS fails its Luhn key",
    "organisation_id_malformed": "A Struct_IdNat has not the form of its prefix",
    "organisation_id_unknown_form": "No known prefix of Struct_IdNat",
    "organisation_is_person": "The number of a person stands as a Struct_IdNat",
    "organisation_key_wrong": "A FINESS, SIREN or SIRET fails its Luhn key",
}


def _encounter(header: Element, found: CdaDocument) -> Iterator[Problem]:
    for element in header.iterfind(path("componentOf/encompassingEncounter/id")):
        if element.get("root") == PERSON_ROOT:
            yield Problem(
                "encounter_id_of_person",
                "The id of the encounter is the one of a professional.",
                line_of(element),
            )


IDENTIFIER_CHECKS: Final[tuple[Check, ...]] = (_unique_id, _health_identifiers, _encounter)
