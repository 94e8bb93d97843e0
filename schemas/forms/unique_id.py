"""uniqueId of a document: one spelling per identifier.

Rules: decision 0010, SPEC c.1. The same identifier comes as `1.2.3` (CDA, XDS) and as
`urn:oid:1.2.3` (FHIR), or as a UUID in either case, with or without `urn:uuid:`. All spellings must
give one stream, for ever.
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
    """The one spelling of this identifier. A text that is no identifier is returned unchanged.

    `urn:oid:` is stripped. A UUID root, bare or not, becomes `urn:uuid:` in lower case. An
    extension (`root^extension`) keeps its case. A second application changes no well-formed id.
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
    """True for an OID of 64 characters at most, or a UUID, in canonical form (XDS).

    An extension of visible ASCII may follow; all has 128 characters at most. Another rule tells
    whether extensions are accepted.
    """
    canonical = canonical_unique_id(text)
    match = _CANONICAL.fullmatch(canonical)
    return (
        match is not None and len(match["root"]) <= MAX_OID_LENGTH and len(canonical) <= MAX_LENGTH
    )
