"""The metadata of a deposit (DocumentEntry), read from the header of its CDA."""

from __future__ import annotations

from typing import TypeVar

from schemas import valuesets
from schemas.cda import CdaDocument
from schemas.feed.messages import Author, Document, ReferenceId, Traits
from schemas.forms.identity import is_local
from schemas.forms.times import parse_time
from schemas.forms.unique_id import canonical_unique_id, unique_id_is_well_formed

from .reference_ids import ACCESSION, ORDER, STUDY
from .refused import refused_by_rule
from .sendable import CONFIDENTIALITIES
from .visibility import RequestedVisibility

T = TypeVar("T")


def metadata(
    found: CdaDocument, visibility: RequestedVisibility, replaces: str | None = None
) -> Document:
    """The metadata (DocumentEntry) of a file. `replaces` overrides what the file says.

    Raises Refused for what `sendable_document` has not looked at: times, identifiers.
    """
    signer = found.legal_authenticator
    if signer is None or signer.id is None:
        raise refused_by_rule("identifier_malformed", "document.legalAuthenticatorId")
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
        "confidentialityCode": CONFIDENTIALITIES[
            _needed(found.confidentiality, "text_malformed", "confidentialityCode")
        ],
        "masquePs": visibility.masque_ps,
        "invisiblePatient": visibility.invisible_patient,
        "invisibleRepresentantsLegaux": visibility.invisible_representants_legaux,
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
    """The patient's first local identifier; the INS where the file has none (SPEC a.5).

    A social security number or a retired INS is neither, and is never stored.
    """
    ins = None if found.ins is None else f"{found.ins.oid}^{found.ins.matricule}"
    return next((value for value in found.local_ids if is_local(value)), ins)


def _needed(value: T | None, code: str, field: str) -> T:
    if value is None:
        raise refused_by_rule(code, f"document.{field}")
    return value


def _time(literal: str | None, field: str) -> str | None:
    if literal is not None and parse_time(literal) is None:
        raise refused_by_rule("time_malformed", f"document.{field}")
    return literal


def _needed_time(literal: str | None, field: str) -> str:
    return _needed(_time(literal, field), "time_malformed", field)


def _check_replacement(document: Document) -> None:
    replaced = document["replaces"]
    if replaced is None:
        return
    if not unique_id_is_well_formed(replaced):
        raise refused_by_rule("unique_id_malformed", "document.replaces")
    if canonical_unique_id(replaced) == canonical_unique_id(document["uniqueId"]):
        raise refused_by_rule("replaces_itself", "document.replaces")


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
        raise refused_by_rule("author_missing", "document.authors")
    return authors


def _trait(value: str | None, field: str) -> str:
    return _needed(value, "traits_malformed", f"sourcePatientInfo.{field}")


def _traits(found: CdaDocument) -> Traits:
    """The traits; they are never completed. Raises Refused for a strict one that is missing: what
    is not there could not be compared with the identity declared (SPEC a.5).
    """
    return {
        "birthName": _trait(found.birth_name, "birthName"),
        "birthGivenName": _trait(found.birth_given, "birthGivenName"),
        "givenNames": _trait(found.given_list, "givenNames"),
        "sex": _trait(found.sex, "sex"),
        "birthDate": _trait(found.birth_time, "birthDate"),
        "birthPlace": found.birth_place,
        "usedName": found.used_name,
        "usedGivenName": found.used_given,
    }


def _reference(identifier: str, type_code: str) -> ReferenceId:
    root, caret, extension = identifier.partition("^")
    if caret:
        return {"value": extension, "authority": root, "typeCode": type_code}
    return {"value": root, "authority": None, "typeCode": type_code}
