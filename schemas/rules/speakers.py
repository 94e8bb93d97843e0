"""Rules on who sends and who wrote: software, actor, authors, signer (SPEC b).

The same few send and write message after message: those that are fit are remembered. Module
`speaker_forms` has the rules on their national identifiers, whose severity may be a warning.
"""

from typing import Final

from schemas.feed.messages import Author, Document, Provenance
from schemas.forms.texts import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    identifier_is_fit,
    optional_text_is_fit,
    software_id_is_fit,
    text_is_fit,
)
from schemas.rules.table.rejections import Rejection

AUTHORS_MAX: Final = 64
REMEMBERED_MAX: Final = 20_000
_FIT_SPEAKERS: Final[set[tuple[object, ...]]] = set()
_FIT_AUTHORS: Final[set[tuple[object, ...]]] = set()


def provenance_complete(provenance: Provenance) -> Rejection | None:
    """Software, actor and organisation are named and well formed (SPEC b.1, b.2; decision 0006)."""
    software, actor = provenance["software"], provenance["actor"]
    speaker = (*software.values(), *actor.values(), provenance["purposeOfUse"])
    if speaker in _FIT_SPEAKERS:
        return None
    rejection = _speaker_right(provenance)
    if rejection is None:
        _remember(_FIT_SPEAKERS, speaker)
    return rejection


def _remember(known: set[tuple[object, ...]], fit: tuple[object, ...]) -> None:
    """Remembers `fit`, which has bounded length since it is fit; 20,000 are remembered at most."""
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known.add(fit)


def _speaker_right(provenance: Provenance) -> Rejection | None:
    software, actor = provenance["software"], provenance["actor"]
    if not software_id_is_fit(software["id"]):
        return Rejection("text_malformed", "provenance.software.id")
    if not (
        text_is_fit(software["name"], NAME_LENGTH_MAX)
        and text_is_fit(software["version"], ID_LENGTH_MAX)
    ):
        return Rejection("text_malformed", "provenance.software")
    if not identifier_is_fit(actor["id"]):
        return Rejection("identifier_malformed", "provenance.actor.id")
    organisation = actor["organisationId"]
    if organisation is not None and not identifier_is_fit(organisation):
        return Rejection("identifier_malformed", "provenance.actor.organisationId")
    for field in ("name", "roleCode", "organisationName", "sectorCode"):
        if not optional_text_is_fit(actor[field], NAME_LENGTH_MAX):
            return Rejection("text_malformed", f"provenance.actor.{field}")
    if not (
        text_is_fit(provenance["purposeOfUse"], ID_LENGTH_MAX)
        and optional_text_is_fit(software["approval"], ID_LENGTH_MAX)
    ):
        return Rejection("text_malformed", "provenance")
    return None


def authors_named(authors: list[Author]) -> Rejection | None:
    """There is an author, and each has an identifier, which is a right of access (SPEC b.4)."""
    if not authors:
        return Rejection("author_missing", "document.authors")
    if len(authors) > AUTHORS_MAX:
        return Rejection("text_malformed", "document.authors")
    for author in authors:
        fields = tuple(author.values())
        if fields in _FIT_AUTHORS:
            continue
        rejection = _author_right(author)
        if rejection is not None:
            return rejection
        _remember(_FIT_AUTHORS, fields)
    return None


def _author_right(author: Author) -> Rejection | None:
    organisation = author["organisationId"]
    if not identifier_is_fit(author["id"]):
        return Rejection("identifier_malformed", "document.authors.id")
    if organisation is not None and not identifier_is_fit(organisation):
        return Rejection("identifier_malformed", "document.authors.organisationId")
    if not (
        optional_text_is_fit(author["name"], NAME_LENGTH_MAX)
        and optional_text_is_fit(author["organisationName"], NAME_LENGTH_MAX)
        and optional_text_is_fit(author["functionCode"], ID_LENGTH_MAX)
        and optional_text_is_fit(author["specialtyCode"], ID_LENGTH_MAX)
    ):
        return Rejection("text_malformed", "document.authors")
    return None


def identifiers_right(document: Document) -> Rejection | None:
    """There is a signer; signer, custodian and IPP are root^extension (SPEC b.4, c.1)."""
    if not identifier_is_fit(document["legalAuthenticatorId"]):
        return Rejection("identifier_malformed", "document.legalAuthenticatorId")
    custodian, local = document["custodianId"], document["sourcePatientId"]
    if custodian is not None and not identifier_is_fit(custodian):
        return Rejection("identifier_malformed", "document.custodianId")
    if local is not None and not identifier_is_fit(local):
        return Rejection("identifier_malformed", "document.sourcePatientId")
    return None
