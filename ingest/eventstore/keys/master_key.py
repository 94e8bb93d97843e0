"""The master key: wraps data keys and secrets, and lives outside the databases (decision 0012).

It is a file by default. `MasterKey` is the port for a key service; it works by batches, since a
service replies over a network.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingest.eventstore.append_batch import StoreError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
KEY_VERSION: Final = 1

Entropy = Callable[[int], bytes]
"""n random bytes, e.g. os.urandom."""


class MasterKeyError(StoreError):
    """The master key is missing, wrong or unsafe: nothing can be opened; a person must decide."""


class Wrapping(NamedTuple):
    """A key with the context it belongs to: a wrapped key moved elsewhere does not open."""

    context: bytes
    key: bytes


class MasterKey(Protocol):
    """Wraps and unwraps keys of 32 bytes, in batches, order kept."""

    def wrap(self, keys: Sequence[Wrapping]) -> list[bytes]:
        """Wrapped keys; the same input gives other bytes each time."""
        ...

    def unwrap(self, wrapped: Iterable[Wrapping]) -> list[bytes]:
        """The keys again. Raises MasterKeyError when one was wrapped by another master key."""
        ...


class FileMasterKey:
    """AES-256-GCM under 32 bytes of a file: `key version | nonce 12 | ciphertext + tag`."""

    def __init__(self, key: bytes, *, entropy: Entropy = os.urandom) -> None:
        if len(key) != KEY_BYTES:
            raise MasterKeyError(f"the master key has {len(key)} bytes instead of {KEY_BYTES}")
        self._cipher: Final = AESGCM(key)
        self._entropy: Final = entropy

    def wrap(self, keys: Sequence[Wrapping]) -> list[bytes]:
        """61 bytes for each key of 32."""
        nonces = self._entropy(NONCE_BYTES * len(keys))
        encrypt = self._cipher.encrypt
        wrapped = []
        for at, (context, key) in enumerate(keys):
            nonce = nonces[at * NONCE_BYTES : (at + 1) * NONCE_BYTES]
            wrapped.append(bytes((KEY_VERSION,)) + nonce + encrypt(nonce, key, context))
        return wrapped

    def unwrap(self, wrapped: Iterable[Wrapping]) -> list[bytes]:
        """The keys; raises MasterKeyError for one of another master key or key version."""
        decrypt = self._cipher.decrypt
        keys = []
        for context, blob in wrapped:
            if blob[:1] != bytes((KEY_VERSION,)):
                raise MasterKeyError("a key was wrapped under an unknown version of the master key")
            try:
                keys.append(decrypt(blob[1:13], blob[13:], context))
            except InvalidTag:
                raise MasterKeyError(
                    "the master key does not open the keys of this store: "
                    "put back the one they were wrapped with"
                ) from None
        return keys


def read_master_key(path: Path, *, entropy: Entropy = os.urandom) -> FileMasterKey:
    """The master key of the file. Raises MasterKeyError when it is absent, open to others or torn.

    A missing file is never replaced here: that would make everything stored unreadable for ever.
    """
    try:
        mode = path.stat().st_mode
        key = path.read_bytes()
    except FileNotFoundError:
        raise MasterKeyError(
            f"the master key file {path} is missing: restore it from its backup"
        ) from None
    except OSError as error:
        raise MasterKeyError(
            f"the master key file {path} can't be read: {error.strerror}"
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise MasterKeyError(f"the master key file {path} is open to others: chmod 600 {path}")
    return FileMasterKey(key, entropy=entropy)


def create_master_key(path: Path, *, entropy: Entropy = os.urandom) -> bool:
    """A file with 32 random bytes, mode 0600, whole or not at all; False when it was there already.

    Only for a store that has no wrapped key yet: `prepare_master_key` checks that.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}.new")
    with suppress(FileNotFoundError):
        half.unlink()
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, entropy(KEY_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(half, path)  # unlike rename, never replaces a key that somebody else just made
    except FileExistsError:
        return False
    finally:
        half.unlink()
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
