"""`histoire hl7`: the messages of files, each queued or refused, each with its ACK."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ingest.runtime.console import CommandError, Exit, out, print_json, progress
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from producers.options import Actor, Organisation, Timeout, Wait
from producers.outcomes.explained import rule_and_place
from producers.publish.errors import QueueError
from producers.send.file_sender import Request
from producers.send.report import end_of_sending
from producers.send.sender_check import sender_problem
from producers.send.through_queues import SendResult, WaitLimits, send_through_queues
from schemas.rules.table.rejections import REJECTIONS

from .ack.ack import ACCEPT, Ack
from .sending.sender import Hl7Sender
from .sending.sent_message import SentHl7Message

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Files of one HL7 v2 message each; - is standard input.", metavar="FILE..."
    ),
]
AcksFolder = Annotated[
    Path | None,
    typer.Option(
        "--acks", help="Folder: the ACK of FILE is written there as FILE.ack.", show_default=False
    ),
]
JsonWithAck = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per file, with the ACK as text.")
]


def hl7(
    files: Files,
    actor: Actor = None,
    organisation: Organisation = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    acks: AcksFolder = None,
    as_json: JsonWithAck = False,
) -> None:
    """Send what HL7 v2 messages (MDM, ORU) ask for, and say how each is acknowledged.

    New (T02, NW, F), replace (T10, RO, C) and delete (T04, CA, D) a CDA; MODIF_CONF_CODE changes
    its flags. Each message goes through the queue of `histoire send`. Without --wait a message is
    acknowledged (AA) once it is queued, with it when its outcome is there.
    Exit codes: as `histoire send`: 0 all acknowledged; 1 something was refused or rejected; 2
    wrong arguments or settings; 4 the feed is away, or there is no outcome in time; 5 a topic does
    not exist; 130 interrupted.
    """
    settings = Settings.load()
    problem = sender_problem(settings, actor, organisation)
    if problem is not None:
        raise CommandError(problem, "Nothing was sent.", Exit.USAGE)
    if acks is not None and len({file.name for file in files}) < len(files):
        raise CommandError(
            "two files have one name, and so have their ACKs", "Send them apart.", Exit.USAGE
        )
    request = Request(actor=actor, organisation=organisation)
    result = _send(settings, files, request, WaitLimits(timeout, wait))
    now = SystemClock().now()
    for sent in result.sent_files:
        if isinstance(sent, SentHl7Message):
            ack = sent.ack_bytes(now, queued_is_enough=not wait)
            if acks is not None:
                _write(acks, sent.file, ack)
            _show(sent, ack, as_json, queued_is_enough=not wait)
    end_of_sending(result, wait)


def _send(
    settings: Settings, files: list[Path], request: Request, limits: WaitLimits
) -> SendResult:
    try:
        with progress("sending", len(files)) as bar:
            return send_through_queues(
                settings, files, request, limits, SystemClock(), bar.advance, Hl7Sender
            )
    except QueueError as error:
        raise CommandError(str(error), "Check HISTOIRE_HOME.") from None


def _write(folder: Path, file: Path, ack: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file.name}.ack").write_bytes(ack)
    except OSError as error:
        raise CommandError(
            f"the ACK can't be written: {error.strerror}", "Check --acks; the messages are queued."
        ) from None


def _show(sent: SentHl7Message, ack_bytes: bytes, as_json: bool, *, queued_is_enough: bool) -> None:
    ack = sent.ack(queued_is_enough=queued_is_enough)
    if as_json:
        text = ack_bytes.decode(sent.message.charset if sent.message else "utf-8")
        print_json({**sent.as_json(), "acknowledgement": ack.code, "ack": text})
        return
    colour = "green" if ack.code == ACCEPT else "red"
    parts = [f" {sent.file}", f" {sent.state}"]
    if sent.action is not None:
        parts.append(f" {sent.action}")
    parts += [f"\n   {line}" for line in _explained(sent, ack)]
    out().print(Text.assemble((ack.code, colour), *parts))


def _explained(sent: SentHl7Message, ack: Ack) -> list[str]:
    """Which rule is broken and where, in words, with the link to more; then the warnings."""
    lines = []
    if ack.rule:
        rule_id, path, link = ack.explained or ("", "", "")
        place = rule_and_place(rule_id, ack.rule, ack.location or path or None).strip()
        lines += [f"{ack.application_code} {place}", ack.diagnostic, ack.user_message]
        lines += [link] if link else []
    for code in sent.warned:
        rule = REJECTIONS.get(code)
        words = f"{rule_and_place(rule.rule_id, code, None)}: {rule.english}" if rule else code
        lines.append(f"warning {words}")
    return lines


def register_hl7(app: typer.Typer) -> None:
    """Add `hl7` to the application."""
    app.command("hl7")(hl7)
