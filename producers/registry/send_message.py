"""One message that the registry takes, on the feed, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final
from uuid import UUID, uuid4

import typer

from ingest.feed import FeedUnavailable, check_topics, open_publisher
from ingest.feed.types import Acknowledgement, OutgoingRecord, PublishFailure
from ingest.runtime.console import CommandError, Exit, out, print_json
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings
from producers.outcomes.explained import ExplainedOutcome
from producers.outcomes.reader import outcomes_from_now, wait_for_outcome
from producers.outcomes.sent_message import SentMessage, without_outcome
from producers.send.provenance import provenance_of
from schemas.feed.messages import OUTCOMES, REGISTRY

from .messages import foreseen_rejection, registry_feed_record, registry_message

CLIENT: Final = "histoire-registry"
_FLUSH_SECONDS: Final = 30.0


def send_registry_message(
    schema: str, entry: str, fields: Mapping[str, Any], wait: float | None, as_json: bool
) -> None:
    """The message about this entry is on the feed, and the command has said so.

    `wait`: seconds to wait for its outcome; None: it is not waited for. Raises CommandError,
    FeedError, and typer.Exit when the message was rejected.
    """
    settings, clock = Settings.load(), SystemClock()
    provenance = provenance_of(settings, None, None, None, clock.now())
    datum = registry_message(uuid4(), provenance, entry, fields)
    rejection = foreseen_rejection(schema, datum)
    if rejection is not None:
        where = f" ({rejection.path})" if rejection.path else ""
        sentence = rejection.rule.english.rstrip(".") + where
        raise CommandError(sentence, rejection.rule.repair, Exit.USAGE)
    check_topics(settings, (REGISTRY,) if wait is None else (REGISTRY, OUTCOMES))
    feed_record = registry_feed_record(schema, datum)
    sent = SentMessage(UUID(bytes=datum["messageId"]), REGISTRY)
    if wait is None:
        _publish(settings, feed_record, sent)
        _report(sent, as_json)
        return
    stop = StopSignal()
    with closing(outcomes_from_now(settings, clock, CLIENT)) as reader:
        _publish(settings, feed_record, sent)
        with stop.installed():
            sent.outcome = wait_for_outcome(reader, sent.message_id, wait, clock, stop)
    _report(sent, as_json)
    _end(sent.outcome, interrupted=stop.is_set())


def _publish(settings: Settings, feed_record: OutgoingRecord, sent: SentMessage) -> None:
    done: list[Acknowledgement | PublishFailure] = []
    with closing(open_publisher(settings, client_id=CLIENT)) as publisher:
        publisher.publish(feed_record, done.append)
        publisher.flush(_FLUSH_SECONDS)
        replies = list(done)
    match replies:
        case [Acknowledgement() as at]:
            sent.partition, sent.offset = at.partition.number, at.offset
        case [PublishFailure() as failure]:
            raise CommandError(f"the feed refused it: {failure.detail}", code=Exit.UNAVAILABLE)
        case _:
            raise FeedUnavailable("the feed did not answer; the same command again does no harm")


def _report(sent: SentMessage, as_json: bool) -> None:
    if as_json:
        print_json(sent.as_json())
        return
    place = f"{sent.topic}/{sent.partition}/{sent.offset}"
    lines = [f"{sent.state:<12} {place} message {sent.message_id}"]
    lines += sent.outcome.lines() if sent.outcome else ()
    out().print("\n          ".join(lines), markup=False)


def _end(outcome: ExplainedOutcome | None, *, interrupted: bool) -> None:
    if outcome is None and interrupted:
        raise CommandError(
            "interrupted: the message is on the feed, its outcome is not known",
            None,
            Exit.INTERRUPTED,
        )
    if outcome is None:
        raise without_outcome()
    if not outcome.is_good:
        raise typer.Exit(Exit.FAILED)
