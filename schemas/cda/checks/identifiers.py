"""Checks of identifiers in the header, by `schemas.forms.health_identifiers` (SPEC b.1, b.2; TRAP
23).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from schemas.cda.document import CdaDocument, CdaRemark
from schemas.cda.elements import Element, Places, header_elements, line_of, path
from schemas.forms.health_identifiers import (
    ORGANISATION_ROOT,
    PERSON_ROOT,
    IdFlaw,
    organisation_id_flaw,
    person_id_flaw,
)
from schemas.forms.unique_id import unique_id_is_well_formed

Check = Callable[[Element, CdaDocument], Iterator[CdaRemark]]


def _unique_id(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    if found.unique_id is None:
        return
    if not unique_id_is_well_formed(found.unique_id):
        yield CdaRemark(
            "unique_id_malformed", "The document's id is not an OID of at most 64 characters."
        )
    elif "^" in found.unique_id:
        yield CdaRemark("unique_id_extension", "The DMP takes an OID alone as the document's id.")


def _health_identifiers(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    places: defaultdict[IdFlaw, Places] = defaultdict(Places)
    for element in header_elements(header):
        rule = _RULES.get(element.get("root") or "")
        extension = element.get("extension")
        if rule is None or extension is None or element.get("nullFlavor") is not None:
            continue
        flaw = rule(extension.strip())
        if flaw is not None:
            places[flaw].add(element)
    for flaw, found_at in places.items():
        yield CdaRemark(flaw, f"{_SENTENCES[flaw]} at {found_at}.", found_at.line)


_RULES: Final[dict[str, Callable[[str], IdFlaw | None]]] = {
    PERSON_ROOT: person_id_flaw,
    ORGANISATION_ROOT: organisation_id_flaw,
}
_SENTENCES: Final[dict[IdFlaw, str]] = {
    "person_id_malformed": "A PS_IdNat has not the form of its prefix",
    "person_id_unknown_form": "No known form of PS_IdNat",
    "rpps_key_wrong": "An RPPS fails its Luhn key",
    "organisation_id_malformed": "A Struct_IdNat has not the form of its prefix",
    "organisation_id_unknown_form": "No known prefix of Struct_IdNat",
    "organisation_is_person": "The number of a person stands as a Struct_IdNat",
    "organisation_key_wrong": "A FINESS, SIREN or SIRET fails its Luhn key",
}


def _encounter(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    for element in header.iterfind(path("componentOf/encompassingEncounter/id")):
        if element.get("root") == PERSON_ROOT:
            yield CdaRemark(
                "encounter_id_of_person",
                "The id of the encounter is the one of a professional.",
                line_of(element),
            )


IDENTIFIER_CHECKS: Final[tuple[Check, ...]] = (_unique_id, _health_identifiers, _encounter)
