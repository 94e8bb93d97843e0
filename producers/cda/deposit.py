"""A CDA file as a deposit: metadata from its header, or why it is not worth sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from schemas import valuesets
from schemas.cda import Author as CdaAuthor
from schemas.cda import CdaDocument, CdaUnreadable, read_cda
from schemas.feed.messages import Author, Document, Ins, Provenance, ReferenceId, Traits
from schemas.forms.identity import Environment, accepted_oids, is_well_formed
from schemas.forms.times import parse_time
from schemas.forms.unique_id import canonical_unique_id, unique_id_is_well_formed
from schemas.rules.table.rejections import REJECTIONS

from .inputs import bytes_of
from .reference_ids import ACCESSION, ORDER, STUDY

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Flags:
    """What is asked for beside the file: confidentiality never stands in a CDA (SPEC c.4)."""

    masque_ps: bool = False
    invisible_patient: bool = False
    invisible_representants_legaux: bool = False


class Refused(Exception):
    """A file is not sent: ingestion would refuse it. Sentences name no person.

    `path`: the field of the message at fault, None when it is the file as a whole. `repair`: what
    the rule of its code says is to be done, empty where there is none.
    """

    def __init__(self, code: str, english: str, french: str, path: str | None = None) -> None:
        super().__init__(english)
        self.code = code
        self.english = english
        self.french = french
        self.path = path
        rule = REJECTIONS.get(code)
        self.repair = "" if rule is None else rule.repair


def refused(code: str, path: str | None = None) -> Refused:
    """The refusal that ingestion would give, before sending."""
    rule = REJECTIONS[code]
    return Refused(code, rule.english, rule.french, path)


def read_document(data: bytes, environment: Environment, bytes_max: int) -> CdaDocument:
    """What the file says, when ingestion can take it. Raises Refused."""
    if len(data) > bytes_max:
        raise refused("too_large")
    found = read_cda(data)
    if isinstance(found, CdaUnreadable):
        raise not_sendable(found)
    check_document(found, environment)
    return found


def not_sendable(refusal: CdaUnreadable) -> Refused:
    """Why bytes that are refused as a CDA are not sent."""
    english = f"Not a CDA that can be sent: {refusal.detail}"
    return Refused("content_refused", english, _NOT_CDA, "content")


def check_document(found: CdaDocument, environment: Environment) -> None:
    """Person and codes of the document are such as ingestion takes. Raises Refused."""
    _check_ins(found, environment)
    _check_codes(found)


def deposit(
    found: CdaDocument,
    content: bytes,
    message_id: bytes,
    provenance: Provenance,
    flags: Flags,
    replaces: str | None = None,
) -> dict[str, Any]:
    """The datum of a DepositDocument with these bytes. `replaces` overrides that of the file.

    Raises Refused for what `read_document` has not looked at: times, identifiers.
    """
    ins = found.ins
    assert ins is not None  # read_document refuses a file without one
    identity: Ins = {"oid": ins.oid, "matricule": ins.matricule, "status": "QUALIFIEE"}
    return {
        "messageId": message_id,
        "provenance": provenance,
        "ins": identity,
        "visibilityOnly": False,
        "submissionSet": None,
        "document": metadata(found, flags, replaces),
        "content": content,
    }


def metadata(found: CdaDocument, flags: Flags, replaces: str | None = None) -> Document:
    """The DocumentEntry of a file. Raises Refused."""
    signer = found.legal_authenticator
    if signer is None or signer.id is None:
        raise refused("identifier_malformed", "document.legalAuthenticatorId")
    imaging = found.class_code == valuesets.IMAGING_CLASS
    document: Document = {
        "uniqueId": _needed(found.unique_id, "unique_id_malformed", "uniqueId"),
        "replaces": replaces if replaces is not None else found.replaces,
        "setId": found.set_id,
        "versionNumber": found.version,
        "typeCode": _needed(found.type, "type_unknown", "typeCode").code,
        "classCode": _needed(found.class_code, "type_unknown", "classCode"),
        "formatCode": _needed(found.format_code, "format_unknown", "formatCode"),
        "mimeType": found.mime_type,
        "hash": bytes.fromhex(found.sha1),
        "sha256": bytes.fromhex(found.sha256),
        "size": found.size,
        "languageCode": _needed(found.language, "language_malformed", "languageCode"),
        "title": _needed(found.title, "text_malformed", "title"),
        "comments": None,
        "sourcePatientId": _source_patient(found),
        "sourcePatientInfo": _traits(found),
        "authors": _authors(found),
        "legalAuthenticatorId": signer.id,
        "legalAuthenticatorName": signer.name,
        "legalAuthenticationTime": _time(signer.time, "legalAuthenticationTime"),
        "custodianId": found.custodian,
        "creationTime": _needed_time(found.creation_time, "creationTime"),
        "serviceStartTime": _needed_time(found.service_start, "serviceStartTime"),
        "serviceStopTime": _time(found.service_stop, "serviceStopTime"),
        "healthcareFacilityTypeCode": _needed(
            found.facility_type, "facility_unknown", "healthcareFacilityTypeCode"
        ),
        "practiceSettingCode": _needed(
            found.practice_setting, "practice_setting_unknown", "practiceSettingCode"
        ),
        "confidentialityCode": _LEVELS[
            _needed(found.confidentiality, "text_malformed", "confidentialityCode")
        ],
        "masquePs": flags.masque_ps,
        "invisiblePatient": flags.invisible_patient,
        "invisibleRepresentantsLegaux": flags.invisible_representants_legaux,
        "eventCodeList": [{"code": c.code, "system": c.system} for c in found.event_codes],
        "referenceIdList": [
            *(_reference(value, ORDER) for value in found.orders),
            *(_reference(value, ACCESSION) for value in found.accessions),
            *(_reference(value, STUDY) for value in found.studies if imaging),
        ],
    }
    _check_replacement(document)
    return document


def _source_patient(found: CdaDocument) -> str | None:
    """The patient's first local identifier; the INS when there is none (SPEC a.5)."""
    ins = None if found.ins is None else f"{found.ins.oid}^{found.ins.matricule}"
    return next(iter(found.local_ids), ins)


