"""Checks of identifiers: form strictly, check digits as a warning, nothing ever parsed to a number.

SPEC b.1 and b.2, TRAPS 23: the first character of PS_IdNat and Struct_IdNat tells what follows.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from ..unique_id import unique_id_is_well_formed
from .context import ORGANISATION_ROOT, PERSON_ROOT
from .document import CdaDocument, Problem
from .elements import Element, Places, header_elements, line_of, path

Check = Callable[[Element, CdaDocument], Iterator[Problem]]

_PERSON: Final = re.compile(r"0[0-9A-Z]{9}|8[0-9]{11}|[13456][0-9A-Z]+/.+")
_ORGANISATION: Final = re.compile(
    r"1(?:[0-9]{2}|2[AB])[0-9]{7}|1[0-9]{9}|2[0-9]{9}|3[0-9]{14}|[04].+"
)
_LUHN_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_is_valid(digits: str) -> bool:
    """True when the last digit is the Luhn key of the others; False for anything but digits."""
    if not digits.isascii() or not digits.isdigit():
        return False
    total = sum(map(int, digits[-1::-2])) + sum(_LUHN_DOUBLED[int(d)] for d in digits[-2::-2])
    return total % 10 == 0


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
    places: defaultdict[str, Places] = defaultdict(Places)
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


def _person_fault(value: str) -> str | None:
    if _PERSON.fullmatch(value) is None:
        return "person_id_malformed"
    return "rpps_key_wrong" if value[0] == "8" and not luhn_is_valid(value[1:]) else None


def _organisation_fault(value: str) -> str | None:
    if _ORGANISATION.fullmatch(value) is None:
        return "organisation_id_malformed"
    has_key = value[0] in "123" and value[1:].isdigit()
    return "organisation_key_wrong" if has_key and not luhn_is_valid(value[1:]) else None


_RULES: Final[dict[str, Callable[[str], str | None]]] = {
    PERSON_ROOT: _person_fault,
    ORGANISATION_ROOT: _organisation_fault,
}
_SENTENCES: Final = {
    "person_id_malformed": "No known form of PS_IdNat",
    "rpps_key_wrong": "An RPPS fails its Luhn key",
    "organisation_id_malformed": "No known prefix and length of Struct_IdNat",
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
