"""`histoire hl7` and `histoire mllp`: the doors for software that speaks HL7 v2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ingest.runtime.console import CommandError, Exit, out, print_json, progress
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from producers.outcomes.reading import place_of_rule
from producers.publish.durable_queue import QueueError
from producers.send.call import Patience, Sent, send_through_queues
from producers.send.command import (
    ActorOption,
    OrganisationOption,
    TimeoutOption,
    WaitOption,
    end_of_sending,
)
from producers.send.files import Request
from producers.send.speaker import fault_of_speaker
from schemas.rules.table.rejections import REJECTIONS

from .acknowledgement import ACCEPT, Verdict
from .mllp_command import register_mllp
from .sender import Hl7Sender, Hl7Sending

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Files of one HL7 v2 message each; - is standard input.", metavar="FILE..."
    ),
]
AcksOption = Annotated[
    Path | None,
    typer.Option(
        "--acks", help="Folder: the ACK of FILE is written there as FILE.ack.", show_default=False
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object per file, with the ACK as text.")
]


def hl7(
    files: FilesArgument,
    actor: ActorOption = None,
    organisation: OrganisationOption = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = 30.0,
    acks: AcksOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send what HL7 v2 messages (MDM, ORU) ask for, and say how each is acknowledged.

    New (T02, NW, F), replace (T10, RO, C) and delete (T04, CA, D) a CDA; MODIF_CONF_CODE changes
    its flags. Each message goes through the queue of `histoire send`. Without --wait a message is
    acknowledged (AA) once it is queued, with it when its outcome is there.
    Exit codes: as `histoire send`: 0 all acknowledged; 1 something was refused or rejected; 2
    wrong arguments or settings; 4 the feed is away, or no answer in time; 5 a topic does not
    exist; 130 interrupted.
    """
    settings = Settings.load()
    fault = fault_of_speaker(settings, actor, organisation)
    if fault is not None:
        raise CommandError(fault, "Nothing was sent.", Exit.USAGE)
    if acks is not None and len({file.name for file in files}) < len(files):
        raise CommandError(
            "two files have one name, and so have their ACKs", "Send them apart.", Exit.USAGE
        )
    request = Request(actor=actor, organisation=organisation)
    sent = _send(settings, files, request, Patience(timeout, wait))
    now = SystemClock().now()
    for sending in sent.sendings:
        assert isinstance(sending, Hl7Sending)
        ack = sending.acknowledgement(now, queued_is_enough=not wait)
        if acks is not None:
            _write(acks, sending.file, ack)
        _show(sending, ack, as_json, queued_is_enough=not wait)
    end_of_sending(sent, wait)


def _send(settings: Settings, files: list[Path], request: Request, patience: Patience) -> Sent:
    try:
        with progress("sending", len(files)) as bar:
            return send_through_queues(
                settings, files, request, patience, SystemClock(), bar.advance, Hl7Sender
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


def _show(sending: Hl7Sending, ack: bytes, as_json: bool, *, queued_is_enough: bool) -> None:
    verdict = sending.verdict(queued_is_enough=queued_is_enough)
    if as_json:
        text = ack.decode(sending.message.charset if sending.message else "utf-8")
        print_json({**sending.as_json(), "acknowledgement": verdict.code, "ack": text})
        return
    colour = "green" if verdict.code == ACCEPT else "red"
    parts = [f" {sending.file}", f" {sending.state}"]
    if sending.action is not None:
        parts.append(f" {sending.action}")
    parts += [f"\n   {line}" for line in _explained(sending, verdict)]
    out().print(Text.assemble((verdict.code, colour), *parts))


def _explained(sending: Hl7Sending, verdict: Verdict) -> list[str]:
    """Which rule is broken and where, in words, with the link to more; then what is remarked."""
    lines = []
    if verdict.rule:
        rule_id, path, link = verdict.explained or ("", "", "")
        place = place_of_rule(rule_id, verdict.rule, verdict.location or path or None).strip()
        lines += [f"{verdict.application_code} {place}", verdict.diagnostic, verdict.user_message]
        lines += [link] if link else []
    for code in sending.warned:
        rule = REJECTIONS.get(code)
        said = f"{place_of_rule(rule.rule_id, code, None)}: {rule.english}" if rule else code
        lines.append(f"warning {said}")
    return lines


def register_hl7(app: typer.Typer) -> None:
    """Add `hl7` and `mllp` to the application."""
    app.command("hl7")(hl7)
    register_mllp(app)
