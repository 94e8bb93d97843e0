"""How bytes are sealed: `format 1 | key version 1 | nonce 12 | ciphertext + tag` (decision 0012).

The cipher is AES-256-GCM under a data key. The context (associated data) names where the bytes
belong: sealed bytes that are moved elsewhere do not open. Nonces are random, never derived: a batch
decided again after a rollback would use a derived nonce for other bytes.
"""

from __future__ import annotations

import hashlib
import hmac
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.eventstore.append_batch import StoreError

from .master_key import NONCE_BYTES

FORMAT: Final = 1
KEY_VERSION: Final = 1
PREFIX: Final = bytes((FORMAT, KEY_VERSION))
OVERHEAD: Final = len(PREFIX) + NONCE_BYTES + 16
_BODY: Final = len(PREFIX) + NONCE_BYTES

_EVENT: Final = Struct("!16si").pack
_CONTENT: Final = Struct("!8sq").pack
_LETTER: Final = Struct("!8sq").pack


class SealBroken(StoreError):
    """Sealed bytes do not open: changed, moved, or sealed under another key."""


def event_context(stream: bytes, version: int, name: str) -> bytes:
    """Associated data of an event's state."""
    return _EVENT(stream, version) + name.encode()


def content_context(record: int, sha256: bytes) -> bytes:
    """Associated data of the bytes of a document."""
    return _CONTENT(b"content", record) + sha256


def dead_letter_context(source: str, offset: int) -> bytes:
    """Associated data of the raw record of a dead letter."""
    return _LETTER(b"letter", offset) + source.encode()


def content_name(key: bytes, sha256: bytes) -> str:
    """Name of a document's bytes within its record: 64 hexadecimal digits, HMAC-SHA256."""
    return hmac.digest(key, sha256, hashlib.sha256).hex()


def seal(key: bytes, nonce: bytes, context: bytes, data: bytes) -> bytes:
    """The sealed bytes, `OVERHEAD` longer. `nonce`: 12 random bytes, used once."""
    return PREFIX + nonce + AESGCM(key).encrypt(nonce, data, context)


def unseal(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """The bytes that were sealed at `context`. Raises SealBroken otherwise."""
    if sealed[:2] != PREFIX:
        raise SealBroken("sealed bytes are of an unknown format")
    try:
        return AESGCM(key).decrypt(sealed[2:_BODY], sealed[_BODY:], context)
    except (InvalidTag, ValueError):
        raise SealBroken("sealed bytes do not open where they are: changed or moved") from None
