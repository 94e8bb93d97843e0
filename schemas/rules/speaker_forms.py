"""Rules on the national identifiers and codes of who sends and who wrote (SPEC b; TRAP 23).

The rules are soft: sources disagree about their strictness, or real documents break them. A message
is looked at once for all of them. The same few send and write, and nearly all are right.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NotRequired, TypedDict

from schemas.feed.messages import Actor, Author, DepositDocument, Document, Provenance
from schemas.forms.health_identifiers import (
    PATIENT_SPACE_ROOT,
    PERSON_ROOT,
    IdFlaw,
    organisation_identifier_flaw,
    person_identifier_flaw,
)
from schemas.forms.identity import INS_OIDS
from schemas.rules.table.rejections import Rejection, SoftRule
from schemas.valuesets import AUTHOR_ROLES, AUTHOR_SPECIALTIES

REMEMBERED_MAX: Final = 20_000
EXP_PATIENT: Final = "EXP_PATIENT"
"""Specialty of a patient who writes (SPEC b.3)."""

Found = Mapping[str, Rejection]
"""The rules that are broken, by code, each at its first place."""
_NOTHING: Final[Found] = {}
_OF_PATIENT: Final[Found] = {}
"""No rule is broken, but an author is a patient, whose INS must still be looked at."""
_KNOWN: Final[dict[tuple[object, ...], Found]] = {}
_INS_START: Final = "1.2.250.1.213.1.4."
_PERSONAL: Final = (f"{PERSON_ROOT}^8", f"{PERSON_ROOT}^0", _INS_START)


class Spoken(TypedDict):
    """The fields of a message that name people and systems. Only a deposit has a document."""

    provenance: Provenance
    document: NotRequired[Document]


class _Latest:
    """The result for the last message, from which each rule picks its own part.

    Decoded messages are never changed: the identity of the object is that of its content.
    """

    __slots__ = ("about",)

    def __init__(self) -> None:
        self.about: tuple[object, object, Found] = (None, None, _NOTHING)


_LATEST: Final = _Latest()


def _found(datum: Spoken) -> Found:
    provenance, document = datum["provenance"], datum.get("document")
    sender, written, found = _LATEST.about
    if sender is not provenance or written is not document:
        found = _looked_at(provenance["actor"], document)
        _LATEST.about = (provenance, document, found)
    return found


def speakers_right(datum: Spoken) -> bool:
    """True: no rule of this module is broken. False tells nothing: an author may be a patient."""
    return _found(datum) is _NOTHING


def _looked_at(actor: Actor, document: Document | None) -> Found:
    key: tuple[object, ...] = (actor["id"], actor["organisationId"])
    if document is not None:
        key += (document["legalAuthenticatorId"], document["custodianId"])
        for author in document["authors"]:
            key += tuple(author.values())
    found = _KNOWN.get(key)
    return _judged(actor, document, key) if found is None else found


def _judged(actor: Actor, document: Document | None, key: tuple[object, ...]) -> Found:
    found: dict[str, Rejection] = {}
    for code, path in _flaws(actor, document):
        found.setdefault(code, Rejection(code, path))
    if document is not None and any(_is_patient(author["id"]) for author in document["authors"]):
        # Not remembered: each patient writes about himself only.
        return found or _OF_PATIENT
    if len(_KNOWN) >= REMEMBERED_MAX:
        _KNOWN.clear()
    remembered = _KNOWN[key] = found or _NOTHING
    return remembered


def _flaws(actor: Actor, document: Document | None) -> Iterator[tuple[str, str]]:
    if document is not None:
        for author in document["authors"]:
            yield from _of_author(author)
        signer, custodian = document["legalAuthenticatorId"], document["custodianId"]
        yield from _told(person_identifier_flaw(signer), "document.legalAuthenticatorId")
        if custodian is not None and custodian.partition("^")[0] != PATIENT_SPACE_ROOT:
            yield from _told(organisation_identifier_flaw(custodian), "document.custodianId")
    yield from _told(person_identifier_flaw(actor["id"]), "provenance.actor.id")
    organisation = actor["organisationId"]
    if organisation is not None:
        flaw = organisation_identifier_flaw(organisation)
        yield from _told(flaw, "provenance.actor.organisationId")


def _of_author(author: Author) -> Iterator[tuple[str, str]]:
    yield from _told(person_identifier_flaw(author["id"]), "document.authors.id")
    organisation, role = author["organisationId"], author["functionCode"]
    if organisation is not None:
        flaw = organisation_identifier_flaw(organisation)
        yield from _told(flaw, "document.authors.organisationId")
    if role and role not in AUTHOR_ROLES:
        yield "role_unknown", "document.authors.functionCode"
    specialty = author["specialtyCode"]
    if specialty and specialty not in AUTHOR_SPECIALTIES:
        yield "specialty_unknown", "document.authors.specialtyCode"
    if author["isDevice"] and author["id"].startswith(_PERSONAL):
        yield "device_is_person", "document.authors.id"
    if _is_patient(author["id"]):
        if organisation is not None:
            yield "patient_author_wrong", "document.authors.organisationId"
        elif specialty != EXP_PATIENT:
            yield "patient_author_wrong", "document.authors.specialtyCode"


def _told(flaw: IdFlaw | None, path: str) -> Iterator[tuple[str, str]]:
    if flaw is not None:
        yield flaw, path


def _is_patient(identifier: str) -> bool:
    return identifier.startswith(_INS_START) and identifier.partition("^")[0] in INS_OIDS


def person_id_malformed(datum: Spoken) -> Rejection | None:
    """A PS_IdNat with a known prefix has the form of the prefix (SPEC b.1; TRAP 23: strictly).

    RPPS: 11 digits; ADELI: 9 characters; others: an internal identifier after a slash.
    """
    return _found(datum).get("person_id_malformed")


def person_id_of_known_form(datum: Spoken) -> Rejection | None:
    """A PS_IdNat has a known form (SPEC b.1: other forms warn)."""
    return _found(datum).get("person_id_unknown_form")


def rpps_key_right(datum: Spoken) -> Rejection | None:
    """The last digit of an RPPS is its Luhn key (SPEC b.1: a warning, TRAP 23)."""
    return _found(datum).get("rpps_key_wrong")


def organisation_id_malformed(datum: Spoken) -> Rejection | None:
    """A Struct_IdNat with a known prefix has the form of the prefix (SPEC b.2; TRAP 23: strictly).

    FINESS: 9 characters; SIREN: 9 digits; SIRET: 14 digits.
    """
    return _found(datum).get("organisation_id_malformed")


def organisation_id_of_known_form(datum: Spoken) -> Rejection | None:
    """An organisation has a Struct_IdNat with a prefix, or the SIREN of a service (SPEC b.2, b.3).

    A custodian may be the space of the patients too (SPEC f.1).
    """
    return _found(datum).get("organisation_id_unknown_form")


def organisation_key_right(datum: Spoken) -> Rejection | None:
    """FINESS, SIREN, SIRET end with their Luhn key, but for La Poste (SPEC b.2, TRAP 23)."""
    return _found(datum).get("organisation_key_wrong")


def organisation_is_no_person(datum: Spoken) -> Rejection | None:
    """No organisation is named by the number of a person (SPEC b.2, TRAP 23)."""
    return _found(datum).get("organisation_is_person")


def role_known(datum: Spoken) -> Rejection | None:
    """The functionCode of an author is in J47 (SPEC b.3)."""
    return _found(datum).get("role_unknown")


def specialty_known(datum: Spoken) -> Rejection | None:
    """The specialty of an author is in J01 (SPEC b.3)."""
    return _found(datum).get("specialty_unknown")


def device_is_no_person(datum: Spoken) -> Rejection | None:
    """A device or system is not named by the number of a person (SPEC b.3, b.4)."""
    return _found(datum).get("device_is_person")


def patient_author_right(datum: Spoken) -> Rejection | None:
    """A patient who writes has no organisation and the specialty EXP_PATIENT (SPEC b.3)."""
    return _found(datum).get("patient_author_wrong")


def patient_author_is_the_patient(datum: DepositDocument) -> Rejection | None:
    """An author named by an INS is the patient of the document (SPEC b.3, TRAP 7)."""
    for author in datum["document"]["authors"]:
        identifier = author["id"]
        if _is_patient(identifier):
            ins = datum["ins"]
            if identifier != f"{ins['oid']}^{ins['matricule']}":
                return Rejection("author_is_other_patient", "document.authors.id")
    return None


SOFT_SPEAKER_RULES: Final[tuple[SoftRule, ...]] = (
    person_id_malformed,
    person_id_of_known_form,
    rpps_key_right,
    organisation_id_malformed,
    organisation_id_of_known_form,
    organisation_key_right,
    organisation_is_no_person,
)
"""On the actor of every message and, in a deposit, on authors, signer and custodian."""

SOFT_AUTHOR_RULES: Final[tuple[SoftRule, ...]] = (
    role_known,
    specialty_known,
    device_is_no_person,
    patient_author_right,
    patient_author_is_the_patient,
)
"""On deposits, beside those."""
