"""What the decisions of a batch rest on, evolving in message order: `View`.

Rules ask a view through its functions. "Read, and there is none" and "not read" are two answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final, Generic, Protocol, TypeVar, cast

from schemas.events import (
    DOCUMENT_REPLACED,
    DOCUMENT_SUBMITTED,
    IDENTITY_DECLARED,
    RECORD_LINKED,
    RECORD_UNLINKED,
    DocumentReplaced,
    IdentityDeclared,
    RecordLinked,
    RecordUnlinked,
)
from schemas.feed.messages import DepositDocument
from schemas.forms.stream_ids import document_stream
from schemas.heads import Head

from .access import FACT_EVENTS, AccessEvent, AccessFacts, fold_access
from .decision import Decision
from .events.event import Event
from .evolve import (
    LATER_DOCUMENT_EVENTS,
    RECORD_EVENTS,
    evolve_document,
    evolve_record,
    first_head,
)
from .heads import FirstEvent, Installation
from .identity import DeclaredIdentity, declared_after
from .imaging import references_of
from .message import Deposit, Interpreted, Operation
from .needs import (
    ACCESS,
    APPLIED,
    DECLARED,
    DOCUMENT,
    ENTRY,
    FIRST_EVENT,
    IDENTITY,
    PERSON,
    RECORD,
    REFERRING,
    SUCCESSORS,
    VERSIONS,
    WAITING,
    Key,
    NotRead,
)
from .registry import RegistryEntry, evolve_entry

LATER_VERSIONS_MAX: Final = 200
"""How many successors of a document one message may reach: its mask is an event on each."""
_IN_BATCH: Final = 1 << 62
"""Above every position: where the events of the batch itself stand."""

K = TypeVar("K", bytes, int, str)
V = TypeVar("V")


class RecordRef(Protocol):
    """A record's number, and whether its key was destroyed (erased for ever)."""

    @property
    def record(self) -> int:
        """Its number."""

    @property
    def erased(self) -> bool:
        """Whether nothing of it can be read any more."""


class _Over(dict[K, V], Generic[K, V]):
    """A table over another one, which stays as it is."""

    __slots__ = ("_below",)

    def __init__(self, below: dict[K, V]) -> None:
        super().__init__()
        self._below: dict[K, V] = below

    def __missing__(self, key: K) -> V:
        return self._below[key]