def actor_of(found: CdaDocument) -> CdaAuthor | None:
    """The first author that is a person: who acts when nobody else is named."""
    return next((a for a in found.authors if a.device is None and a.id is not None), None)


def read_file(path: Path, bytes_max: int) -> bytes:
    """The bytes of a file, or of standard input (`-`), but one more than `bytes_max` at most.

    Raises Refused when there is none that can be read.
    """
    try:
        return bytes_of(path, bytes_max)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise Refused("file_unreadable", f"The file cannot be read: {reason}.", _NO_FILE) from None


_NOT_CDA: Final = REJECTIONS["content_refused"].french
_NO_FILE: Final = "Le fichier ne peut pas être lu."
_LEVELS: Final[Mapping[str, Any]] = {"N": "N", "R": "R", "V": "V"}


def _needed(value: T | None, code: str, field: str) -> T:
    if value is None:
        raise refused(code, f"document.{field}")
    return value


def _time(literal: str | None, field: str) -> str | None:
    if literal is not None and parse_time(literal) is None:
        raise refused("time_malformed", f"document.{field}")
    return literal


def _needed_time(literal: str | None, field: str) -> str:
    return _needed(_time(literal, field), "time_malformed", field)


def _check_ins(found: CdaDocument, environment: Environment) -> None:
    if found.ins is None:
        raise Refused(
            "ins_missing",
            "The document has no INS, or several: it would be filed under nobody.",
            "Le document n'a pas d'INS, ou en a plusieurs : il ne serait classé chez personne.",
            "ins",
        )
    if found.ins.oid not in accepted_oids(environment):
        raise refused("ins_oid_not_accepted", "ins.oid")
    if not found.ins.key_valid:
        right_form = is_well_formed(found.ins.matricule)
        raise refused("ins_key_wrong" if right_form else "ins_malformed", "ins.matricule")


def _check_codes(found: CdaDocument) -> None:
    type_code = found.type.code if found.type else None
    practice = found.practice_setting
    checks = (
        (type_code, valuesets.TYPE_CODES_DMP, "type_unknown", "typeCode"),
        (found.format_code, valuesets.FORMAT_CODES_DMP, "format_unknown", "formatCode"),
        (
            found.facility_type,
            valuesets.FACILITY_CODES_DMP,
            "facility_unknown",
            "healthcareFacilityTypeCode",
        ),
        (
            practice,
            valuesets.PRACTICE_SETTING_CODES_DMP,
            "practice_setting_unknown",
            "practiceSettingCode",
        ),
        (found.confidentiality, frozenset(_LEVELS), "text_malformed", "confidentialityCode"),
    )
    if type_code is not None and valuesets.is_listed_outside_dmp(type_code):
        raise refused("type_not_in_dmp", "document.typeCode")
    for code, allowed, rejection, field in checks:
        if code not in allowed:
            raise refused(rejection, f"document.{field}")
    if found.unique_id is None or not unique_id_is_well_formed(found.unique_id):
        raise refused("unique_id_malformed", "document.uniqueId")


def _check_replacement(document: Document) -> None:
    replaced = document["replaces"]
    if replaced is None:
        return
    if not unique_id_is_well_formed(replaced):
        raise refused("unique_id_malformed", "document.replaces")
    if canonical_unique_id(replaced) == canonical_unique_id(document["uniqueId"]):
        raise refused("replaces_itself", "document.replaces")


def _authors(found: CdaDocument) -> list[Author]:
    authors: list[Author] = [
        {
            "id": author.id,
            "name": author.name,
            "functionCode": author.function_code,
            "specialtyCode": author.specialty,
            "organisationId": author.organisation,
            "organisationName": author.organisation_name,
            "isDevice": author.device is not None,
        }
        for author in found.authors
        if author.id is not None
    ]
    if not authors:
        raise refused("author_missing", "document.authors")
    return authors


def _traits(found: CdaDocument) -> Traits | None:
    """The traits, when the strict ones are all there; they are never completed."""
    name, given, all_given = found.birth_name, found.birth_given, found.given_list
    sex, born = found.sex, found.birth_time
    if name is None or given is None or all_given is None or sex is None or born is None:
        return None
    return {
        "birthName": name,
        "birthGivenName": given,
        "givenNames": all_given,
        "sex": sex,
        "birthDate": born,
        "birthPlace": found.birth_place,
        "usedName": found.used_name,
        "usedGivenName": found.used_given,
    }


def _reference(identifier: str, type_code: str) -> ReferenceId:
    root, caret, extension = identifier.partition("^")
    if caret:
        return {"value": extension, "authority": root, "typeCode": type_code}
    return {"value": root, "authority": None, "typeCode": type_code}
