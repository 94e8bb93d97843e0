"""Reads the identities declared on the records of a batch: one query at most, none where known."""

from collections.abc import Mapping
from typing import Final, cast

from ingest.eventstore import EventStore
from ingest.facts.identity import DeclaredIdentity, declared_after
from schemas.events import IDENTITY_DECLARED, IdentityDeclared, RecordFlags
from schemas.heads import Head

REMEMBERED_MAX: Final = 50_000
"""Records remembered from batch to batch; a few hundred bytes each."""
_DECLARED: Final = RecordFlags.DECLARED.value
_NOTHING: Final[tuple[int, DeclaredIdentity | None]] = (0, None)
Identities = Mapping[int, DeclaredIdentity | None]
"""By record; None: there is none, or the key of the record is destroyed."""


class DeclaredReader:
    """What is declared on a record changes with its version only, and is remembered with it."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._remembered: dict[int, tuple[int, DeclaredIdentity | None]] = {}

    def read(self, heads: Mapping[int, Head]) -> Identities:
        """What is declared on these records; nothing is read where the head tells that none was.

        As of the versions given: what was appended since is left out, and found by the re-check of
        the record's version when the batch is appended (decision 0014).
        """
        asked = {r: head.version for r, head in heads.items() if head.flags & _DECLARED}
        unknown = {r: v for r, v in asked.items() if self._remembered.get(r, _NOTHING)[0] != v}
        if len(self._remembered) + len(unknown) > REMEMBERED_MAX:
            self._remembered.clear()
            unknown = asked
        if unknown:
            self._read(unknown)
        return {r: self._remembered[r][1] if r in asked else None for r in heads}

    def appended(
        self, before: Mapping[int, int], heads: Mapping[int, Head], declared: Identities
    ) -> None:
        """A batch is committed that left these heads, of records that had these versions before.

        `declared`: on those of them for which it was asked. What nobody asked for stays as it was
        remembered at the version before: a declaration always asks.
        """
        for record, head in heads.items():
            version = before[record]
            if head.version == version or not head.flags & _DECLARED:
                continue
            if record in declared:
                self._remember(record, head.version, declared[record])
            elif self._remembered.get(record, _NOTHING)[0] == version:
                self._remember(record, head.version, self._remembered[record][1])

    def _remember(self, record: int, version: int, declared: DeclaredIdentity | None) -> None:
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[record] = (version, declared)

    def _read(self, versions: Mapping[int, int]) -> None:
        folded = dict.fromkeys(versions, _NOTHING[1])
        for event in self._store.reading.named(versions, (IDENTITY_DECLARED,)):
            if event.version <= versions[event.record]:
                declaration = cast(IdentityDeclared, event.datum)
                folded[event.record] = declared_after(folded[event.record], declaration)
        self._remembered.update((r, (version, folded[r])) for r, version in versions.items())
