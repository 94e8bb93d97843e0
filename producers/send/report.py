"""What `histoire send` says: each file, what earlier calls left, and how the call ends."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from ingest.feed.types import FeedMismatch
from ingest.runtime.console import CommandError, Exit, note, out, print_json
from producers.outcomes.sent_message import AT_WORK
from producers.publish.queues import Earlier

from .sent_file import SentFile
from .through_queues import SendResult

_COLOURS: Final = {
    "accepted": "green",
    "acknowledged": "green",
    "refused": "red",
    "rejected": "red",
}
_NEXT_CALL: Final = "What is queued is sent by the next `histoire send`, also by `send --flush`."


def show(sent_file: SentFile) -> None:
    """Write one file: its state, where its message is, and what is wrong with it."""
    parts = [f" {sent_file.file}"]
    if sent_file.offset is not None:
        parts.append(f" documents/{sent_file.partition}/{sent_file.offset}")
    if sent_file.message_id is not None:
        parts.append(f" message {sent_file.message_id}")
    if sent_file.before is not None:
        parts.append(f" (sent before as {sent_file.before})")
    parts += [f"\n          {line}" for line in sent_file.lines()]
    colour = _COLOURS.get(sent_file.state, "yellow")
    out().print(Text.assemble((f"{sent_file.state:<9}", colour), *parts))


def show_earlier(earlier: Earlier, as_json: bool) -> None:
    """Write what became of the messages that earlier calls left in the queue."""
    if as_json:
        print_json(
            {
                "earlier": earlier.waited,
                "acknowledged": earlier.acknowledged,
                "refused": earlier.refused,
                "queued": earlier.queued,
            }
        )
    else:
        note(
            f"messages that earlier calls left in the queue: {earlier.waited}; acknowledged now "
            f"{earlier.acknowledged}, refused {earlier.refused}, still queued {earlier.queued}"
        )


def end_of_sending(sent: SendResult, wait: bool) -> None:
    """Raises CommandError for the first of: interrupted, refused, queued, without outcome."""
    refused = sent.count("refused", "rejected")
    queued = sent.count("queued") + sent.earlier.queued
    why = f": {sent.feed_error}" if sent.feed_error is not None else ""
    waiting = f"{queued} messages are not acknowledged yet and stay in the queue{why}"
    if sent.stopped:
        raise _interrupted(sent, refused, queued)
    if refused or sent.earlier.refused:
        earlier = f", and {sent.earlier.refused} of earlier calls" if sent.earlier.refused else ""
        raise CommandError(
            f"{refused} of {sent.files} files were refused or rejected{earlier}"
            + (f"; {waiting}" if queued else "")
        )
    if queued:
        halted = isinstance(sent.feed_error, FeedMismatch)
        raise CommandError(waiting, _NEXT_CALL, Exit.HALTED if halted else Exit.UNAVAILABLE)
    without_outcome = sum(wait and sent_file.outcome is None for sent_file in sent.sent_files)
    if without_outcome:
        raise CommandError(
            f"{without_outcome} of {sent.files} files are on the feed and have no outcome yet",
            AT_WORK,
            Exit.UNAVAILABLE,
        )


def _interrupted(sent: SendResult, refused: int, queued: int) -> CommandError:
    on_feed = len(sent.sent_files) - refused - sent.count("queued")
    unread = sent.files - len(sent.sent_files)
    return CommandError(
        f"interrupted: {on_feed} of {sent.files} files are on the feed, {unread} were not looked "
        f"at, {queued} messages are queued",
        _NEXT_CALL,
        Exit.INTERRUPTED,
    )
