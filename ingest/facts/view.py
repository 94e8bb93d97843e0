"""State of documents and records as values, and what a batch knows of them.

The state of a stream is what its head row holds (`Head`): the fold of its events by `evolve`.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ingest.eventstore.batch import Head, PendingLink, RecordRef
from schemas.feed.messages import Actor, Author
from schemas.feed.outcomes import Status
from schemas.policy.may_do import DEFAULT_POLICY, Authorship, Policy
from schemas.rules.table.rejections import Rejection
from schemas.rules.table.severities import AS_THE_TABLE_SAYS, Severities

from .access import FACT_EVENTS, AccessFacts, Said, fold_access
from .identity import Declared
from .registry import RegistryEntry

AuthorHash = Callable[[str], int]
"""The keyed hash of an author's or organisation's identifier (`stream.authors`)."""


class DocumentState(NamedTuple):
    """A document after its last event. `authors`: keyed hashes of authors and organisations.

    `status` is a `DocumentStatus`, `flags` are `DocumentFlags`, both as plain numbers:
    arithmetic on enum members costs a microsecond each time, for every message.
    """

    record: int
    version: int
    status: int
    flags: int
    authors: tuple[int, ...]
    replaced_by: bytes | None


class RecordHead(NamedTuple):
    """A record after its last event; version 0: no event yet. `state`: a `RecordFlags`, plain."""

    version: int
    state: int


LINE_MAX: Final = 200
"""How many successors of a document one message may reach: its mask is an event on each."""

NO_RECORD: Final = RecordHead(0, 0)
_IN_BATCH: Final = 1 << 62
"""Above every position: where the events of the batch itself stand."""


class Event(NamedTuple):
    """An event decided. `datum` is of the schema of `name`; `encoded` is given for a deposit, whose
    received bytes are stored as they are.
    """

    stream: bytes
    record: int
    name: str
    datum: Mapping[str, Any]
    encoded: bytes | None = None


class Submitted(NamedTuple):
    """What a document's first event says; `datum` None when its record was erased."""

    record: int
    datum: Mapping[str, Any] | None


def authors_of(authors: list[Author], author_hash: AuthorHash) -> tuple[int, ...]:
    """The keyed hashes of every author and every author's organisation, sorted, each once."""
    found = {author_hash(author["id"]) for author in authors}
    found.update(
        author_hash(author["organisationId"]) for author in authors if author["organisationId"]
    )
    return tuple(sorted(found))


def is_author_or_org(actor: Actor, authors: tuple[int, ...], author_hash: AuthorHash) -> bool:
    """Whether the caller, or the organisation he acts for, is among these (TRAP 14)."""
    organisation = actor["organisationId"]
    return author_hash(actor["id"]) in authors or (
        bool(organisation) and author_hash(str(organisation)) in authors
    )


def authorship_of(
    actor: Actor, authors: tuple[int, ...], author_hash: AuthorHash, first: Submitted | None
) -> Authorship:
    """What the caller is to a document of these authors. `first`: its first event, which tells
    authors from their organisations; without it he is never taken for more than the latter.
    """
    if not is_author_or_org(actor, authors, author_hash):
        return Authorship.NEITHER
    if first is None or first.datum is None:
        return Authorship.ORGANISATION
    written = any(author["id"] == actor["id"] for author in first.datum["document"]["authors"])
    return Authorship.AUTHOR if written else Authorship.ORGANISATION


def document_of_head(head: Head) -> DocumentState:
    """The state a stored head row holds."""
    return DocumentState(
        head.record,
        head.version,
        head.status,
        head.flags,
        head.authors,
        head.replaced_by,
    )


def record_of_head(head: Head) -> RecordHead:
    """The state a stored head row of a record holds."""
    return RecordHead(head.version, head.flags)


