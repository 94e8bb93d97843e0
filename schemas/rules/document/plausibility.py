"""Rules on the order of the times of a document (SPEC c.2, TRAP 8 to TRAP 10).

Official samples break most of these rules: they warn. Times themselves are never changed. Days are
compared as written, whatever their zones: signature and act are minutes apart, in either order, and
an offset may be a guess.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

from schemas.feed.messages import DepositDocument
from schemas.forms.time_order import is_before, is_earlier_day
from schemas.forms.times import time_flaw
from schemas.rules.table.rejections import Rejection, SoftRule

_MS_PER_DAY: Final = 86_400_000
_TimeField = Literal[
    "creationTime", "serviceStartTime", "serviceStopTime", "legalAuthenticationTime"
]
_TIMES: Final[tuple[_TimeField, ...]] = (
    "creationTime",
    "serviceStartTime",
    "serviceStopTime",
    "legalAuthenticationTime",
)
_SIGN_AT: Final = {19: slice(14, 15), 17: slice(12, 13), 8: slice(8, 9)}
"""Where the sign of the offset stands, by length: to the second, to the minute, a day (none)."""
_AT_NO_SIGN: Final = slice(0, 1)
_SIGNS: Final = frozenset({"+", "-", ""})
_FLAWS: Final = {
    "offset_missing": "time_offset_missing",
    "offset_malformed": "time_offset_malformed",
    "malformed": "time_malformed",
}


def offsets_written(datum: DepositDocument) -> Rejection | None:
    """A time of day has its offset, written +hhmm (SPEC c.2, f.1; TRAP 9)."""
    document = datum["document"]
    for field in _TIMES:
        literal = document[field]
        if literal is None or literal[_SIGN_AT.get(len(literal), _AT_NO_SIGN)] in _SIGNS:
            continue
        flaw = time_flaw(literal)
        if flaw is not None:
            return Rejection(_FLAWS[flaw], f"document.{field}")
    return None


def times_in_order(datum: DepositDocument) -> bool:
    """True: a look at the days, as text, tells that all rules below are kept. False: unknown."""
    document = datum["document"]
    created, start = document["creationTime"], document["serviceStartTime"]
    stop, signed = document["serviceStopTime"], document["legalAuthenticationTime"]
    traits, day = document["sourcePatientInfo"], created[:8]
    return (
        start[:8] <= day
        and (traits is None or traits["birthDate"][:8] <= start[:8])
        and (stop is None or (stop[14:] == start[14:] and stop >= start))
        and (signed is None or signed[:8] >= day)
        and day <= _day_after(datum["provenance"]["occurredAt"] // _MS_PER_DAY)
    )


def act_before_document(datum: DepositDocument) -> Rejection | None:
    """The act begins on the day of the document or before (TRAP 10)."""
    document = datum["document"]
    start, created = document["serviceStartTime"], document["creationTime"]
    # Whole days as text first: nearly all are in order.
    if start[:8] <= created[:8] or not is_earlier_day(created, start):
        return None
    return Rejection("act_after_document", "document.serviceStartTime")


def act_ends_after_start(datum: DepositDocument) -> Rejection | None:
    """The act ends when it begins or later (SPEC c.1)."""
    document = datum["document"]
    stop, start = document["serviceStopTime"], document["serviceStartTime"]
    if stop is None or (stop[14:] == start[14:] and stop >= start):
        return None
    if is_before(stop, start):
        return Rejection("act_ends_before_start", "document.serviceStopTime")
    return None


def act_in_lifetime(datum: DepositDocument) -> Rejection | None:
    """The act does not begin before the patient is born (TRAP 10)."""
    document = datum["document"]
    traits, start = document["sourcePatientInfo"], document["serviceStartTime"]
    if traits is None or traits["birthDate"][:8] <= start[:8]:
        return None
    if is_earlier_day(start, traits["birthDate"]):
        return Rejection("act_before_birth", "document.serviceStartTime")
    return None


def document_in_lifetime(datum: DepositDocument) -> Rejection | None:
    """The document is not older than the patient (TRAP 10)."""
    document = datum["document"]
    traits, created = document["sourcePatientInfo"], document["creationTime"]
    if traits is None or traits["birthDate"][:8] <= created[:8]:
        return None
    if is_earlier_day(created, traits["birthDate"]):
        return Rejection("document_before_birth", "document.creationTime")
    return None


def signed_after_created(datum: DepositDocument) -> Rejection | None:
    """The document is signed on the day it was made or later (TRAP 10)."""
    document = datum["document"]
    signed, created = document["legalAuthenticationTime"], document["creationTime"]
    if signed is None or signed[:8] >= created[:8] or not is_earlier_day(signed, created):
        return None
    return Rejection("signed_before_created", "document.legalAuthenticationTime")


def created_before_sent(datum: DepositDocument) -> Rejection | None:
    """The document was made on the day after its sending, in UTC, at the latest (SPEC c.2).

    One day leaves room for every zone, and for clocks that are fast by hours.
    """
    created = datum["document"]["creationTime"]
    latest = _day_after(datum["provenance"]["occurredAt"] // _MS_PER_DAY)
    if created[:8] <= latest or not is_earlier_day(latest, created):
        return None
    return Rejection("document_in_future", "document.creationTime")


@lru_cache(maxsize=4096)
def _day_after(days: int) -> str:
    """`YYYYMMDD` of the day after day number `days` since 1970.

    Beyond the calendar: its last day.
    """
    try:
        day = datetime.fromtimestamp(0, UTC).date() + timedelta(days=days + 1)
    except OverflowError:
        day = date.max
    return f"{day.year:04}{day:%m%d}"


SOFT_RULES_OF_ORDER: Final[tuple[SoftRule, ...]] = (
    act_before_document,
    act_ends_after_start,
    act_in_lifetime,
    document_in_lifetime,
    signed_after_created,
    created_before_sent,
)
"""The soft rules on the order of the times of a deposit."""

SOFT_RULES_OF_TIMES: Final[tuple[SoftRule, ...]] = (offsets_written, *SOFT_RULES_OF_ORDER)
"""The soft rules on the times of a deposit."""
