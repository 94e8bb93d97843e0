"""What a link between two records comes to, or its end (decision 0028)."""

from ingest.facts.decision import Decision
from ingest.facts.events.records import record_linked, record_unlinked
from ingest.facts.message import LinkMessage
from ingest.facts.needs import PERSON, RECORD, Need, Needs
from ingest.facts.view import View
from schemas.feed.outcomes import ACCEPTED, UNCHANGED
from schemas.rules.table.rejections import Rejection

from .deciders import Result, decides
from .entitlement import needs_of_representative, not_entitled
from .versions import join_versions, needs_to_join


def needs_of_link(view: View, message: LinkMessage) -> Needs:
    """Both records, with all that are one person's with either."""
    yield from (Need(RECORD, view.ref(ins).record) for ins in message.inses)
    yield from (Need(PERSON, view.ref(ins).record) for ins in message.inses)
    yield from needs_of_representative(view, message)


def needs_of_new_link(view: View, message: LinkMessage) -> Needs:
    """The same, and the documents of both persons that replace another."""
    yield from needs_of_link(view, message)
    yield from needs_to_join(view, [view.ref(ins).record for ins in message.inses])


@decides("LinkIns", needs=needs_of_new_link)
def link_ins(view: View, message: LinkMessage) -> Result:
    """Both records' streams get an event; no event and no key moves, and one message undoes it.

    The link also settles versions of documents that lie on both (`join_versions`).
    """
    both = _records(view, message)
    if isinstance(both, Rejection):
        return both
    record, other = both
    if other in view.linked_to(record):
        return Decision(UNCHANGED, applies=True, records=both)
    provenance, reason = message.datum["provenance"], message.datum["reason"]
    links = (
        record_linked(record, other, provenance, reason),
        record_linked(other, record, provenance, reason),
    )
    joined = join_versions(view, record, other, links, provenance)
    rests_on = tuple(sorted(view.person(record) | view.person(other)))
    events = (*links, *joined.events)
    return Decision(ACCEPTED, events, applies=True, records=rests_on, absent=joined.absent)


@decides("UnlinkIns", needs=needs_of_link)
def unlink_ins(view: View, message: LinkMessage) -> Result:
    """Each is a person of its own again, with its own documents."""
    both = _records(view, message)
    if isinstance(both, Rejection):
        return both
    record, other = both
    if other not in view.linked_to(record):
        return Decision(UNCHANGED, applies=True, records=both)
    provenance, reason = message.datum["provenance"], message.datum["reason"]
    events = (
        record_unlinked(record, other, provenance, reason),
        record_unlinked(other, record, provenance, reason),
    )
    return Decision(ACCEPTED, events, applies=True, records=both)


def _records(view: View, message: LinkMessage) -> tuple[int, int] | Rejection:
    """The two records, where who asks may and neither is erased."""
    rejection = not_entitled(view, message)
    if rejection is not None:
        return rejection
    other = view.ref(message.other_ins)
    if other.erased:
        return Rejection("record_erased", "otherMatricule")
    return view.ref(message.ins).record, other.record
