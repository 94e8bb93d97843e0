"""`histoire send`: CDA files onto the feed, with what was acknowledged and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ingest.runtime.console import CommandError, Exit, print_json, progress
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from producers.cda.visibility import RequestedVisibility
from producers.options import Actor, Organisation, Timeout, Wait
from producers.publish.errors import QueueError

from .file_sender import Request
from .report import end_of_sending, show, show_earlier
from .sender_check import sender_problem
from .through_queues import SendResult, WaitLimits, send_through_queues

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="CDA R2 files.", metavar="FILE...", show_default=False),
]
Replaces = Annotated[
    str | None,
    typer.Option(
        help="uniqueId of the document that this one file replaces. It may come later: the file is "
        "accepted, and replaces the document once that is there. Check what you type."
    ),
]
MaskPs = Annotated[bool, typer.Option("--mask-ps", help="Masked to professionals (MASQUE_PS).")]
HidePatient = Annotated[
    bool,
    typer.Option("--hide-patient", help="Hidden from the patient (INVISIBLE_PATIENT)."),
]
HideRepresentatives = Annotated[
    bool,
    typer.Option(
        "--hide-representatives",
        help="Hidden from a minor's representatives (INVISIBLE_REPRESENTANTS_LEGAUX).",
    ),
]
Flush = Annotated[
    bool,
    typer.Option("--flush", help="Send what earlier calls left in the queue; no file needed."),
]
JsonOfFiles = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object per file; then, if earlier calls left messages or with "
        "--flush, one with their number (earlier) and what became of them.",
    ),
]


def send(
    files: Files = None,
    replaces: Replaces = None,
    mask_ps: MaskPs = False,
    hide_patient: HidePatient = False,
    hide_representatives: HideRepresentatives = False,
    actor: Actor = None,
    organisation: Organisation = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    flush: Flush = False,
    as_json: JsonOfFiles = False,
) -> None:
    """Send documents with their bytes, through a queue that survives.

    Each file is queued on disk before the feed is connected to. A file that the system would reject
    is not sent, and its line says why. A file sent before is a duplicate. Each call also sends what
    earlier calls left in the queue.
    Exit codes: 0 all acknowledged (with --wait: accepted or duplicate); 1 something was refused or
    rejected; 2 wrong arguments or settings; 4 the feed is away or refuses this user, or there is no
    acknowledgement or outcome in time: the next call sends what is queued; 5 a topic does not
    exist: queued as well; 130 interrupted: queued as well.
    """
    settings = Settings.load()
    named = files or []
    if not named and not flush:
        raise CommandError(
            "no file is named", "Name one, or use --flush to send what is queued.", Exit.USAGE
        )
    if replaces is not None and len(named) != 1:
        raise CommandError("--replaces is for one file", "Send them one by one.", Exit.USAGE)
    problem = sender_problem(settings, actor, organisation)
    if problem is not None:
        raise CommandError(problem, "Nothing was sent.", Exit.USAGE)
    visibility = RequestedVisibility(
        masque_ps=mask_ps,
        invisible_patient=hide_patient,
        invisible_representants_legaux=hide_representatives,
    )
    request = Request(visibility, replaces=replaces, actor=actor, organisation=organisation)
    sent = _send(settings, named, request, WaitLimits(timeout, wait))
    for sent_file in sent.sent_files:
        print_json(sent_file.as_json()) if as_json else show(sent_file)
    if sent.earlier.waited or flush:
        show_earlier(sent.earlier, as_json)
    end_of_sending(sent, wait)


def _send(
    settings: Settings, files: list[Path], request: Request, limits: WaitLimits
) -> SendResult:
    try:
        with progress("sending", len(files)) as bar:
            return send_through_queues(settings, files, request, limits, SystemClock(), bar.advance)
    except QueueError as error:
        raise CommandError(str(error), "Check HISTOIRE_HOME.") from None


def register_send(app: typer.Typer) -> None:
    """Add `send` to the application."""
    app.command("send")(send)
