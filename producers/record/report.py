"""What `histoire record` says of the message it sent, and how the command ends."""

from __future__ import annotations

from typing import Final

import typer
from rich.text import Text

from ingest.feed.types import FeedMismatch
from ingest.runtime.console import CommandError, Exit, out
from producers.outcomes.sent_message import SentMessage, without_outcome
from schemas.feed.messages import PATIENTS

_GOOD: Final = frozenset({"acknowledged", "accepted", "duplicate", "unchanged"})
_QUEUED: Final = "It is sent by the next `histoire record` or `histoire send`."


def show(act: str, sent: SentMessage) -> None:
    """Write the state of the message, where it is, and its outcome."""
    colour = "green" if sent.state in _GOOD else "yellow" if sent.state == "queued" else "red"
    parts = [f" {act}"]
    if sent.offset is not None:
        parts.append(f" {PATIENTS}/{sent.partition}/{sent.offset}")
    parts.append(f" message {sent.message_id}")
    if sent.outcome is not None:
        parts += [f"\n          {line}" for line in sent.outcome.lines()]
    out().print(Text.assemble((f"{sent.state:<12}", colour), *parts))


def end(sent: SentMessage, *, wait: bool) -> None:
    """Raises CommandError or typer.Exit unless what was asked for holds."""
    if sent.state == "queued":
        why = f": {sent.feed_error}" if sent.feed_error is not None else ""
        halted = isinstance(sent.feed_error, FeedMismatch)
        raise CommandError(
            f"the message is not acknowledged yet and stays in the queue{why}",
            _QUEUED,
            Exit.HALTED if halted else Exit.UNAVAILABLE,
        )
    if sent.state not in _GOOD:
        raise typer.Exit(Exit.FAILED)
    if wait and sent.outcome is None:
        raise without_outcome()
