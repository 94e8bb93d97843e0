"""`histoire send`: CDA files onto the feed, with what was acknowledged and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from ingest.feed.types import FeedMismatch
from ingest.runtime.console import CommandError, Exit, note, out, print_json, progress
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from producers.cda.deposit import Flags
from producers.outcomes.reading import place_of_rule
from producers.outcomes.report import AT_WORK
from producers.publish.durable_queue import QueueError
from producers.publish.queues import Earlier

from .call import Patience, Sent, send_through_queues
from .files import Request, Sending
from .speaker import fault_of_speaker

_COLOURS: Final = {"accepted": "green", "acknowledged": "green", "refused": "red"}
_NEXT_CALL: Final = "What is queued is sent by the next `histoire send`, also by `send --flush`."


FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="CDA R2 files.", metavar="FILE...", show_default=False),
]
ReplacesOption = Annotated[
    str | None,
    typer.Option(
        help="uniqueId of the document this one file replaces. One that has not come yet is no "
        "fault: the file is accepted, and replaces it when it comes. Check what you type."
    ),
]
MaskOption = Annotated[bool, typer.Option("--mask-ps", help="Masked to professionals (MASQUE_PS).")]
HidePatientOption = Annotated[
    bool,
    typer.Option("--hide-patient", help="Hidden from the patient (INVISIBLE_PATIENT)."),
]
HideRepresentativesOption = Annotated[
    bool,
    typer.Option(
        "--hide-representatives",
        help="Hidden from a minor's representatives (INVISIBLE_REPRESENTANTS_LEGAUX).",
    ),
]
ActorOption = Annotated[
    str | None,
    typer.Option(
        help="Who answers for it, root^extension. "
        "Default: HISTOIRE_SENDER_ACTOR_ID, else the document's author."
    ),
]
OrganisationOption = Annotated[
    str | None, typer.Option(help="The organisation acted for, root^extension.")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the outcome of every file.")]
TimeoutOption = Annotated[
    float, typer.Option(min=0.1, help="Seconds to wait for acknowledgements, and for outcomes.")
]
FlushOption = Annotated[
    bool,
    typer.Option("--flush", help="Send what earlier calls left in the queue; no file needed."),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON object per file; last, if earlier calls left messages or with --flush, "
        "one with their number (earlier) and what became of them.",
    ),
]


def send(
    files: FilesArgument = None,
    replaces: ReplacesOption = None,
    mask_ps: MaskOption = False,
    hide_patient: HidePatientOption = False,
    hide_representatives: HideRepresentativesOption = False,
    actor: ActorOption = None,
    organisation: OrganisationOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 30.0,
    flush: FlushOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send documents with their bytes, through a queue that survives.

    A file is queued on disk before the feed is connected to. Files the system would refuse are not
    sent, and say why. A file sent before is a duplicate. Each call also sends what earlier ones
    left in the queue.
    Exit codes: 0 all acknowledged (with --wait: accepted or duplicate); 1 something was refused or
    rejected; 2 wrong arguments or settings; 4 the feed is away or refuses this user, or not
    acknowledged or answered in time: what is queued is sent by the next call; 5 a topic does not
    exist: queued as well; 130 interrupted: queued as well.
    """
    settings = Settings.load()
    named = files or []
    _check(settings, named, replaces, actor, organisation, flush)
    flags = Flags(mask_ps, hide_patient, hide_representatives)
    request = Request(flags, replaces, actor, organisation)
    sent = _send(settings, named, request, Patience(timeout, wait))
    for sending in sent.sendings:
        print_json(sending.as_json()) if as_json else _show(sending)
    if sent.earlier.waited or flush:
        _show_earlier(sent.earlier, as_json)
    end_of_sending(sent, wait)


def _check(
    settings: Settings,
    files: list[Path],
    replaces: str | None,
    actor: str | None,
    organisation: str | None,
    flush: bool,
) -> None:
    if not files and not flush:
        raise CommandError(
            "no file is named", "Name one, or use --flush to send what is queued.", Exit.USAGE
        )
    if replaces is not None and len(files) != 1:
        raise CommandError("--replaces is for one file", "Send them one by one.", Exit.USAGE)
    fault = fault_of_speaker(settings, actor, organisation)
    if fault is not None:
        raise CommandError(fault, "Nothing was sent.", Exit.USAGE)


def _send(settings: Settings, files: list[Path], request: Request, patience: Patience) -> Sent:
    try:
        with progress("sending", len(files)) as bar:
            return send_through_queues(
                settings, files, request, patience, SystemClock(), bar.advance
            )
    except QueueError as error:
        raise CommandError(str(error), "Check HISTOIRE_HOME.") from None


def _show_earlier(earlier: Earlier, as_json: bool) -> None:
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


def _show(sending: Sending) -> None:
    colour = _COLOURS.get(sending.state, "red" if sending.state == "rejected" else "yellow")
    parts = [f" {sending.file}"]
    if sending.offset is not None:
        parts.append(f" documents/{sending.partition}/{sending.offset}")
    if sending.message_id is not None:
        parts.append(f" message {sending.message_id}")
    if sending.before is not None:
        parts.append(f" (sent before as {sending.before})")
    parts += [f"\n          {line}" for line in _explained(sending)]
    out().print(Text.assemble((f"{sending.state:<9}", colour), *parts))


def _explained(sending: Sending) -> list[str]:
    """Which rule it breaks, in words, with the link to more; as answers are explained."""
    said = sending.as_json()
    if sending.refusal is None:
        return sending.answer.explained() if sending.answer is not None else []
    code = said["code"]
    place = place_of_rule(said["ruleId"], code, said["path"]) if said["ruleId"] else code
    english = f"{said['english']} {said['repair']}".strip()
    return [place, english, said["french"], *filter(None, [said["documentation"]])]


def end_of_sending(sent: Sent, wait: bool) -> None:
    """Ends with the first of these that is so, each in one sentence."""
    refused = sent.count("refused", "rejected")
    queued = sent.count("queued") + sent.earlier.queued
    why = f": {sent.feed_error}" if sent.feed_error is not None else ""
    waiting = f"{queued} messages are not acknowledged yet and stay in the queue{why}"
    if sent.stopped:
        unread = sent.files - len(sent.sendings)
        raise CommandError(
            f"interrupted: {len(sent.sendings) - refused - sent.count('queued')} of {sent.files} "
            f"files are on the feed, {unread} were not looked at, {queued} messages are queued",
            _NEXT_CALL,
            Exit.INTERRUPTED,
        )
    if refused or sent.earlier.refused:
        earlier = f", and {sent.earlier.refused} of earlier calls" if sent.earlier.refused else ""
        raise CommandError(
            f"{refused} of {sent.files} files were refused or rejected{earlier}"
            + (f"; {waiting}" if queued else "")
        )
    if queued:
        halted = isinstance(sent.feed_error, FeedMismatch)
        raise CommandError(waiting, _NEXT_CALL, Exit.HALTED if halted else Exit.UNAVAILABLE)
    unanswered = sum(wait and sending.answer is None for sending in sent.sendings)
    if unanswered:
        raise CommandError(
            f"{unanswered} of {sent.files} files are on the feed and have no outcome yet",
            AT_WORK,
            Exit.UNAVAILABLE,
        )


def register_send(app: typer.Typer) -> None:
    """Add `send` to the application."""
    app.command("send")(send)
