"""The bytes of documents, sealed under their record's key (decision 0013).

Their name is `record/<record>/<HMAC(data key, sha256)>`: nobody learns from a name which document
it is, and equal documents are stored once within a record only, which lets erasure work. They are
written before the event that refers to them. There are two homes: a local folder (fsync'ed: a
committed event never lacks its bytes) and any fsspec URL.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from ingest.eventstore.append_batch import NewContent, StoreError
from ingest.eventstore.keys.key_ring import Keys
from ingest.eventstore.keys.master_key import NONCE_BYTES, Entropy
from ingest.eventstore.keys.sealing import content_context, content_name, seal, unseal

from .homes import ContentHome


class ContentMissing(StoreError):
    """The bytes of a document are not in the content store though the log says so."""


class ContentErased(StoreError):
    """The record's key was destroyed: the bytes can't be read any more."""


class ContentDamaged(StoreError):
    """What is stored is not what was deposited."""


References = Callable[[Iterable[int]], Mapping[int, frozenset[bytes]]]
"""Records to the SHA-256 of all bytes their events refer to."""


class ContentStore:
    """Document bytes by record and SHA-256."""

    def __init__(
        self,
        home: ContentHome,
        load_keys: Callable[[Iterable[int]], Keys],
        *,
        entropy: Entropy = os.urandom,
    ) -> None:
        self._home: Final = home
        self._load_keys: Final = load_keys
        self._entropy: Final = entropy

    def put(self, contents: Iterable[NewContent]) -> None:
        """All are durable under their final names; files that are there already are left alone.

        Contents of erased records are not written: nobody could read them. Raises OSError when the
        home is away or full; this may pass, and nothing refers to what was written.
        """
        wanted = {(content.record, content.sha256): content for content in contents}
        if not wanted:
            return
        keys = self._load_keys(record for record, _ in wanted)
        nonces = self._entropy(NONCE_BYTES * len(wanted))
        files: dict[str, Callable[[], bytes]] = {}
        for at, ((record, sha256), content) in enumerate(wanted.items()):
            key = keys[record]
            if key is not None:
                nonce = nonces[at * NONCE_BYTES : (at + 1) * NONCE_BYTES]
                files[_path(record, content_name(key, sha256))] = _sealer(key, nonce, content)
        self._home.write(files)

    def get(self, record: int, sha256: bytes) -> bytes:
        """The bytes, equal to what was deposited.

        Raises ContentErased, ContentMissing, ContentDamaged, SealBroken; OSError if the home is
        away.
        """
        key = self._load_keys([record])[record]
        if key is None:
            raise ContentErased("the record was erased: its documents can't be read any more")
        sealed = self._home.read(_path(record, content_name(key, sha256)))
        if sealed is None:
            raise ContentMissing("the bytes of this document are not in the content store")
        data = unseal(key, content_context(record, sha256), sealed)
        if hashlib.sha256(data).digest() != sha256:
            raise ContentDamaged("the bytes of this document are not those that were deposited")
        return data

    def erase(self, record: int) -> None:
        """Nothing of the record is left in the home."""
        self._home.remove_folder(_folder(record))

    def sweep(
        self, older_than: datetime, references: References, *, newer_than: datetime | None = None
    ) -> int:
        """Files last written in the window that no event refers to are set aside or removed;
        returns how many were removed.

        There are two steps, since a deposit may come to refer to a file during the sweep. The first
        sweep sets an orphan aside: a new deposit writes the file again, and reading still finds it.
        The next sweep removes what was set aside, or puts it back if an event refers to it now.
        Pass the previous `older_than` as `newer_than` to look at each file once.
        """
        removed = 0
        for folder, files in self._home.folders(older_than, newer_than):
            record = int(folder.rpartition("/")[2])
            key = self._load_keys([record])[record]
            known = references([record]).get(record, frozenset()) if key is not None else ()
            kept = {content_name(key, sha256) for sha256 in known} if key is not None else set()
            for name in files:
                removed += self._home.sweep_file(folder, name, kept)
        return removed


def _sealer(key: bytes, nonce: bytes, content: NewContent) -> Callable[[], bytes]:
    def sealed() -> bytes:
        return seal(key, nonce, content_context(content.record, content.sha256), content.data)

    return sealed


def _folder(record: int) -> str:
    return f"record/{record}"


def _path(record: int, name: str) -> str:
    return f"{_folder(record)}/{name}"
