"""Rules on the metadata of a document against the header of its CDA (SPEC c.1, TRAP 22).

A field that is computed from the document rejects the message when both differ. A field that
producers word in their own way, or that official documents have wrong, warns. A value absent from
the document contradicts nothing.
"""

from collections.abc import Callable
from typing import Final, Literal

from schemas.cda.identification import Identification
from schemas.feed.messages import Document
from schemas.forms.time_order import same_time
from schemas.forms.times import time_exists
from schemas.forms.unique_id import canonical_unique_id
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import UNREFERENCED_FORMAT, formats_of

Agreement = Callable[[Identification, Document], Rejection | None]
_TimeField = Literal["creationTime", "serviceStartTime", "serviceStopTime"]

_XML: Final = "text/xml"
_OTHER_SPELLING: Final = "application/xml"
_RANK: Final = {"N": 0, "R": 1, "V": 2}


def same_document(found: Identification, document: Document) -> Rejection | None:
    """The id of the CDA is the uniqueId (SPEC c.1)."""
    if found.unique_id == document["uniqueId"]:
        return None
    if found.unique_id is None or canonical_unique_id(found.unique_id) != canonical_unique_id(
        document["uniqueId"]
    ):
        return Rejection("unique_id_mismatch", "document.uniqueId")
    return None


def same_type(found: Identification, document: Document) -> Rejection | None:
    """The code of the CDA is the type (SPEC c.1)."""
    if found.type_code != document["typeCode"]:
        return Rejection("type_mismatch", "document.typeCode")
    return None


def same_format(found: Identification, document: Document) -> Rejection | None:
    """The format is that of the templates, or of the media type of an N1 body (SPEC c.1, maps A11,
    A12; j.19).
    """
    given = formats_of(found.templates, found.type_code, found.body.media_type)
    if given and document["formatCode"] not in given:
        return Rejection("format_mismatch", "document.formatCode")
    return None


def same_mime_type(found: Identification, document: Document) -> Rejection | None:
    """The mime type is that of the root; application/xml is text/xml (SPEC c.1, j.13)."""
    given = document["mimeType"]
    if found.mime_type != (_XML if given == _OTHER_SPELLING else given):
        return Rejection("mime_type_mismatch", "document.mimeType")
    return None


def same_times(found: Identification, document: Document) -> Rejection | None:
    """Creation and act have the times of the CDA, to the lesser precision (SPEC c.1; TRAP 10)."""
    pairs: tuple[tuple[_TimeField, str | None], ...] = (
        ("creationTime", found.creation_time),
        ("serviceStartTime", found.service_start),
        ("serviceStopTime", found.service_stop),
    )
    for field, written in pairs:
        given = document[field]
        if given == written or given is None or written is None:
            continue
        if time_exists(written) and not same_time(given, written):
            return Rejection("time_mismatch", f"document.{field}")
    return None


def same_settings(found: Identification, document: Document) -> Rejection | None:
    """Place and frame of care are those of the encounter and of the main act (SPEC c.1, f.1)."""
    facility, setting = found.facility_type, found.practice_setting
    if facility is not None and facility != document["healthcareFacilityTypeCode"]:
        return Rejection("setting_mismatch", "document.healthcareFacilityTypeCode")
    if setting is not None and setting != document["practiceSettingCode"]:
        return Rejection("setting_mismatch", "document.practiceSettingCode")
    return None


def level_kept(found: Identification, document: Document) -> Rejection | None:
    """The level of confidentiality is that of the CDA or a higher one (SPEC c.4)."""
    written = _RANK.get(found.confidentiality or "N", 0)
    if _RANK[document["confidentialityCode"]] < written:
        return Rejection("confidentiality_lowered", "document.confidentialityCode")
    return None


def format_founded(found: Identification, document: Document) -> Rejection | None:
    """A rule gives the format, or the format is the one for unlisted models (SPEC c.1, f.2)."""
    if document["formatCode"] == UNREFERENCED_FORMAT:
        return None
    if formats_of(found.templates, found.type_code, found.body.media_type):
        return None
    return Rejection("format_unfounded", "document.formatCode")


def same_title(found: Identification, document: Document) -> Rejection | None:
    """The title is that of the CDA, whatever the white space (SPEC c.1)."""
    given = document["title"]
    if found.title is None or found.title == given or found.title == " ".join(given.split()):
        return None
    return Rejection("title_mismatch", "document.title")


def same_language(found: Identification, document: Document) -> Rejection | None:
    """The language is that of the CDA (SPEC c.1)."""
    if found.language is None or found.language == document["languageCode"]:
        return None
    return Rejection("language_mismatch", "document.languageCode")


def same_replaced(found: Identification, document: Document) -> Rejection | None:
    """The message names the replaced document that the CDA names, if any (SPEC d.2, TRAP 15)."""
    written, given = found.replaces, document["replaces"]
    if written is None or written == given:
        return None
    if given is None or canonical_unique_id(written) != canonical_unique_id(given):
        return Rejection("replaces_mismatch", "document.replaces")
    return None


def same_version(found: Identification, document: Document) -> Rejection | None:
    """Set and number of the version are those of the CDA, if both have them (SPEC d.2)."""
    number, lineage = document["versionNumber"], document["setId"]
    if number is not None and found.version is not None and number != found.version:
        return Rejection("version_mismatch", "document.versionNumber")
    if lineage and found.set_id is not None and lineage != found.set_id:
        return Rejection("version_mismatch", "document.setId")
    return None


def same_signer(found: Identification, document: Document) -> Rejection | None:
    """The signer is the legal authenticator of the CDA (SPEC b.4, c.1)."""
    written = found.legal_authenticator
    if written is None or written == document["legalAuthenticatorId"]:
        return None
    return Rejection("signer_mismatch", "document.legalAuthenticatorId")


def authors_kept(found: Identification, document: Document) -> Rejection | None:
    """Each author of the CDA is an author in the metadata, which may name more (SPEC b.4).

    An author has rights on the document.
    """
    named = {author["id"] for author in document["authors"]}
    if named.issuperset(found.authors):
        return None
    return Rejection("author_mismatch", "document.authors")


CONTRADICTIONS: Final[tuple[Agreement, ...]] = (
    same_document,
    same_type,
    same_format,
    same_mime_type,
    same_times,
    same_settings,
    level_kept,
)
"""Rules that reject a document, in this order."""

DIFFERENCES: Final[tuple[Agreement, ...]] = (
    format_founded,
    same_title,
    same_language,
    same_replaced,
    same_version,
    same_signer,
    authors_kept,
)
"""Rules that warn."""
