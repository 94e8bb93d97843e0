"""CDA R2 documents: bytes in, metadata or a reason out. Pure: no clock, no file, no network.

It imports forms and value sets.
"""

from .document import (
    Author,
    Body,
    CdaDocument,
    CdaRemark,
    Coded,
    LegalAuthenticator,
    PatientIns,
    Subject,
)
from .hardened import (
    MAX_ATTRIBUTES,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_MARKUP,
    CdaUnreadable,
    UnreadableCode,
)
from .reading import read_cda, read_subject

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_MARKUP",
    "Author",
    "Body",
    "CdaDocument",
    "CdaRemark",
    "CdaUnreadable",
    "Coded",
    "LegalAuthenticator",
    "PatientIns",
    "Subject",
    "UnreadableCode",
    "read_cda",
    "read_subject",
]
