"""`histoire record ACT`: one message on a record, from the command line."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.text import Text

from ingest.feed.types import FeedMismatch
from ingest.runtime.console import CommandError, Exit, out, print_json
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.options import Json, read_ins
from ingest.runtime.settings import Settings
from producers.outcomes.reading import place_of_rule
from producers.outcomes.report import Spoken, without_outcome
from producers.publish.durable_queue import QueueError
from producers.publish.publisher import QueueFull
from producers.send.provenance import provenance_of
from producers.send.speaker import fault_of_speaker
from schemas.feed.messages import Ins
from schemas.forms.paris_days import day_as_typed, day_exists, end_ms
from schemas.rules.table.rejections import Rejection

from .acts import Act, Because, Misused, Mode, Said, Speaker, fault_of, message_of, speaking
from .sending import speak

_GOOD: Final = frozenset({"acknowledged", "accepted", "duplicate", "unchanged"})
_QUEUED: Final = "It is sent by the next `histoire record` or `histoire send`."


ActArgument = Annotated[Act, typer.Argument(help="What is said.", show_default=False)]
HolderArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[HOLDER]",
        help="Who gets or loses access: a professional or an organisation, root^extension.",
    ),
]
InsOption = Annotated[
    str,
    typer.Option(
        "--ins", help="Whose record: `-` reads OID|MATRICULE from standard input; test OIDs only."
    ),
]
ByOption = Annotated[
    Speaker | None,
    typer.Option("--by", help="Who says so. Default: as HISTOIRE_SENDER_ACTOR_ROLE says."),
]
RoleOption = Annotated[
    str | None,
    typer.Option(help="Profession of a professional (J65). Default: HISTOIRE_SENDER_ACTOR_ROLE."),
]
ActorOption = Annotated[
    str | None,
    typer.Option(help="Who answers for it, root^extension. Default: HISTOIRE_SENDER_ACTOR_ID."),
]
OrganisationOption = Annotated[
    str | None, typer.Option(help="The organisation acted for, root^extension.")
]
NameOption = Annotated[str | None, typer.Option("--name", help="Name of HOLDER, for display.")]
ReasonOption = Annotated[
    str | None, typer.Option(help="Why, in words; others see it in the list of processes.")
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        parser=day_as_typed,
        metavar="DAY",
        help="Last day of access; six months without it.",
    ),
]
BecauseOption = Annotated[Because | None, typer.Option(help="Why it closes: person-asked.")]
OnOption = Annotated[
    str | None,
    typer.Option(
        "--on",
        parser=day_as_typed,
        metavar="DAY",
        help="Day of the closure.",
    ),
]
ModeOption = Annotated[
    Mode | None, typer.Option(help="Grounds of an access, or the emergency access opposed.")
]
MotiveOption = Annotated[str | None, typer.Option(help="Why the glass was broken.")]
DocumentOption = Annotated[
    list[str] | None, typer.Option("--document", help="uniqueId of a document that was read.")
]
RefusedOption = Annotated[bool, typer.Option("--refused", help="The access was not given.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for what became of it.")]
TimeoutOption = Annotated[
    float, typer.Option(min=0.1, help="Seconds to wait for the feed, and for the outcome.")
]


def record(
    act: ActArgument,
    ins: InsOption,
    holder: HolderArgument = None,
    by: ByOption = None,
    actor: ActorOption = None,
    role: RoleOption = None,
    organisation: OrganisationOption = None,
    name: NameOption = None,
    reason: ReasonOption = None,
    until: UntilOption = None,
    because: BecauseOption = None,
    on: OnOption = None,
    mode: ModeOption = None,
    motive: MotiveOption = None,
    documents: DocumentOption = None,
    refused: RefusedOption = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = 30.0,
    as_json: Json = False,
) -> None:
    """Say something of a record: open, close, oppose, authorise, block, trace an access...

    Only the patient and his representative block, take an opposition to emergency access back and
    activate. A professional declares an authorisation, after the patient's consent, for himself or
    his organisation. Death and errors of identity are told by professionals and machines.
    The message is on disk before the feed is connected to.
    Exit codes: 0 on the feed (with --wait: accepted, duplicate or unchanged); 1 refused or
    rejected; 2 wrong arguments or settings; 4 the feed is away, or did not answer in time; 5 a
    topic does not exist: queued in both cases; 130 interrupted: queued as well.
    """
    settings, clock = Settings.load(), SystemClock()
    fault = fault_of_speaker(settings, actor, organisation)
    if fault is not None:
        raise CommandError(fault, "Nothing was sent.", Exit.USAGE)
    if by is Speaker.REPRESENTATIVE and actor is None:
        raise CommandError("a representative needs --actor", "Name him.", Exit.USAGE)
    said = Said(
        *(holder, name, reason, None if until is None else _end_of(until), because, on, mode),
        *(motive, tuple(documents or ()), refused),
    )
    who = _ins(ins)
    provenance = provenance_of(settings, None, actor, organisation, clock.now())
    try:
        speaker = speaking(by, provenance["actor"], who, role)
        message, datum = message_of(act, said, who, {**provenance, "actor": speaker})
    except Misused as error:
        raise CommandError(str(error), "See `histoire record --help`.", Exit.USAGE) from None
    rejection = fault_of(message, datum, settings.environment)
    if rejection is not None:
        raise _refused(rejection)
    try:
        spoken = speak(settings, clock, message, datum, timeout, wait=wait)
    except (QueueError, QueueFull) as error:
        raise CommandError(str(error), "Check HISTOIRE_HOME.") from None
    print_json(spoken.as_json()) if as_json else _show(act, spoken)
    _end(spoken, wait=wait)


def _ins(given: str) -> Ins:
    oid, matricule = read_ins(given)
    return {"oid": oid, "matricule": matricule, "status": "QUALIFIEE"}


def _end_of(day: str) -> int:
    if not day_exists(day):
        raise CommandError("--until is no day", "Give YYYY-MM-DD.", Exit.USAGE)
    return end_ms(day)


def _refused(rejection: Rejection) -> CommandError:
    rule = rejection.rule
    place = place_of_rule(rule.rule_id, rejection.code, rejection.path)
    return CommandError(f"{place}: {rule.english}", rule.repair)


def _show(act: Act, spoken: Spoken) -> None:
    colour = "green" if spoken.state in _GOOD else "yellow" if spoken.state == "queued" else "red"
    parts = [f" {act}"]
    if spoken.offset is not None:
        parts.append(f" patients/{spoken.partition}/{spoken.offset}")
    parts.append(f" message {spoken.message_id}")
    if spoken.answer is not None:
        parts += [f"\n          {line}" for line in spoken.answer.explained()]
    out().print(Text.assemble((f"{spoken.state:<12}", colour), *parts))


def _end(spoken: Spoken, *, wait: bool) -> None:
    if spoken.state == "queued":
        why = f": {spoken.feed_error}" if spoken.feed_error is not None else ""
        halted = isinstance(spoken.feed_error, FeedMismatch)
        raise CommandError(
            f"the message is not acknowledged yet and stays in the queue{why}",
            _QUEUED,
            Exit.HALTED if halted else Exit.UNAVAILABLE,
        )
    if spoken.state not in _GOOD:
        raise typer.Exit(Exit.FAILED)
    if wait and spoken.answer is None:
        raise without_outcome()


def register_record(app: typer.Typer) -> None:
    """Add `record` to the application."""
    app.command("record")(record)
