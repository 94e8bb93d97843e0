"""`histoire send`: CDA files onto the feed, with what was acknowledged and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from ingest.runtime.console import CommandError, Exit, out, print_json, progress
from ingest.runtime.feed import check_topics
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from schemas.messages import DOCUMENTS, OUTCOMES

from .answers import AnswerReader
from .deposit import Flags
from .durable_queue import QueueError
from .publisher import DocumentPublisher
from .send import FileSender, Request, Sending, open_document_publisher, send_files

_COLOURS: Final = {"accepted": "green", "acknowledged": "green", "refused": "red"}
_READY_SECONDS: Final = 10.0


def send(
    files: Annotated[list[Path], typer.Argument(help="CDA R2 files.", metavar="FILE...")],
    replaces: Annotated[
        str | None, typer.Option(help="uniqueId of the document this one file replaces.")
    ] = None,
    mask_ps: Annotated[
        bool, typer.Option("--mask-ps", help="Masked to professionals (MASQUE_PS).")
    ] = False,
    hide_patient: Annotated[
        bool,
        typer.Option("--hide-patient", help="Hidden from the patient (INVISIBLE_PATIENT)."),
    ] = False,
    hide_representatives: Annotated[
        bool,
        typer.Option(
            "--hide-representatives",
            help="Hidden from a minor's representatives (INVISIBLE_REPRESENTANTS_LEGAUX).",
        ),
    ] = False,
    actor: Annotated[
        str | None,
        typer.Option(
            help="Who answers for it, root^extension. "
            "Default: HISTOIRE_SENDER_ACTOR_ID, else the document's author."
        ),
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(help="The organisation acted for, root^extension.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the outcome of every file.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for acknowledgements, and for outcomes.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file.")] = False,
) -> None:
    """Send documents with their bytes, through a queue that survives.

    Files the system would refuse are not sent, and say why. A file sent before is a duplicate.
    Exit codes: 0 all acknowledged (with --wait: accepted or duplicate); 1 something was refused or
    rejected; 2 wrong arguments; 4 the feed is away or refuses this user, or not acknowledged or
    answered in time: what is queued is sent by the next call; 5 a topic does not exist.
    """
    if replaces is not None and len(files) > 1:
        raise CommandError("--replaces is for one file", "Send them one by one.", Exit.USAGE)
    flags = Flags(mask_ps, hide_patient, hide_representatives)
    request = Request(flags, replaces, actor, organisation)
    sendings = _send(Settings.load(), files, request, timeout, wait)
    for sending in sendings:
        print_json(sending.as_json()) if as_json else _show(sending)
    _end(sendings, wait)


def _send(
    settings: Settings, files: list[Path], request: Request, timeout: float, wait: bool
) -> list[Sending]:
    clock = SystemClock()
    check_topics(settings, [DOCUMENTS, OUTCOMES] if wait else [DOCUMENTS])
    reader = _reader(settings) if wait else None
    try:
        publisher = _publisher(settings, clock)
        try:
            sender = FileSender(settings, publisher, clock)
            with progress("sending", len(files)) as bar:
                sendings = send_files(sender, files, request, bar.advance)
                sender.acknowledge(sendings, timeout)
                if reader is not None:
                    sender.wait(sendings, reader, timeout)
        finally:
            publisher.close(0)
    finally:
        if reader is not None:
            reader.close()
    return sendings


def _reader(settings: Settings) -> AnswerReader:
    """A reader of the outcomes to come, ready before anything is sent."""
    clock = SystemClock()
    reader = AnswerReader(settings, client_id="histoire-send", from_end=True)
    end = clock.monotonic() + _READY_SECONDS
    while not reader.is_ready:
        if clock.monotonic() > end:
            reader.close()
            raise CommandError(
                "the topic of outcomes can't be read", "Try again later.", Exit.UNAVAILABLE
            )
        reader.read(0.1)
    return reader


def _publisher(settings: Settings, clock: SystemClock) -> DocumentPublisher:
    try:
        return open_document_publisher(settings, clock)
    except QueueError as error:
        raise CommandError(str(error), "Check HISTOIRE_HOME.") from None


def _show(sending: Sending) -> None:
    colour = _COLOURS.get(sending.state, "red" if sending.state == "rejected" else "yellow")
    parts = [f" {sending.file}"]
    if sending.offset is not None:
        parts.append(f" documents/{sending.partition}/{sending.offset}")
    if sending.message_id is not None:
        parts.append(f" message {sending.message_id}")
    if sending.before is not None:
        parts.append(f" (sent before as {sending.before})")
    said = sending.as_json()
    for name in ("english", "french"):
        if said[name]:
            code = f"{said['code']}: " if said["code"] and name == "english" else ""
            parts.append(f"\n          {code}{said[name]}")
    if said["repair"]:
        parts.append(f"\n          {said['repair']}")
    out().print(Text.assemble((f"{sending.state:<9}", colour), *parts))


def _end(sendings: list[Sending], wait: bool) -> None:
    refused = [s for s in sendings if s.state in ("refused", "rejected")]
    if refused:
        raise CommandError(f"{len(refused)} of {len(sendings)} files were refused or rejected")
    queued = [s for s in sendings if s.state == "queued"]
    if queued:
        raise CommandError(
            f"{len(queued)} of {len(sendings)} files are not acknowledged yet",
            "They stay in the queue; the next `histoire send` sends them.",
            Exit.UNAVAILABLE,
        )
    unanswered = [s for s in sendings if wait and s.answer is None]
    if unanswered:
        raise CommandError(
            f"{len(unanswered)} of {len(sendings)} files are on the feed and have no outcome yet",
            "Is `histoire run` or `histoire ingest` with `histoire relay` at work?",
            Exit.UNAVAILABLE,
        )


def register_send(app: typer.Typer) -> None:
    """Add `send` to the application."""
    app.command("send")(send)
