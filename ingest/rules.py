"""What a message must say to be taken: one small function for each rule, pure.

Each returns a `Rejection` or None. They run per message: sets and patterns are made beforehand.
Sources: SPEC (sections in the docstrings), TRAPS, DESIGN 5 and 8.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from schemas.identity import is_well_formed, key_is_valid
from schemas.messages import Author, Document, Ins, Provenance, SubmissionSet, Traits
from schemas.rejections import Rejection
from schemas.text_forms import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    identifier_is_fit,
    language_is_fit,
    optional_text_is_fit,
    software_id_is_fit,
    text_is_fit,
)
from schemas.times import time_exists
from schemas.unique_id import canonical_unique_id, unique_id_is_well_formed
from schemas.valuesets import (
    CLASS_OF_TYPE,
    FACILITY_CODES_DMP,
    FORMAT_CODES_DMP,
    GENDERS,
    MIME_TYPES,
    PRACTICE_SETTING_CODES_DMP,
    TYPE_CODES_DMP,
)

FEEDING: Final = frozenset(
    {
        "DepositDocument",
        "DeclareIdentity",
        "OpenRecord",
        "ActivateRecord",
    }
)
"""Messages that need a qualified identity (SPEC a.4, rule 28). The others only forbid, undo or
repair: an identity that lost its qualification must still be able to oppose, close, revoke, link,
and to mask, archive or delete a document that was deposited wrongly.
"""

AUTHORS_MAX: Final = 64
REMEMBERED_MAX: Final = 20_000
_FIT_SPEAKERS: Final[set[tuple[object, ...]]] = set()
_FIT_AUTHORS: Final[set[tuple[object, ...]]] = set()
CODES_MAX: Final = 256
_COMPULSORY_TRAITS: Final[tuple[Literal["birthName", "birthGivenName", "givenNames"], ...]] = (
    "birthName",
    "birthGivenName",
    "givenNames",
)
_OPTIONAL_TRAITS: Final[tuple[Literal["usedName", "usedGivenName"], ...]] = (
    "usedName",
    "usedGivenName",
)
_BIRTH_PLACE: Final = re.compile(r"[0-9][0-9AB][0-9]{3}")


def qualified(name: str, ins: Ins) -> Rejection | None:
    """Only a qualified identity feeds (SPEC a.4, TRAPS 6)."""
    if ins["status"] != "QUALIFIEE" and name in FEEDING:
        return Rejection("identity_not_qualified", "ins.status")
    return None


def ins_accepted(oid: str, matricule: str, oids: frozenset[str], at: str) -> Rejection | None:
    """OID of this environment, form and key right (SPEC a.1, a.2, TRAPS 1-4); `at`: path prefix."""
    if oid not in oids:
        return Rejection("ins_oid_not_accepted", at + "oid")
    if key_is_valid(matricule):
        return None
    code = "ins_key_wrong" if is_well_formed(matricule) else "ins_malformed"
    return Rejection(code, at + "matricule")


def provenance_complete(provenance: Provenance) -> Rejection | None:
    """Software, actor and organisation named and well formed (SPEC b.1, b.2; DESIGN 5)."""
    software, actor = provenance["software"], provenance["actor"]
    # The same few speak in message after message.
    speaker = (*software.values(), *actor.values(), provenance["purposeOfUse"])
    if speaker in _FIT_SPEAKERS:
        return None
    rejection = _speaker_right(provenance)
    if rejection is None:
        _remember(_FIT_SPEAKERS, speaker)
    return rejection


def _remember(known: set[tuple[object, ...]], fit: tuple[object, ...]) -> None:
    """Only what is fit is remembered, so that each is of bounded length; and so many at most."""
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


def unique_id_right(unique_id: str, path: str) -> Rejection | None:
    """An OID or a UUID, 128 characters at most (SPEC c.1)."""
    return None if unique_id_is_well_formed(unique_id) else Rejection("unique_id_malformed", path)


def replaces_right(document: Document) -> Rejection | None:
    """The replaced document is named well, and is another one (SPEC d.2)."""
    replaced = document["replaces"]
    if replaced is None:
        return None
    if not unique_id_is_well_formed(replaced):
        return Rejection("unique_id_malformed", "document.replaces")
    if canonical_unique_id(replaced) == canonical_unique_id(document["uniqueId"]):
        return Rejection("replaces_itself", "document.replaces")
    return None


def codes_known(document: Document) -> Rejection | None:
    """Type, class of that type, format, mime type, facility, practice setting (SPEC c.1, TRAPS
    22).
    """
    type_code = document["typeCode"]
    if type_code not in TYPE_CODES_DMP:
        return Rejection("type_unknown", "document.typeCode")
    if document["classCode"] != CLASS_OF_TYPE.get(type_code):
        return Rejection("class_contradicts_type", "document.classCode")
    if document["formatCode"] not in FORMAT_CODES_DMP:
        return Rejection("format_unknown", "document.formatCode")
    if document["mimeType"] not in MIME_TYPES:
        return Rejection("mime_type_unknown", "document.mimeType")
    if document["healthcareFacilityTypeCode"] not in FACILITY_CODES_DMP:
        return Rejection("facility_unknown", "document.healthcareFacilityTypeCode")
    if document["practiceSettingCode"] not in PRACTICE_SETTING_CODES_DMP:
        return Rejection("practice_setting_unknown", "document.practiceSettingCode")
    if not language_is_fit(document["languageCode"]):
        return Rejection("language_malformed", "document.languageCode")
    return None


def times_readable(document: Document) -> Rejection | None:
    """Creation, act and signature are HL7 literals of times that exist (SPEC c.2, TRAPS 8-10)."""
    creation, start = document["creationTime"], document["serviceStartTime"]
    stop, signed = document["serviceStopTime"], document["legalAuthenticationTime"]
    if not time_exists(start):
        return Rejection("time_malformed", "document.serviceStartTime")
    if creation != start and not time_exists(creation):
        return Rejection("time_malformed", "document.creationTime")
    if stop is not None and stop != start and not time_exists(stop):
        return Rejection("time_malformed", "document.serviceStopTime")
    if signed is not None and signed != creation and not time_exists(signed):
        return Rejection("time_malformed", "document.legalAuthenticationTime")
    return None


def authors_named(authors: list[Author]) -> Rejection | None:
    """At least one author, each with an identifier: it is an access right (SPEC b.4)."""
    if not authors:
        return Rejection("author_missing", "document.authors")
    if len(authors) > AUTHORS_MAX:
        return Rejection("text_malformed", "document.authors")
    for author in authors:
        said = tuple(author.values())
        if said in _FIT_AUTHORS:
            continue
        rejection = _author_right(author)
        if rejection is not None:
            return rejection
        _remember(_FIT_AUTHORS, said)
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
    """Signer compulsory; signer, custodian and IPP are root^extension (SPEC b.4, c.1)."""
    if not identifier_is_fit(document["legalAuthenticatorId"]):
        return Rejection("identifier_malformed", "document.legalAuthenticatorId")
    custodian, local = document["custodianId"], document["sourcePatientId"]
    if custodian is not None and not identifier_is_fit(custodian):
        return Rejection("identifier_malformed", "document.custodianId")
    if local is not None and not identifier_is_fit(local):
        return Rejection("identifier_malformed", "document.sourcePatientId")
    return None


def texts_fit(document: Document) -> Rejection | None:
    """A title compulsory; texts of bounded length without control characters (SPEC c.1)."""
    if not text_is_fit(document["title"], TITLE_LENGTH_MAX):
        return Rejection("text_malformed", "document.title")
    if not optional_text_is_fit(document["comments"], TEXT_LENGTH_MAX):
        return Rejection("text_malformed", "document.comments")
    if not optional_text_is_fit(document["setId"], 2 * ID_LENGTH_MAX):
        return Rejection("text_malformed", "document.setId")
    if not optional_text_is_fit(document["legalAuthenticatorName"], NAME_LENGTH_MAX):
        return Rejection("text_malformed", "document.legalAuthenticatorName")
    return None


def size_declared(document: Document) -> Rejection | None:
    """A document has at least one byte (SPEC c.1)."""
    return None if document["size"] > 0 else Rejection("size_mismatch", "document.size")


def lists_fit(document: Document) -> Rejection | None:
    """Event codes and reference identifiers: bounded, not empty (SPEC c.1)."""
    codes, references = document["eventCodeList"], document["referenceIdList"]
    for coded in codes:
        if not (
            text_is_fit(coded["code"], ID_LENGTH_MAX)
            and optional_text_is_fit(coded["system"], ID_LENGTH_MAX)
        ):
            return Rejection("text_malformed", "document.eventCodeList")
    for reference in references:
        if not (
            text_is_fit(reference["value"], NAME_LENGTH_MAX)
            and text_is_fit(reference["typeCode"], NAME_LENGTH_MAX)
            and optional_text_is_fit(reference["authority"], ID_LENGTH_MAX)
        ):
            return Rejection("text_malformed", "document.referenceIdList")
    if len(codes) > CODES_MAX or len(references) > CODES_MAX:
        return Rejection("text_malformed", "document.eventCodeList")
    return None


def traits_right(traits: Traits | None, at: str) -> Rejection | None:
    """Strict traits present and well formed (SPEC a.3); never compared with the matricule (TRAPS
    4).
    """
    if traits is None:
        return None
    for field in _COMPULSORY_TRAITS:
        if not text_is_fit(traits[field], NAME_LENGTH_MAX):
            return Rejection("traits_malformed", at + field)
    for trait in _OPTIONAL_TRAITS:
        if not optional_text_is_fit(traits[trait], NAME_LENGTH_MAX):
            return Rejection("traits_malformed", at + trait)
    if traits["sex"] not in GENDERS:
        return Rejection("traits_malformed", at + "sex")
    if not time_exists(traits["birthDate"]):
        return Rejection("traits_malformed", at + "birthDate")
    place = traits["birthPlace"]
    if place is not None and _BIRTH_PLACE.fullmatch(place) is None:
        return Rejection("traits_malformed", at + "birthPlace")
    return None


def submission_set_right(lot: SubmissionSet | None) -> Rejection | None:
    """The set, where there is one, and its source are named by OIDs (SPEC c.3)."""
    if lot is None:
        return None
    if not identifier_is_fit(lot["uniqueId"]):
        return Rejection("identifier_malformed", "submissionSet.uniqueId")
    if not identifier_is_fit(lot["sourceId"]):
        return Rejection("identifier_malformed", "submissionSet.sourceId")
    if not text_is_fit(lot["contentTypeCode"], ID_LENGTH_MAX):
        return Rejection("text_malformed", "submissionSet.contentTypeCode")
    if not optional_text_is_fit(lot["title"], TITLE_LENGTH_MAX):
        return Rejection("text_malformed", "submissionSet.title")
    return None


def deposit_right(datum: Mapping[str, Any]) -> Rejection | None:
    """All rules on the metadata of a deposit; the first one broken."""
    document: Document = datum["document"]
    return (
        unique_id_right(document["uniqueId"], "document.uniqueId")
        or replaces_right(document)
        or codes_known(document)
        or times_readable(document)
        or authors_named(document["authors"])
        or identifiers_right(document)
        or texts_fit(document)
        or size_declared(document)
        or lists_fit(document)
        or traits_right(document["sourcePatientInfo"], "document.sourcePatientInfo.")
        or submission_set_right(datum["submissionSet"])
    )


def document_operation_right(datum: Mapping[str, Any]) -> Rejection | None:
    """The document concerned is named well, and the reason is text."""
    if not optional_text_is_fit(datum["reason"], TEXT_LENGTH_MAX):
        return Rejection("text_malformed", "reason")
    return unique_id_right(datum["uniqueId"], "uniqueId")


def visibility_right(datum: Mapping[str, Any]) -> Rejection | None:
    """A change of visibility names at least one flag (SPEC c.4)."""
    if (
        datum["masquePs"] is None
        and datum["invisiblePatient"] is None
        and datum["invisibleRepresentantsLegaux"] is None
    ):
        return Rejection("visibility_empty")
    return document_operation_right(datum)


def record_operation_right(datum: Mapping[str, Any]) -> Rejection | None:
    """The reason, where there is one, is text."""
    fit = optional_text_is_fit(datum.get("reason"), TEXT_LENGTH_MAX)
    return None if fit else Rejection("text_malformed", "reason")


def closing_right(datum: Mapping[str, Any]) -> Rejection | None:
    """The day of closing, where it is given, is a time (SPEC d.5)."""
    closed_on = datum["closedOn"]
    if closed_on is not None and not time_exists(closed_on):
        return Rejection("time_malformed", "closedOn")
    return record_operation_right(datum)


def declaration_right(datum: Mapping[str, Any]) -> Rejection | None:
    """The traits of a declared identity (SPEC a.3)."""
    return traits_right(datum["traits"], "traits.")


RULES_OF: Final[Mapping[str, Callable[[Mapping[str, Any]], Rejection | None]]] = {
    "DepositDocument": deposit_right,
    "ChangeVisibility": visibility_right,
    "ArchiveDocument": document_operation_right,
    "UnarchiveDocument": document_operation_right,
    "DeleteDocument": document_operation_right,
    "DeclareIdentity": declaration_right,
    "OpenRecord": record_operation_right,
    "ActivateRecord": record_operation_right,
    "CloseRecord": closing_right,
    "OpposeFeeding": record_operation_right,
    "WithdrawOpposition": record_operation_right,
    "LinkIns": record_operation_right,
    "UnlinkIns": record_operation_right,
    "RevokeIdentity": record_operation_right,
}
"""The rules on what each kind of message says, beside those on key, identity and provenance."""
