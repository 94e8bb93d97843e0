"""The metadata of a planned document, as a deposit carries it: what its CDA header says too."""

from typing import Final

from schemas.messages import Document, ReferenceId

from .cda_header import act_times
from .moments import literal
from .planned import PlannedDocument
from .practice import Professional

ORDER: Final = "urn:ihe:iti:xds:2013:order"


def document_metadata(planned: PlannedDocument, sha1: bytes, sha256: bytes, size: int) -> Document:
    """The DocumentEntry of a planned document whose bytes have these hashes and this size."""
    kind = planned.kind
    author = planned.author
    zone = author.organisation.zone
    start, stop = act_times(planned)
    flags = planned.flags
    return {
        "uniqueId": planned.uid,
        "replaces": planned.replaces,
        "setId": planned.set_id,
        "versionNumber": planned.version,
        "typeCode": kind.type_code,
        "classCode": kind.class_code,
        "formatCode": kind.format_code,
        "mimeType": "text/xml",
        "hash": sha1,
        "sha256": sha256,
        "size": size,
        "languageCode": "fr-FR",
        "title": kind.title,
        "comments": None,
        "sourcePatientId": source_patient_id(planned),
        "sourcePatientInfo": planned.patient.traits,
        "authors": [author.author(kind.function)],
        "legalAuthenticatorId": planned.signer.identifier,
        "legalAuthenticatorName": planned.signer.name,
        "legalAuthenticationTime": literal(planned.signed, zone),
        "custodianId": author.organisation.identifier,
        "creationTime": literal(planned.created, zone),
        "serviceStartTime": start,
        "serviceStopTime": stop,
        "healthcareFacilityTypeCode": author.organisation.facility_type,
        "practiceSettingCode": author.organisation.practice_setting,
        "confidentialityCode": "N",
        "masquePs": flags.get("masquePs", False),
        "invisiblePatient": flags.get("invisiblePatient", False),
        "invisibleRepresentantsLegaux": flags.get("invisibleRepresentantsLegaux", False),
        "eventCodeList": [{"code": act.code, "system": act.system} for act in planned.acts],
        "referenceIdList": _references(planned.order, author),
    }


def source_patient_id(planned: PlannedDocument) -> str:
    """The local number (IPP) of the patient at the author's organisation."""
    return f"{planned.author.organisation.patient_root}^{planned.patient.local_number}"


def _references(order: str | None, author: Professional) -> list[ReferenceId]:
    if order is None:
        return []
    authority = f"{author.organisation.patient_root}.2"
    return [{"value": order, "authority": authority, "typeCode": ORDER}]
