"""What becomes of versions of a document that lie on two records, when these are linked.

A replacement of another person's document is rejected, or, when it came first, stored without
`replaced` (decision 0018). A link tells that the two were one person. The old version is then
replaced after all, whichever order they came in, and the patient's mask passes to the new one as it
does within one record. Nothing is taken back when the link is undone: the timeline shows a document
again whose successor is another person's (decision 0028).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ingest.facts.events.documents import document_replaced
from ingest.facts.events.event import Event
from ingest.facts.needs import VERSIONS, Need, Needs
from ingest.facts.view import LATER_VERSIONS_MAX, View
from schemas.events import DocumentFlags, DocumentStatus
from schemas.feed.messages import DepositDocument, Provenance
from schemas.forms.stream_ids import document_stream

from .entitlement import entitled_to_replace
from .masks import InheritedMask

_BY_PATIENT: Final = DocumentFlags.MASQUE_PS_BY_PATIENT.value


class Joined(NamedTuple):
    """`events`: of documents of either record. `absent`: documents taken as unknown."""

    events: tuple[Event, ...]
    absent: tuple[bytes, ...]


class _Version(NamedTuple):
    """A document that replaces another one. `position`: when it came."""

    position: int
    stream: bytes
    target: bytes
    datum: DepositDocument


def needs_to_join(view: View, records: Iterable[int]) -> Needs:
    """The documents that replace another, of all records of the persons of these."""
    for record in records:
        for one in view.person(record):
            yield Need(VERSIONS, one)


def join_versions(
    view: View, record: int, other: int, links: Sequence[Event], provenance: Provenance
) -> Joined:
    """What these links of two records do to documents, where the two were not one person's.

    In the order in which the new versions came. Each old version on one side that a document of the
    other side replaces is replaced now, unless it was, or is deleted.
    """
    mine, theirs = view.person(record), view.person(other)
    if other in mine:
        return Joined((), ())
    versions = sorted(_versions(view, mine | theirs), key=lambda version: version.position)
    after, events = view.after(links), list[Event]()
    for version in versions:
        if _joins(after, version, mine, theirs):
            new = _replaced_after_all(after, version, provenance)
            for event in new:
                after.apply(event)
            events += new
    targets = {version.target for version in versions}
    absent = tuple(target for target in targets if view.document(target) is None)
    return Joined(tuple(events), absent)


def _versions(view: View, records: frozenset[int]) -> Iterator[_Version]:
    """The documents of these records that replace another; none of erased ones."""
    for record in records:
        for stream in view.versions_of(record):
            first = view.first_event(stream)
            if first is not None and first.datum is not None:
                replaces = first.datum["document"]["replaces"]
                if replaces is not None:
                    target = document_stream(replaces)
                    yield _Version(first.position, stream, target, first.datum)


def _joins(view: View, version: _Version, mine: frozenset[int], theirs: frozenset[int]) -> bool:
    """Whether this version and what it replaces lie on different sides of the link."""
    target, by = view.document(version.target), view.document(version.stream)
    if target is None or by is None or target.status == DocumentStatus.DELETED:
        return False
    if target.record not in mine | theirs:
        return False
    return (target.record in mine) is not (by.record in mine)


def _replaced_after_all(view: View, version: _Version, provenance: Provenance) -> list[Event]:
    """The old version is replaced unless it was; the patient's mask passes on."""
    target, first = view.document(version.target), view.first_event(version.target)
    if target is None or first is None or first.datum is None:
        return []
    unique_id, events = first.datum["document"]["uniqueId"], list[Event]()
    if version.stream not in view.successors_of(version.target):
        if not _may_replace(view, version):
            return []
        replaced = document_replaced(version.target, target.record, unique_id, version.datum)
        events.append(replaced)
    if target.flags & _BY_PATIENT:
        mask = InheritedMask(unique_id, True, provenance)
        successors = view.later_versions(version.stream, of_one_person=True)
        events += mask.passed_to(view, [version.stream, *successors])
    return events


def _may_replace(view: View, version: _Version) -> bool:
    """Whether who deposited the version is entitled to, and no circle of versions comes of it.

    Too many later versions: a mask could not pass to all of them, and both stay shown as they were.
    """
    target = view.document(version.target)
    if target is None or version.stream == version.target:
        return False
    later = view.later_versions(version.stream)
    if version.target in later or len(later) > LATER_VERSIONS_MAX:
        return False
    return entitled_to_replace(
        view, version.datum, target.authors, lambda: view.first_event(version.target)
    )
