"""uniqueId of a document: one spelling per identifier.

Rules: decision 0010, SPEC c.1. The same identifier comes as `1.2.3` (CDA, XDS) and
`urn:oid:1.2.3` (FHIR), or as a UUID with or without `urn:uuid:` and in both cases; all
spellings must give one stream, for ever.
"""

import re
from typing import Final

MAX_OID_LENGTH: Final = 64
MAX_LENGTH: Final = 128

_OID: Final = r"[0-2](?:\.(?:0|[1-9][0-9]*))+"
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_BARE_UUID: Final = re.compile(_UUID)
_CANONICAL: Final = re.compile(
    rf"(?P<root>{_OID}|urn:uuid:{_UUID.replace('A-F', '')})(?:\^[!-\]_-~]+)?"
)


def canonical_unique_id(text: str) -> str:
    """The one spelling of this identifier; texts that are no identifier come back as they are.

    `urn:oid:` is stripped; a UUID root, bare or not, becomes `urn:uuid:` in lower case; an
    extension (`root^extension`) is kept as it is, case included. Applying it again changes
    nothing on well-formed ids.
    """
    if text[:1] in "012" and text[8:9] != "-":
        return text
    root, caret, extension = text.partition("^")
    scheme = root[:8].lower()
    if scheme == "urn:oid:":
        root = root[8:]
    elif root[:9].lower() == "urn:uuid:":
        root = root.lower()
    elif _BARE_UUID.fullmatch(root) is not None:
        root = "urn:uuid:" + root.lower()
    return root + caret + extension


def unique_id_is_well_formed(text: str) -> bool:
    """True when the canonical form is an OID of at most 64 characters or a UUID, with an
    optional visible ASCII extension, and at most 128 characters in all (XDS; whether an
    extension is accepted is another rule).
    """
    canonical = canonical_unique_id(text)
    match = _CANONICAL.fullmatch(canonical)
    return (
        match is not None and len(match["root"]) <= MAX_OID_LENGTH and len(canonical) <= MAX_LENGTH
    )
