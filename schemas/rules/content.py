"""The bytes of a document against the metadata that came with them (SPEC c.1, TRAPS 21-24)."""

from hashlib import sha1, sha256
from typing import Final

from ..cda import CdaRefusal
from ..cda.identification import Identification, read_identification
from ..messages import Document, Ins
from ..rejections import Rejection
from ..unique_id import canonical_unique_id

CDA_MIME_TYPES: Final = frozenset({"text/xml", "application/xslt+xml"})


def content_right(content: bytes, document: Document, ins: Ins, bytes_max: int) -> Rejection | None:
    """Size, hashes, patient, identifier and type of the bytes are those of the metadata.

    Documents that are no CDA (DICOM) are compared by size and hashes only.
    """
    if len(content) > bytes_max:
        return Rejection("too_large", "content")
    if len(content) != document["size"]:
        return Rejection("size_mismatch", "document.size")
    if sha256(content).digest() != document["sha256"]:
        return Rejection("hash_mismatch", "document.sha256")
    if sha1(content, usedforsecurity=False).digest() != document["hash"]:
        return Rejection("hash_mismatch", "document.hash")
    if document["mimeType"] not in CDA_MIME_TYPES:
        return None
    found = read_identification(content)
    if isinstance(found, CdaRefusal):
        return Rejection("content_refused", "content")
    return _identification_right(found, document, ins)


def _identification_right(found: Identification, document: Document, ins: Ins) -> Rejection | None:
    patient = found.ins
    if patient is None or (patient.oid, patient.matricule) != (ins["oid"], ins["matricule"]):
        # A document without INS, or with several, is filed under nobody (TRAPS 7).
        return Rejection("patient_mismatch", "ins")
    if found.unique_id is None or canonical_unique_id(found.unique_id) != canonical_unique_id(
        document["uniqueId"]
    ):
        return Rejection("unique_id_mismatch", "document.uniqueId")
    if found.type_code != document["typeCode"]:
        return Rejection("type_mismatch", "document.typeCode")
    return None
