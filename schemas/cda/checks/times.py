"""Checks of the times of a header: their form, then their order (SPEC c.2, TRAP 8 to TRAP 10)."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from schemas.cda.document import CdaDocument, CdaRemark
from schemas.cda.elements import Element, Places, header_elements, local_name
from schemas.forms.time_order import is_before, is_earlier_day
from schemas.forms.times import TimeFlaw, time_exists, time_flaw

Check = Callable[[Element, CdaDocument], Iterator[CdaRemark]]

_TIME_ELEMENTS: Final = frozenset({"time", "effectiveTime", "low", "high", "center", "birthTime"})
_FLAWS: Final[dict[TimeFlaw, tuple[str, str]]] = {
    "malformed": ("time_malformed", "Not an HL7 time"),
    "offset_missing": ("time_offset_missing", "A time of day without offset (+hhmm)"),
    "offset_malformed": ("time_offset_malformed", "An offset not written +hhmm"),
}


def _forms(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    places: defaultdict[TimeFlaw, Places] = defaultdict(Places)
    for element in header_elements(header):
        literal = element.get("value")
        if literal is None or local_name(element) not in _TIME_ELEMENTS:
            continue
        flaw = time_flaw(literal.strip())
        if flaw is not None:
            places[flaw].add(element)
    for flaw, found_at in places.items():
        code, sentence = _FLAWS[flaw]
        yield CdaRemark(code, f"{sentence} at {found_at}.", found_at.line)


def _order(header: Element, found: CdaDocument) -> Iterator[CdaRemark]:
    signer = found.legal_authenticator
    created, started = _readable(found.creation_time), _readable(found.service_start)
    stopped, born = _readable(found.service_stop), _readable(found.birth_time)
    signed = _readable(signer.time if signer else None)
    if _earlier_day(signed, created):
        yield CdaRemark("signed_before_created", "The signature is older than the document.")
    if _earlier_day(created, started):
        yield CdaRemark("act_after_document", "The act starts after the document was created.")
    if stopped is not None and started is not None and is_before(stopped, started):
        yield CdaRemark("act_ends_before_start", "The act ends before it starts.")
    if _earlier_day(created, born):
        yield CdaRemark("document_before_birth", "The document is older than the patient.")
    if _earlier_day(started, born):
        yield CdaRemark("act_before_birth", "The act is older than the patient.")


def _readable(literal: str | None) -> str | None:
    return literal if literal and time_exists(literal) else None


def _earlier_day(one: str | None, other: str | None) -> bool:
    """True when `one` is of an earlier day. Hours are not compared: signature and act are minutes
    apart, in either order.
    """
    return one is not None and other is not None and is_earlier_day(one, other)


TIME_CHECKS: Final[tuple[Check, ...]] = (_forms, _order)
