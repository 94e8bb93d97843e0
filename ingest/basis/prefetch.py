"""Reads beforehand what the decisions of a batch need, as their deciders declare it.

This makes a batch fast and nothing else: what is not read beforehand is asked for by the decision,
read, and the batch decided again (decision 0042).
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from types import GeneratorType
from typing import Final, cast

from ingest.decide.decide import needs_of
from ingest.eventstore import EventStore
from ingest.facts.heads import Installation
from ingest.facts.message import Interpreted
from ingest.facts.needs import IDENTITY, KINDS, THEN, Need, NotRead
from ingest.facts.view import View
from ingest.read.arrivals import Arrival
from ingest.read.site import Context
from schemas.forms.stream_ids import record_stream

from .basis import Basis
from .entries import EntryReader
from .identities import DeclaredReader
from .loader import Loader

_Telling = tuple[Interpreted, "GeneratorType[Need, None, None]"]
"""A message, and what it needs, as far as it has told."""


class BasisReader:
    """Reads a `Basis` from a store. One thread at a time.

    `prefetched`: the kinds of needs that are read beforehand; tests leave some out.
    """

    def __init__(
        self, store: EventStore, context: Context, *, prefetched: Collection[str] = KINDS
    ) -> None:
        self._store = store
        self._context = context
        self._entries = EntryReader(store)
        self._declared = DeclaredReader(store)
        self._latest: Basis | None = None
        self._prefetched: Final = frozenset(prefetched)
        self._installation: Final = Installation(
            lru_cache(maxsize=65_536)(store.secrets.author_hash),
            context.severities,
            context.policy,
            context.registry_required,
        )

    def read(self, arrivals: Sequence[Arrival], also: Iterable[Need] = ()) -> Basis:
        """What deciding these arrivals needs, as far as their deciders tell, and `also` this."""
        basis = Basis(View(self._installation))
        loader = Loader(self._store, self._context, basis, self._entries, self._declared)
        messages = _interpreted(loader.load(also)) + _interpreted(arrivals)
        if IDENTITY in self._prefetched:
            loader.load(Need(IDENTITY, ins) for message in messages for ins in message.inses)
        telling = [_telling(basis.view, message) for message in messages]
        while telling:
            needs, telling = self._needs(basis.view, telling)
            more = _interpreted(loader.load(needs))
            telling += [_telling(basis.view, message) for message in more]
        self._latest = basis
        return basis

    def _needs(self, view: View, telling: Iterable[_Telling]) -> tuple[set[Need], list[_Telling]]:
        """What these messages need, and those of them that will tell more once that is read."""
        prefetched = self._prefetched
        needs, unfinished = set[Need](), list[_Telling]()
        for one in telling:
            message, told = one
            try:
                needs.update(iter(told.__next__, THEN))
            except NotRead as missing:
                if missing.need.kind in prefetched:
                    needs.add(missing.need)
                    unfinished.append(_telling(view, message))
            else:
                if told.gi_frame is not None:  # it stands at THEN
                    unfinished.append(one)
        if len(prefetched) < len(KINDS):
            needs = {need for need in needs if need.kind in prefetched}
        return needs, unfinished

    def appended(self) -> None:
        """What was decided on the basis read last is committed, whole: what it tells of declared
        identities need not be read again.
        """
        if self._latest is not None:
            view, versions = self._latest.view, self._latest.versions
            before = {record: versions[record_stream(record)] for record in view.records}
            self._declared.appended(before, view.records, view.declared)
            self._latest = None


def _telling(view: View, message: Interpreted) -> _Telling:
    """From the beginning."""
    return message, cast("GeneratorType[Need, None, None]", needs_of(view, message))


def _interpreted(arrivals: Iterable[Arrival]) -> list[Interpreted]:
    return [arrival.read for arrival in arrivals if isinstance(arrival.read, Interpreted)]
