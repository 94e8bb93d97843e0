"""Rules on the bytes of a document against its metadata (SPEC c.1, TRAP 21 to TRAP 25)."""

from hashlib import sha1, sha256
from typing import Final

from lxml import etree

from schemas.cda import CdaUnreadable
from schemas.cda.hardened import hardened_tree
from schemas.cda.identification import Identification, read_identification
from schemas.feed.messages import Document, Ins
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import SIGNATURE_TYPE

from .agreement import CONTRADICTIONS, DIFFERENCES
from .technical import CDA_MIME_TYPES, DICOM_MIME_TYPE

__all__ = [
    "CDA_MIME_TYPES",
    "DICOM_MIME_TYPE",
    "Findings",
    "bytes_right",
    "content_findings",
    "content_right",
    "dicom_right",
    "patient_right",
    "signature_content_right",
]

_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_DICOM_MARK: Final = slice(128, 132)
Findings = tuple[Rejection, ...]
"""Rules broken, in their order. A rule that always rejects stands alone."""


def content_right(content: bytes, document: Document, ins: Ins, bytes_max: int) -> Rejection | None:
    """The first broken rule that rejects in every installation; None without one (SPEC c.1)."""
    for broken in content_findings(content, document, ins, bytes_max):
        if broken.rule.severity == "reject":
            return broken
    return None


def content_findings(content: bytes, document: Document, ins: Ins, bytes_max: int) -> Findings:
    """The differences of bytes and metadata: one that rejects, or all that may warn (SPEC c.1).

    Size and hashes are computed again. Of a CDA, patient, identifier and the values that the
    metadata repeat are read. A KOS must be DICOM and a signature an XML signature; their content is
    not read.
    """
    broken = bytes_right(content, document, bytes_max)
    if broken is not None:
        return (broken,)
    if document["mimeType"] == DICOM_MIME_TYPE:
        return _alone(dicom_right(content))
    if document["typeCode"] == SIGNATURE_TYPE:
        return _alone(signature_content_right(content))
    found = read_identification(content)
    if isinstance(found, CdaUnreadable):
        return (Rejection("content_refused", "content"),)
    return _agreement(found, document, ins)


def bytes_right(content: bytes, document: Document, bytes_max: int) -> Rejection | None:
    """Size and hashes are those of the bytes as received (SPEC c.1, f.2; TRAP 21, 24)."""
    if len(content) > bytes_max:
        return Rejection("too_large", "content")
    if len(content) != document["size"]:
        return Rejection("size_mismatch", "document.size")
    if sha256(content).digest() != document["sha256"]:
        return Rejection("hash_mismatch", "document.sha256")
    if sha1(content, usedforsecurity=False).digest() != document["hash"]:
        return Rejection("hash_mismatch", "document.hash")
    return None


def dicom_right(content: bytes) -> Rejection | None:
    """A document sent as DICOM begins like a DICOM file (SPEC c.1, TRAP 22).

    DICOM documents are never listed: another file sent as DICOM would vanish.
    """
    if content[_DICOM_MARK] == b"DICM":
        return None
    return Rejection("content_not_dicom", "content")


def signature_content_right(content: bytes) -> Rejection | None:
    """A document sent as the signature of a set is an XML signature (SPEC c.3, TRAP 24, 25)."""
    root = hardened_tree(content)
    if isinstance(root, etree._Element) and root.tag == _SIGNATURE:
        return None
    return Rejection("content_not_signature", "content")


def patient_right(found: Identification, ins: Ins) -> Rejection | None:
    """The one INS of the CDA is that of the message (SPEC a.5, TRAP 7).

    A document without INS, or with several, is filed under nobody.
    """
    patient = found.ins
    if patient is None or (patient.oid, patient.matricule) != (ins["oid"], ins["matricule"]):
        return Rejection("patient_mismatch", "ins")
    return None


def _agreement(found: Identification, document: Document, ins: Ins) -> Findings:
    broken = patient_right(found, ins)
    if broken is not None:
        return (broken,)
    for contradiction in CONTRADICTIONS:
        broken = contradiction(found, document)
        if broken is not None:
            return (broken,)
    differences = (difference(found, document) for difference in DIFFERENCES)
    return tuple(different for different in differences if different is not None)


def _alone(broken: Rejection | None) -> Findings:
    return () if broken is None else (broken,)