@dataclass(slots=True)
class View:
    """Tables of what was read, by key. A key that is not in a table was not read; a value None,
    empty or of version 0 says that there is none.

    `refs`: by INS. `waiting`: by document, those that wait for it to replace it. `successors`: by
    document, all that replace it; not asked of one whose head says that nothing does. `links`: by
    record, those it is linked to directly. `access`: by record, the events on who has access.
    `entries`: of the registry, by stream. `referring`: by study or accession, documents of imaging.
    `versions`: by record, its documents that replace another.
    """

    installation: Installation
    refs: dict[str, RecordRef] = field(default_factory=dict)
    documents: dict[bytes, Head | None] = field(default_factory=dict)
    records: dict[int, Head] = field(default_factory=dict)
    first_events: dict[bytes, FirstEvent | None] = field(default_factory=dict)
    applied: dict[bytes, bytes | None] = field(default_factory=dict)
    waiting: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    successors: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    links: dict[int, frozenset[int]] = field(default_factory=dict)
    declared: dict[int, DeclaredIdentity | None] = field(default_factory=dict)
    access: dict[int, tuple[AccessEvent, ...]] = field(default_factory=dict)
    entries: dict[bytes, RegistryEntry] = field(default_factory=dict)
    referring: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    versions: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    added: int = 0
    """How many events the batch itself brought so far."""

    # What rules ask. All raise NotRead for what was not read.

    def ref(self, ins: str) -> RecordRef:
        """The record of an INS."""
        return _read(self.refs, IDENTITY, ins)

    def document(self, stream: bytes) -> Head | None:
        """The head of a document; None: it has not come."""
        return _read(self.documents, DOCUMENT, stream)

    def record(self, record: int) -> Head:
        """The head of a record; version 0: it has no event."""
        return _read(self.records, RECORD, record)

    def first_event(self, stream: bytes) -> FirstEvent | None:
        """The deposit of a document; None: it has not come."""
        return _read(self.first_events, FIRST_EVENT, stream)

    def applied_digest(self, message_id: bytes) -> bytes | None:
        """The digest of the message that was applied under this identifier; None: none was."""
        return _read(self.applied, APPLIED, message_id)

    def waiting_for(self, stream: bytes) -> tuple[bytes, ...]:
        """The documents that replace this one, which has not come."""
        return _read(self.waiting, WAITING, stream)

    def successors_of(self, stream: bytes) -> tuple[bytes, ...]:
        """The documents that replace this one directly, in the order they did."""
        head = self.document(stream)
        if head is None or head.replaced_by is None:
            return ()
        return _read(self.successors, SUCCESSORS, stream)

    def linked_to(self, record: int) -> frozenset[int]:
        """The records linked to this one directly."""
        return _read(self.links, PERSON, record)

    def access_events(self, record: int) -> tuple[AccessEvent, ...]:
        """The events on who has access to a record."""
        return _read(self.access, ACCESS, record)

    def declared_identity(self, record: int) -> DeclaredIdentity | None:
        """The identity last declared on a record; None: none was."""
        return _read(self.declared, DECLARED, record)

    def entry(self, stream: bytes) -> RegistryEntry:
        """An entry of the registry; version 0: there is none."""
        return _read(self.entries, ENTRY, stream)

    def referring_to(self, reference: str) -> tuple[bytes, ...]:
        """The documents of imaging that name this study or accession."""
        return _read(self.referring, REFERRING, reference)

    def versions_of(self, record: int) -> tuple[bytes, ...]:
        """The documents of a record that replace another, in the order they came."""
        return _read(self.versions, VERSIONS, record)

    # What follows from it

    def access_facts(self, record: int) -> AccessFacts:
        """Who has access to the record, by the events of all records of the person."""
        return fold_access([self.access_events(one) for one in self.person(record)])

    def person(self, record: int) -> frozenset[int]:
        """Every record linked to this one, directly or not, itself included (decision 0028)."""
        found, todo = {record}, [record]
        while todo:
            for other in self.linked_to(todo.pop()):
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return frozenset(found)

    def same_person(self, one: int, other: int) -> bool:
        """Whether two records are one person's."""
        return one == other or other in self.person(one)

    def is_replaced(self, stream: bytes) -> bool:
        """Whether a document of the same person replaces this one. What another person's document
        had replaced is current again once the link of the two is undone (decision 0028).
        """
        return any(self.of_one_person(stream, by) for by in self.successors_of(stream))

    def of_one_person(self, one: bytes, other: bytes) -> bool:
        """Whether both documents have come and are one person's."""
        first, second = self.document(one), self.document(other)
        if first is None or second is None:
            return False
        return self.same_person(first.record, second.record)

    def later_versions(self, stream: bytes, *, of_one_person: bool = False) -> list[bytes]:
        """Successors of a document, direct or not, each once, nearest first; on wish only those
        reached by documents of the same person.

        At most `LATER_VERSIONS_MAX + 1`: one more than is followed tells that there are too many.
        """
        found: dict[bytes, None] = {}
        todo = deque(self.successors_of(stream))
        while todo and len(found) <= LATER_VERSIONS_MAX:
            at = todo.popleft()
            if of_one_person and not self.of_one_person(stream, at):
                continue
            if at != stream and at not in found:
                found[at] = None
                todo.extend(self.successors_of(at))
        return list(found)

    # What changes it. A table is changed only where it was read: what is not read stays unread.

    def after(self, events: Iterable[Event]) -> View:
        """A view as this one is after these events; this one stays as it is."""
        tables = {name: _Over(getattr(self, name)) for name in _TABLES}
        view = View(self.installation, **tables, added=self.added)
        for event in events:
            view.apply(event)
        return view

    def take(self, message: Interpreted, decision: Decision) -> None:
        """The view is what it is after this decision on this message."""
        if decision.applies and isinstance(message, Operation):
            self.applied[message.message_id] = message.digest
        for event in decision.events:
            self.apply(event)
        if not isinstance(message, Deposit):
            return
        target = decision.waits_for
        if target is not None:
            waiting = _if_read(self.waiting, target)
            if waiting is not None:
                self.waiting[target] = (*waiting, message.stream)
        if decision.resolved:
            self.waiting[message.stream] = ()

    def apply(self, event: Event) -> None:
        """The view is what it is after one more event, on a stream whose head was read."""
        name = event.name
        self.added += 1
        if name == DOCUMENT_SUBMITTED:
            self._add_document(event)
        elif name in LATER_DOCUMENT_EVENTS:
            self._change_document(event)
        elif name in RECORD_EVENTS:
            self._change_record(event)
        else:
            before = self.entry(event.stream)
            self.entries[event.stream] = evolve_entry(before, name, event.datum)

    def _add_document(self, event: Event) -> None:
        stream, record = event.stream, event.record
        datum = cast(DepositDocument, event.datum)
        self.documents[stream] = first_head(event, self.installation.author_hash)
        self.first_events[stream] = FirstEvent(record, datum, _IN_BATCH + self.added)
        if datum["document"]["replaces"] is not None:
            versions = _if_read(self.versions, record)
            if versions is not None:
                self.versions[record] = (*versions, stream)
        for reference in references_of(record, datum["document"]):
            referring = _if_read(self.referring, reference)
            if referring is not None:
                self.referring[reference] = (*referring, stream)

    def _change_document(self, event: Event) -> None:
        stream = event.stream
        head = self.document(stream)
        if head is None:
            raise KeyError(stream)
        if event.name == DOCUMENT_REPLACED:
            by = document_stream(cast(DocumentReplaced, event.datum)["replacedBy"])
            before = () if head.replaced_by is None else _if_read(self.successors, stream)
            if before is not None:
                self.successors[stream] = before if by in before else (*before, by)
        self.documents[stream] = evolve_document(head, event)

    def _change_record(self, event: Event) -> None:
        record, name = event.record, event.name
        self.records[record] = evolve_record(self.record(record), event)
        if name in FACT_EVENTS:
            access = _if_read(self.access, record)
            if access is not None:
                new = AccessEvent(_IN_BATCH + self.added, name, event.datum)
                self.access[record] = (*access, new)
        if name == IDENTITY_DECLARED:
            if _is_read(self.declared, record):
                before = self.declared[record]
                datum = cast(IdentityDeclared, event.datum)
                self.declared[record] = declared_after(before, datum)
        elif name in (RECORD_LINKED, RECORD_UNLINKED):
            links = _if_read(self.links, record)
            if links is not None:
                other = cast(RecordLinked | RecordUnlinked, event.datum)["otherRecord"]
                linked = name == RECORD_LINKED
                self.links[record] = links | {other} if linked else links - {other}


_TABLES: Final = tuple(
    one.name for one in fields(View) if one.name not in ("installation", "added")
)


def _read(table: dict[K, V], kind: str, key: K) -> V:
    try:
        return table[key]
    except KeyError:
        raise NotRead(kind, cast(Key, key)) from None


def _if_read(table: dict[K, V], key: K) -> V | None:
    """For tables without a value None."""
    try:
        return table[key]
    except KeyError:
        return None


def _is_read(table: dict[K, V], key: K) -> bool:
    try:
        table[key]
    except KeyError:
        return False
    return True
