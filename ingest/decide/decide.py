"""`decide`: what a message comes to, given a view. Pure; decision 0007, decision 0018.

A decision never changes the view: `apply_decision` does, and the next message of the batch sees it.
"""

from collections.abc import Generator
from typing import Final

from ingest.facts.decision import Decision
from ingest.facts.message import Interpreted, Operation, RegistryMessage
from ingest.facts.needs import APPLIED, IDENTITY, Need
from ingest.facts.view import View
from schemas.feed.outcomes import ACCEPTED, DUPLICATE
from schemas.rules.table.rejections import Rejection

from . import access, deposit, document, link, record, registry
from .deciders import DECIDERS

_DUPLICATE: Final = Decision(DUPLICATE)
_CONFLICT: Final = Rejection("message_id_conflict", "messageId")
_RULES: Final = (access, deposit, document, link, record, registry)
"""Their deciders are registered by their import."""


def decide(view: View, message: Interpreted) -> Decision | Rejection:
    """What comes of the message: events, or a repetition, or a rejection.

    A deposit is known by its uniqueId. Every other message is known by its message_id and its
    digest, before anything else is looked at: a late copy of an old mask changes nothing.

    Raises NotRead for what it needs and nobody read.
    """
    if isinstance(message, Operation):
        digest = view.applied_digest(message.message_id)
        if digest is not None:
            return _DUPLICATE if digest == message.digest else _CONFLICT
        if not isinstance(message, RegistryMessage) and view.ref(message.inses[0]).erased:
            return Rejection("record_erased", "ins")
    return DECIDERS[message.name].rule(view, message)


def needs_of(view: View, message: Interpreted) -> Generator[Need, None, None]:
    """What deciding this message needs, as far as the view tells so far."""
    for ins in message.inses:
        yield Need(IDENTITY, ins)
    if isinstance(message, Operation):
        yield Need(APPLIED, message.message_id)
    yield from DECIDERS[message.name].needs(view, message)


def apply_decision(view: View, message: Interpreted, decision: Decision) -> None:
    """The view is what it is after the decision."""
    view.take(message, decision)


__all__ = ["ACCEPTED", "apply_decision", "decide", "needs_of"]
