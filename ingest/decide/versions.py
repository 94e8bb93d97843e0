"""What becomes of versions of a document that lie on two records, when these are linked.

A replacement of another person's document is refused, or, when it came first, stored without
`replaced` (decision 0018). A link says that the two were one person: then the old version is
replaced
after all, whichever order they came in, and the patient's mask passes to the new one as it does
within one record. Nothing is taken back when the link is undone: the timeline shows a document
again whose successor is another person's (decision 0028).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ingest.facts.evolve import evolve_known_document
from ingest.facts.view import LINE_MAX, Event, Known, Submitted
from schemas.events import DOCUMENT_REPLACED, DocumentFlags, DocumentStatus
from schemas.forms.stream_ids import document_stream

from .deposit import entitled_to_replace
from .masks import InheritedMask

_BY_PATIENT: Final = DocumentFlags.MASQUE_PS_BY_PATIENT.value


class Joined(NamedTuple):
    """`events`: of documents of either record. `absent`: documents taken as unknown."""

    events: tuple[Event, ...]
    absent: tuple[bytes, ...]


class _Version(NamedTuple):
    stream: bytes
    target: bytes
    datum: Mapping[str, Any]


def join_versions(known: Known, record: int, other: int, provenance: Mapping[str, Any]) -> Joined:
    """What a link of two records that were not one person's does to their documents."""
    mine, theirs = known.person(record), known.person(other)
    if other in mine:
        return Joined((), ())
    versions = list(_versions(known, mine | theirs))
    after = _linked(known, record, other)
    events = list[Event]()
    for version in versions:
        target = after.documents.get(version.target)
        by = after.documents[version.stream]
        if target is None or (target.record in mine) is (by.record in mine):
            continue
        if target.record not in mine | theirs or target.status == DocumentStatus.DELETED:
            continue
        for event in _joined(after, version, provenance):
            events.append(event)
            evolve_known_document(after, event)
    absent = {version.target for version in versions} - known.documents.keys()
    return Joined(tuple(events), tuple(absent))


def _versions(known: Known, records: frozenset[int]) -> Iterator[_Version]:
    """The documents of these records that replace another, in the order they came."""
    for stream, first in known.submitted.items():
        if first.record in records and first.datum is not None and stream in known.documents:
            replaces = first.datum["document"]["replaces"]
            if replaces is not None:
                yield _Version(stream, document_stream(replaces), first.datum)


def _linked(known: Known, record: int, other: int) -> Known:
    """What is known once the two are linked, to be changed by itself."""
    links = dict(known.links)
    for one, two in ((record, other), (other, record)):
        links[one] = links.get(one, frozenset()) | {two}
    documents, successors = dict(known.documents), dict(known.successors)
    return replace(known, links=links, documents=documents, successors=successors)


def _joined(known: Known, version: _Version, provenance: Mapping[str, Any]) -> list[Event]:
    """The target is replaced unless it was; the patient's mask passes on."""
    target, first = known.documents[version.target], known.submitted.get(version.target)
    if first is None or first.datum is None:
        return []
    line = known.line_of(version.stream)
    unique_id, events = first.datum["document"]["uniqueId"], list[Event]()
    if version.stream not in known.successors.get(version.target, ()):
        if not _may_replace(known, version, target.authors, first) or version.target in line:
            return []
        if len(line) > LINE_MAX:  # a mask could not pass to all: both stay shown, as they were
            return []
        replaced = {
            "provenance": version.datum["provenance"],
            "uniqueId": unique_id,
            "replacedBy": version.datum["document"]["uniqueId"],
            "visibilityOnly": version.datum["visibilityOnly"],
        }
        events.append(Event(version.target, target.record, DOCUMENT_REPLACED, replaced))
    if target.flags & _BY_PATIENT:
        mask = InheritedMask(unique_id, True, provenance)
        person = known.line_of(version.stream, of_one_person=True)
        events += mask.passed_to(known, [version.stream, *person])
    return events


def _may_replace(
    known: Known, version: _Version, authors: tuple[int, ...], first: Submitted
) -> bool:
    return version.stream != version.target and entitled_to_replace(
        known, version.datum, authors, first
    )
