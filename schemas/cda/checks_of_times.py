"""Checks of the times of a header: their form, then their order (SPEC c.2, TRAPS 8 to 10)."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from ..times import ClinicalTime, TimeFault, local_day, parse_time, time_fault
from .document import CdaDocument, Problem
from .elements import Element, Places, header_elements, local_name

Check = Callable[[Element, CdaDocument], Iterator[Problem]]

_TIME_ELEMENTS: Final = frozenset({"time", "effectiveTime", "low", "high", "center", "birthTime"})
_FAULTS: Final[dict[TimeFault, tuple[str, str]]] = {
    "malformed": ("time_malformed", "Not an HL7 time"),
    "offset_missing": ("time_offset_missing", "A time of day without offset (+hhmm)"),
    "offset_malformed": ("time_offset_malformed", "An offset not written +hhmm"),
}


def _forms(header: Element, found: CdaDocument) -> Iterator[Problem]:
    places: defaultdict[TimeFault, Places] = defaultdict(Places)
    for element in header_elements(header):
        literal = element.get("value")
        if literal is None or local_name(element) not in _TIME_ELEMENTS:
            continue
        fault = time_fault(literal.strip())
        if fault is not None:
            places[fault].add(element)
    for fault, found_at in places.items():
        code, sentence = _FAULTS[fault]
        yield Problem(code, f"{sentence} at {found_at}.", found_at.line)


def _order(header: Element, found: CdaDocument) -> Iterator[Problem]:
    created = _time(found.creation_time)
    started = _time(found.service_start)
    signer = found.legal_authenticator
    if _day_before(_time(signer.time if signer else None), created):
        yield Problem("signed_before_created", "The signature is older than the document.")
    if _day_before(created, started):
        yield Problem("act_after_document", "The act starts after the document was created.")
    if _before(_time(found.service_stop), started):
        yield Problem("act_ends_before_start", "The act ends before it starts.")
    born = _time(found.birth_time)
    if _day_before(created, born):
        yield Problem("document_before_birth", "The document is older than the patient.")
    if _day_before(started, born):
        yield Problem("act_before_birth", "The act is older than the patient.")


def _time(literal: str | None) -> ClinicalTime | None:
    return parse_time(literal) if literal else None


def _before(first: ClinicalTime | None, second: ClinicalTime | None) -> bool:
    """True when both are known instants, offset and all, and the first is earlier."""
    if first is None or second is None:
        return False
    if first.offset_minutes is None or second.offset_minutes is None:
        return False
    if first.instant is None or second.instant is None:
        return False
    return first.instant < second.instant


def _day_before(first: ClinicalTime | None, second: ClinicalTime | None) -> bool:
    """True when both have a calendar day and the first is an earlier one, zones left alone.

    Hours are not compared: documents are signed and acts begun minutes apart, in either order.
    """
    one = local_day(first) if first is not None else None
    other = local_day(second) if second is not None else None
    return one is not None and other is not None and one < other


TIME_CHECKS: Final[tuple[Check, ...]] = (_forms, _order)
