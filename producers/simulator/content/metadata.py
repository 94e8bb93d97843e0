"""The metadata of a planned document as a deposit carries them, equal to its CDA header."""

from producers.cda.reference_ids import ACCESSION, ORDER, STUDY
from producers.simulator.cda.acts import act_times
from producers.simulator.moments import literal
from producers.simulator.plan.planned import PlannedDocument
from producers.simulator.population.authors import PatientAuthor, Writer
from producers.simulator.tables.dicom_codes import MODALITIES, REGIONS
from schemas.feed.messages import Coded, Document, ReferenceId


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
        "mimeType": kind.mime_type,
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
        "eventCodeList": _events(planned),
        "referenceIdList": _references(planned, author),
    }


def source_patient_id(planned: PlannedDocument) -> str:
    """The local number (IPP) at the author's organisation; the INS in the patient's own space."""
    if isinstance(planned.author, PatientAuthor):
        return planned.author.identifier
    return f"{planned.author.organisation.patient_root}^{planned.patient.local_number}"


def _events(planned: PlannedDocument) -> list[Coded]:
    """The acts; of a KOS, which has no header, modality and region as well (SPEC c.1)."""
    found: list[Coded] = [{"code": act.code, "system": act.system} for act in planned.acts]
    if planned.kind.body != "kos":
        return found
    for act in planned.acts:
        for coded in (MODALITIES[act.modality], REGIONS[act.region]):
            found.append({"code": coded.code, "system": coded.system})
    return found


def _references(planned: PlannedDocument, author: Writer) -> list[ReferenceId]:
    root = author.organisation.patient_root
    told = (
        (planned.order, f"{root}.2", ORDER),
        (planned.accession, f"{root}.3", ACCESSION),
        (planned.study, None, STUDY),
    )
    return [
        {"value": value, "authority": authority, "typeCode": kind}
        for value, authority, kind in told
        if value is not None
    ]
