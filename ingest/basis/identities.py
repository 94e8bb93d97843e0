"""Reads the identities declared on the records of a batch: one query at most, none where known."""

from collections.abc import Mapping
from typing import Final

from ingest.eventstore import EventStore
from ingest.facts.identity import Declared, declare, may_be_declared
from ingest.facts.view import RecordHead
from schemas.events import IDENTITY_DECLARED

REMEMBERED_MAX: Final = 50_000
"""Records remembered from batch to batch; a few hundred bytes each."""
_NOTHING: Final[tuple[int, Declared | None]] = (0, None)


class DeclaredReader:
    """What is declared on a record changes with its version only, so it is remembered with it."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._known: dict[int, tuple[int, Declared | None]] = {}

    def read(self, heads: Mapping[int, RecordHead]) -> dict[int, Declared]:
        """What is declared on these records, of those on which anything is; their keys not erased.

        As of the versions given: what was appended since is left out, and found by the re-check of
        the record's version when the batch is appended (decision 0014).
        """
        asked = {r: head.version for r, head in heads.items() if may_be_declared(*head)}
        unknown = {r: v for r, v in asked.items() if self._known.get(r, _NOTHING)[0] != v}
        if len(self._known) + len(unknown) > REMEMBERED_MAX:
            self._known.clear()
            unknown = asked
        if unknown:
            self._read(unknown)
        found = dict[int, Declared]()
        for record in asked:
            declared = self._known[record][1]
            if declared is not None:
                found[record] = declared
        return found

    def appended(
        self,
        before: Mapping[int, int],
        heads: Mapping[int, RecordHead],
        declared: Mapping[int, Declared],
    ) -> None:
        """A batch is committed that left these heads, of records that had these versions before.

        `declared`: on those of them for which it was asked. What nobody asked for stays as it was
        remembered at the version before: a declaration always asks.
        """
        for record, head in heads.items():
            version = before[record]
            if head.version == version or not may_be_declared(*head):
                continue
            if record in declared:
                self._remember(record, head.version, declared[record])
            elif version == 0 or self._known.get(record, _NOTHING)[0] == version:
                self._remember(record, head.version, self._known.get(record, _NOTHING)[1])

    def _remember(self, record: int, version: int, declared: Declared | None) -> None:
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[record] = (version, declared)

    def _read(self, versions: Mapping[int, int]) -> None:
        folded = dict.fromkeys(versions, _NOTHING[1])
        for event, said in self._store.reading.said(versions, (IDENTITY_DECLARED,)):
            if event.version <= versions[event.record]:
                folded[event.record] = declare(folded[event.record], said)
        self._known.update((r, (version, folded[r])) for r, version in versions.items())
