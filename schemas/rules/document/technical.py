"""Rules on documents that serve others (SPEC c.3, g; TRAP 25).

They are the signature of a submission set and the key object selection (KOS) of an imaging report.
Such documents are stored, and never listed nor counted.
"""

from typing import Final

from schemas.feed.messages import Document
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import KOS_FORMAT, KOS_TYPE, SIGNATURE_FORMATS, SIGNATURE_TYPE

CDA_MIME_TYPES: Final = frozenset({"text/xml", "application/xslt+xml", "application/xml"})
DICOM_MIME_TYPE: Final = "application/dicom"
SIGNATURE_LANGUAGE: Final = "art"
_SIGNATURE_MIME_TYPES: Final = frozenset({"text/xml", "application/xml"})
_TECHNICAL_FORMATS: Final = SIGNATURE_FORMATS | {KOS_FORMAT}
_KOS_REFERENCES: Final = frozenset(
    {
        "urn:ihe:iti:xds:2013:accession",
        "urn:ihe:iti:xds:2013:order",
        "urn:ihe:iti:xds:2016:studyInstanceUID",
    }
)


def technical_entry_right(document: Document) -> Rejection | None:
    """A signature and a KOS keep their own rules; no other document has their formats (TRAP 25)."""
    type_code = document["typeCode"]
    if type_code == SIGNATURE_TYPE:
        return signature_right(document)
    if type_code == KOS_TYPE:
        return kos_right(document)
    if document["formatCode"] in _TECHNICAL_FORMATS:
        return Rejection("format_of_technical_type", "document.formatCode")
    if document["mimeType"] not in CDA_MIME_TYPES:
        return Rejection("mime_type_contradicts_format", "document.mimeType")
    return None


def signature_right(document: Document) -> Rejection | None:
    """A signature has its format, XML, language `art`, level N, and is hidden: MASQUE_PS,
    INVISIBLE_PATIENT (SPEC c.1, c.3).
    """
    if document["formatCode"] not in SIGNATURE_FORMATS:
        return Rejection("signature_entry_wrong", "document.formatCode")
    if document["mimeType"] not in _SIGNATURE_MIME_TYPES:
        return Rejection("signature_entry_wrong", "document.mimeType")
    if document["languageCode"] != SIGNATURE_LANGUAGE:
        return Rejection("signature_entry_wrong", "document.languageCode")
    if document["confidentialityCode"] != "N":
        return Rejection("signature_entry_wrong", "document.confidentialityCode")
    if not document["masquePs"]:
        return Rejection("signature_entry_wrong", "document.masquePs")
    if not document["invisiblePatient"]:
        return Rejection("signature_entry_wrong", "document.invisiblePatient")
    return None


def kos_right(document: Document) -> Rejection | None:
    """A KOS is DICOM and names accession, order and study (SPEC c.1, g)."""
    if document["formatCode"] != KOS_FORMAT:
        return Rejection("kos_entry_wrong", "document.formatCode")
    if document["mimeType"] != DICOM_MIME_TYPE:
        return Rejection("kos_entry_wrong", "document.mimeType")
    named = {reference["typeCode"] for reference in document["referenceIdList"]}
    if not named >= _KOS_REFERENCES:
        return Rejection("kos_reference_missing", "document.referenceIdList")
    return None
