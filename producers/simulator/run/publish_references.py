"""The references of a run onto the topic `registry`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ingest.feed.types import Acknowledgement, Done, Publisher, PublishFailure
from producers.simulator.run.ledger import Ledger
from producers.simulator.run.references import Reference
from producers.simulator.run.sender import FLUSH_SECONDS


def publish_references(
    messages: Iterable[Reference], publisher: Publisher, ledger: Ledger | None
) -> tuple[int, int]:
    """All are on the topic `registry`: how many were acknowledged, of how many."""
    replies = Counter[bool]()
    sent = list(messages)

    def replied(seq: int, message: Reference) -> Done:
        def done(reply: Acknowledgement | PublishFailure) -> None:
            replies[isinstance(reply, Acknowledgement)] += 1
            if ledger is not None:
                ledger.reply(seq, message, reply)

        return done

    if ledger is not None:
        for seq, message in enumerate(sent, 1):
            ledger.intend(seq, message)
        ledger.flush()
    for seq, message in enumerate(sent, 1):
        publisher.publish(message.record, replied(seq, message))
    publisher.flush(FLUSH_SECONDS)
    return replies[True], len(sent)
