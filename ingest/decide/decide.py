"""`decide`: what a message comes to, given what is known. Pure; decision 0007, decision 0018.

A decision never changes `Known`: `apply_decision` does, so that the next message of the batch sees
it.
"""

from ingest.facts.evolve import RECORD_EVENTS, evolve_known_document, evolve_record, submit
from ingest.facts.identity import declare
from ingest.facts.registry import NO_ENTRY, REGISTRY_EVENTS, evolve_entry
from ingest.facts.view import Decision, Event, Known, Submitted
from ingest.read.interpret import Interpreted
from schemas.events import DOCUMENT_SUBMITTED, IDENTITY_DECLARED, RECORD_LINKED, RECORD_UNLINKED
from schemas.feed.outcomes import DUPLICATE
from schemas.rules.table.rejections import Rejection

from .access import decide_access
from .deposit import decide_deposit
from .document import decide_document_operation
from .entitlement import ACCESS_MESSAGES, not_entitled
from .kos import references_of
from .record import RECORD_MESSAGES, decide_record_operation
from .registry import REGISTRY_MESSAGES, decide_registry_operation

_DUPLICATE = Decision(DUPLICATE)
_CONFLICT = Rejection("message_id_conflict", "messageId")


def decide(known: Known, message: Interpreted) -> Decision | Rejection:
    """What comes of the message: events, or a repetition, or a refusal.

    A deposit is known by its uniqueId; every other message by its message_id and its digest, before
    anything else is looked at: a late copy of an old mask changes nothing.
    """
    if message.name == "DepositDocument":
        return decide_deposit(known, message)
    digest = known.applied.get(message.message_id)
    if digest is not None:
        return _DUPLICATE if digest == message.digest else _CONFLICT
    if message.name in REGISTRY_MESSAGES:
        return decide_registry_operation(known, message)
    if known.refs[message.ins].erased:
        return Rejection("record_erased", "ins")
    if message.name in ACCESS_MESSAGES:
        return not_entitled(known, message) or decide_access(known, message)
    if message.name in RECORD_MESSAGES:
        return not_entitled(known, message) or decide_record_operation(known, message)
    return decide_document_operation(known, message)


def apply_decision(known: Known, message: Interpreted, decision: Decision) -> None:
    """`known` is what it is after the decision."""
    if decision.applies:
        known.applied[message.message_id] = message.digest
    for event in decision.events:
        _apply_event(known, message, event, decision.keeps_content)
    if decision.pending is not None:
        target, by = decision.pending.target, decision.pending.by
        known.pending[target] = (*known.pending.get(target, ()), by)
    for link in decision.resolved:
        known.pending.pop(link.target, None)


def _apply_event(known: Known, message: Interpreted, event: Event, keeps_content: bool) -> None:
    name, stream = event.name, event.stream
    if name == DOCUMENT_SUBMITTED:
        known.documents[stream] = submit(event, known.author_hash, keeps_content)
        known.submitted[stream] = Submitted(event.record, event.datum)
        for reference in references_of(event.record, event.datum["document"]):
            known.referring.setdefault(reference, {})[stream] = None
        return
    if name in RECORD_EVENTS:
        known.records[event.record] = evolve_record(known.record_head(event.record), event)
        known.access_said(event)
        if name == IDENTITY_DECLARED:
            known.declared[event.record] = declare(known.declared.get(event.record), event.datum)
        elif name in (RECORD_LINKED, RECORD_UNLINKED):
            _apply_link(known, event)
        return
    if name in REGISTRY_EVENTS:
        entry = known.registry.get(stream, NO_ENTRY)
        known.registry[stream] = evolve_entry(entry, name, event.datum)
        return
    evolve_known_document(known, event)


def _apply_link(known: Known, event: Event) -> None:
    record, other = event.record, event.datum["otherRecord"]
    before = known.links.get(record, frozenset())
    known.links[record] = before | {other} if event.name == RECORD_LINKED else before - {other}


__all__ = ["apply_decision", "decide"]
