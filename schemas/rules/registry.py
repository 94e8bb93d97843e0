"""Rules on messages of the topic `registry`: software, services of the catalogue, companies.

Sources: SPEC e.8 (LPS_* of the VIHF), b.3 and c.1 (SNR), g (téléconsultation).
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas.forms.paris_days import day_exists
from schemas.forms.texts import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    identifier_is_fit,
    optional_text_is_fit,
    software_id_is_fit,
    text_is_fit,
)
from schemas.rules.table.rejections import Rejection

COMPANY: Final = "COMPANY"


def software_reference_right(datum: Mapping[str, Any]) -> Rejection | None:
    """Publisher and product named, a period of days (SPEC e.8)."""
    return (
        _id_right(datum["id"])
        or _named(datum, "publisher", "product")
        or _texts_right(datum, "version", "sector", "approval")
        or period_right(datum, "referencedFrom", "referencedUntil")
    )


def service_reference_right(datum: Mapping[str, Any]) -> Rejection | None:
    """As for software; a dedicated track takes a certificate (SPEC b.3, c.1)."""
    return (
        _id_right(datum["id"])
        or _named(datum, "publisher", "name")
        or _texts_right(datum, "track", "certificateNumber")
        or certificate_presented(datum)
        or period_right(datum, "referencedFrom", "referencedUntil")
    )


def certification_right(datum: Mapping[str, Any]) -> Rejection | None:
    """The company is an organisation with a certificate of a period (SPEC g)."""
    return (
        _organisation_right(datum["id"])
        or _named(datum, "company", "certificateNumber")
        or period_right(datum, "certifiedFrom", "certifiedUntil")
    )


def evaluation_right(datum: Mapping[str, Any]) -> Rejection | None:
    """Days are days, the report is text (SPEC b.3)."""
    return (
        _id_right(datum["id"])
        or _texts_right(datum, "report")
        or period_right(datum, "evaluatedOn", "correctBefore")
    )


def withdrawal_right(datum: Mapping[str, Any]) -> Rejection | None:
    """A day and a reason (SPEC e.8, b.3)."""
    name = datum["id"]
    if not text_is_fit(datum["reason"], TEXT_LENGTH_MAX):
        return Rejection("text_malformed", "reason")
    return (_organisation_right(name) if datum["kind"] == COMPANY else _id_right(name)) or (
        None if day_exists(datum["withdrawnFrom"]) else Rejection("time_malformed", "withdrawnFrom")
    )


def certificate_presented(datum: Mapping[str, Any]) -> Rejection | None:
    """A dedicated track of the catalogue takes a certificate (SPEC b.3)."""
    if datum["track"] and not datum["certificateNumber"]:
        return Rejection("certificate_missing", "certificateNumber")
    return None


def period_right(datum: Mapping[str, Any], first: str, last: str) -> Rejection | None:
    """Days as YYYYMMDD, the last one not before the first; no last one: no end (decision 0034)."""
    begin, end = datum[first], datum[last]
    if not day_exists(begin):
        return Rejection("time_malformed", first)
    if end is not None and not day_exists(end):
        return Rejection("time_malformed", last)
    if end is not None and end < begin:
        return Rejection("period_reversed", last)
    return None


def _id_right(name: str) -> Rejection | None:
    return None if software_id_is_fit(name) else Rejection("text_malformed", "id")


def _organisation_right(name: str) -> Rejection | None:
    return None if identifier_is_fit(name) else Rejection("identifier_malformed", "id")


def _named(datum: Mapping[str, Any], *fields: str) -> Rejection | None:
    for field in fields:
        if not text_is_fit(datum[field], NAME_LENGTH_MAX):
            return Rejection("text_malformed", field)
    return None


def _texts_right(datum: Mapping[str, Any], *fields: str) -> Rejection | None:
    for field in fields:
        if not optional_text_is_fit(datum[field], ID_LENGTH_MAX):
            return Rejection("text_malformed", field)
    return None
