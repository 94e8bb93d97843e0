"""CDA R2 documents: bytes in, metadata or a refusal out. Pure: no clock, no file, no network."""

from .document import (
    Author,
    Body,
    CdaDocument,
    Coded,
    LegalAuthenticator,
    PatientIns,
    Problem,
    Subject,
)
from .hardened import MAX_ATTRIBUTES, MAX_BYTES, MAX_DEPTH, MAX_MARKUP, CdaRefusal, RefusalCode
from .reading import read_cda, read_subject

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_MARKUP",
    "Author",
    "Body",
    "CdaDocument",
    "CdaRefusal",
    "Coded",
    "LegalAuthenticator",
    "PatientIns",
    "Problem",
    "RefusalCode",
    "Subject",
    "read_cda",
    "read_subject",
]
