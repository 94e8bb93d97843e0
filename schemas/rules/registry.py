"""Rules on messages of the topic `registry`: software, services of the catalogue, companies.

Sources: SPEC e.8 (LPS_* of the VIHF), b.3 and c.1 (SNR), g (téléconsultation).
"""

from typing import Final

from schemas.feed.registry import (
    CertifyTeleconsultationCompany,
    EvaluateService,
    ReferenceService,
    ReferenceSoftware,
    WithdrawReference,
)
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


Named = tuple[str, str | None]
"""A field and its value."""


def software_reference_right(datum: ReferenceSoftware) -> Rejection | None:
    """The software has a publisher, a product and a period of days (SPEC e.8)."""
    return (
        _id_right(datum["id"])
        or _named(("publisher", datum["publisher"]), ("product", datum["product"]))
        or _texts_right(
            ("version", datum["version"]),
            ("sector", datum["sector"]),
            ("approval", datum["approval"]),
        )
        or period_right(
            ("referencedFrom", datum["referencedFrom"]),
            ("referencedUntil", datum["referencedUntil"]),
        )
    )


def service_reference_right(datum: ReferenceService) -> Rejection | None:
    """The service has a publisher, a name, a period and, on a track, a certificate (SPEC b.3)."""
    return (
        _id_right(datum["id"])
        or _named(("publisher", datum["publisher"]), ("name", datum["name"]))
        or _texts_right(
            ("track", datum["track"]), ("certificateNumber", datum["certificateNumber"])
        )
        or certificate_presented(datum)
        or period_right(
            ("referencedFrom", datum["referencedFrom"]),
            ("referencedUntil", datum["referencedUntil"]),
        )
    )


def certification_right(datum: CertifyTeleconsultationCompany) -> Rejection | None:
    """The company is an organisation with a certificate for a period (SPEC g)."""
    return (
        _organisation_right(datum["id"])
        or _named(("company", datum["company"]), ("certificateNumber", datum["certificateNumber"]))
        or period_right(
            ("certifiedFrom", datum["certifiedFrom"]), ("certifiedUntil", datum["certifiedUntil"])
        )
    )


def evaluation_right(datum: EvaluateService) -> Rejection | None:
    """Days are days, and the report is text (SPEC b.3)."""
    return (
        _id_right(datum["id"])
        or _texts_right(("report", datum["report"]))
        or period_right(
            ("evaluatedOn", datum["evaluatedOn"]), ("correctBefore", datum["correctBefore"])
        )
    )


def withdrawal_right(datum: WithdrawReference) -> Rejection | None:
    """A withdrawal has a day and a reason (SPEC e.8, b.3)."""
    name = datum["id"]
    if not text_is_fit(datum["reason"], TEXT_LENGTH_MAX):
        return Rejection("text_malformed", "reason")
    return (_organisation_right(name) if datum["kind"] == COMPANY else _id_right(name)) or (
        None if day_exists(datum["withdrawnFrom"]) else Rejection("time_malformed", "withdrawnFrom")
    )


def certificate_presented(datum: ReferenceService) -> Rejection | None:
    """A dedicated track of the catalogue asks for a certificate (SPEC b.3)."""
    if datum["track"] and not datum["certificateNumber"]:
        return Rejection("certificate_missing", "certificateNumber")
    return None


def period_right(first: tuple[str, str], last: Named) -> Rejection | None:
    """Days are YYYYMMDD, the last one not before the first. Without a last day there is no end
    (decision 0034).
    """
    (first_field, begin), (last_field, end) = first, last
    if not day_exists(begin):
        return Rejection("time_malformed", first_field)
    if end is not None and not day_exists(end):
        return Rejection("time_malformed", last_field)
    if end is not None and end < begin:
        return Rejection("period_reversed", last_field)
    return None


def _id_right(name: str) -> Rejection | None:
    return None if software_id_is_fit(name) else Rejection("text_malformed", "id")


def _organisation_right(name: str) -> Rejection | None:
    return None if identifier_is_fit(name) else Rejection("identifier_malformed", "id")


def _named(*texts: tuple[str, str]) -> Rejection | None:
    for field, text in texts:
        if not text_is_fit(text, NAME_LENGTH_MAX):
            return Rejection("text_malformed", field)
    return None


def _texts_right(*texts: Named) -> Rejection | None:
    for field, text in texts:
        if not optional_text_is_fit(text, ID_LENGTH_MAX):
            return Rejection("text_malformed", field)
    return None