@dataclass(slots=True)
class Known:
    """What the decisions of a batch rest on, evolving in message order.

    A document that is not in `documents` is unknown; everything asked for was read. `pending`: by
    target, who replaces it. `successors`: of a replaced document, every document that replaces it.
    `links`: of a record, the records linked to it directly. `declared`: the identity last declared
    on a record, of those records for which it is asked. `records`: by record number. `access`:
    by record, the events on who has access, of those records for which they are asked. `in_batch`:
    how many of these the batch itself added.
    `severities`: how strict the rules are here. `registry`: the entries asked for, by stream;
    `registry_required`: it is asked for every kind, also for one without any entry. `referring`:
    documents of imaging by study and accession, of those references that are asked for.
    """

    author_hash: AuthorHash
    refs: dict[str, RecordRef] = field(default_factory=dict)
    documents: dict[bytes, DocumentState] = field(default_factory=dict)
    records: dict[int, RecordHead] = field(default_factory=dict)
    submitted: dict[bytes, Submitted] = field(default_factory=dict)
    applied: dict[bytes, bytes] = field(default_factory=dict)
    pending: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    successors: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    links: dict[int, frozenset[int]] = field(default_factory=dict)
    declared: dict[int, Declared] = field(default_factory=dict)
    access: dict[int, list[Said]] = field(default_factory=dict)
    severities: Severities = AS_THE_TABLE_SAYS
    policy: Policy = DEFAULT_POLICY
    in_batch: int = 0
    registry: dict[bytes, RegistryEntry] = field(default_factory=dict)
    registry_required: bool = False
    referring: dict[str, dict[bytes, None]] = field(default_factory=dict)

    def record_head(self, record: int) -> RecordHead:
        """The state of a record; `NO_RECORD` when it has no event."""
        return self.records.get(record, NO_RECORD)

    def access_facts(self, record: int) -> AccessFacts:
        """Who has access to the record of this person, by all events of all his records."""
        return fold_access(self.access.get(one, ()) for one in self.person(record))

    def access_said(self, event: Event) -> None:
        """One more event about access, later than all others."""
        said = self.access.get(event.record)
        if said is not None and event.name in FACT_EVENTS:
            self.in_batch += 1
            said.append(Said(_IN_BATCH + self.in_batch, event.name, event.datum))

    def person(self, record: int) -> frozenset[int]:
        """Every record linked to this one, directly or not, itself included (decision 0028)."""
        found, todo = {record}, [record]
        while todo:
            for other in self.links.get(todo.pop(), ()):
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return frozenset(found)

    def same_person(self, one: int, other: int) -> bool:
        """Whether two records are one person's."""
        return one == other or other in self.person(one)

    def is_replaced(self, stream: bytes) -> bool:
        """Whether a document of the same person replaces it: what another person's had replaced
        is current again once the link of the two is undone (decision 0028).
        """
        return any(self.is_of_one_person(stream, by) for by in self.successors.get(stream, ()))

    def is_of_one_person(self, one: bytes, other: bytes) -> bool:
        """Whether both documents are known and one person's."""
        first, second = self.documents.get(one), self.documents.get(other)
        if first is None or second is None:
            return False
        return self.same_person(first.record, second.record)

    def line_of(self, stream: bytes, *, of_one_person: bool = False) -> list[bytes]:
        """Successors of a document, direct or not, each once, nearest first; on wish only those
        reached by documents of the same person.

        At most `LINE_MAX + 1`: one more than is followed says that the line is too long.
        """
        found: dict[bytes, None] = {}
        todo = deque(self.successors.get(stream, ()))
        while todo and len(found) <= LINE_MAX:
            at = todo.popleft()
            if of_one_person and not self.is_of_one_person(stream, at):
                continue
            if at != stream and at not in found:
                found[at] = None
                todo.extend(self.successors.get(at, ()))
        return list(found)


class Decision(NamedTuple):
    """What an accepted, repeated or ineffective message comes to.

    `applies`: its identifier is kept, so that it is applied once. `pending`: a link that waits for
    its target. `resolved`: links that waited for this document. `keeps_content`: bytes are kept.
    `records`: the records whose state it rests on. `absent`: documents taken as unknown.
    `is_new`: the document was not there before. `warnings`: rules on the state of document or
    record that it breaks without being refused for them.
    """

    status: Status
    events: tuple[Event, ...] = ()
    applies: bool = False
    pending: PendingLink | None = None
    resolved: tuple[PendingLink, ...] = ()
    keeps_content: bool = False
    records: tuple[int, ...] = ()
    absent: tuple[bytes, ...] = ()
    is_new: bool = False
    warnings: tuple[Rejection, ...] = ()
