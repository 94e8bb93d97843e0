"""The names of streams: 16 bytes made of what a stream is about, for ever (decision 0011).

Each is the uuid5 of a constant of ours and a text. `uuid.uuid5` is not used: it costs three times
as much per message (decision 0039).
"""

from functools import lru_cache
from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_OID, UUID

from .unique_id import canonical_unique_id

_DOCUMENTS: Final = NAMESPACE_OID.bytes
_RECORDS: Final = UUID("6f0a4b0e-2d3c-5b77-9d1e-7a54c1d0e8f2").bytes
_REGISTRY: Final = UUID("0c1f6a52-95d4-5a0e-8f0b-3b8a1c5d7e64").bytes
"""Namespaces of streams. None of them may ever change: stored streams are found by them."""


def document_stream(unique_id: str) -> bytes:
    """The stream of the document with this identifier, whatever the spelling."""
    return _uuid5(_DOCUMENTS, canonical_unique_id(unique_id))


@lru_cache(maxsize=200_000)
def record_stream(record: int) -> bytes:
    """The stream of the record with this number."""
    return _uuid5(_RECORDS, str(record))


def registry_stream(name: str) -> bytes:
    """The stream of a kind of entry of the registry, `KIND`, or of one entry, `KIND|identifier`."""
    return _uuid5(_REGISTRY, name)


def _uuid5(namespace: bytes, name: str) -> bytes:
    digest = bytearray(sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)
