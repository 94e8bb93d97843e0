"""`histoire record ACT`: one message on a record; every act is a sub-command.

An act declares its own options only. `_with_common_options` gives it those of every act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, Final

import typer

from ingest.runtime.console import CommandError, Exit, print_json
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.options import Ins as InsOption
from ingest.runtime.options import Json, read_ins
from ingest.runtime.settings import Settings
from producers.options import Actor, Organisation, Timeout, Wait
from producers.publish.errors import QueueError, QueueFull
from producers.send.provenance import provenance_of
from producers.send.sender_check import sender_problem
from schemas.feed.messages import Ins

from . import acts_on_access, acts_on_record
from .act_group import ActGroup
from .acts_on_record import ActMessage
from .capacity import Capacity, actor_in_capacity
from .foreseen import foreseen_rejection, would_be_rejected
from .report import end, show
from .send_message import send_record_message

Act = Callable[..., ActMessage]
ACTS: Final[dict[str, Act]] = {
    "open": acts_on_record.open_,
    "activate": acts_on_record.activate,
    "close": acts_on_record.close,
    "oppose": acts_on_record.oppose,
    "withdraw-opposition": acts_on_record.withdraw_opposition,
    "authorise": acts_on_access.authorise,
    "withdraw": acts_on_access.withdraw,
    "block": acts_on_access.block,
    "unblock": acts_on_access.unblock,
    "attending": acts_on_access.attending,
    "end-attending": acts_on_access.end_attending,
    "oppose-emergency": acts_on_access.oppose_emergency,
    "allow-emergency": acts_on_access.allow_emergency,
    "access": acts_on_access.access,
}
HELP: Final = """
Declare something on a record: open, close, oppose, authorise, block, trace an access...

Only the patient and his representative block, take an opposition to emergency access back and
activate. A professional declares an authorisation, after the patient's consent, for himself or his
organisation. Death and errors of identity are told by professionals and machines. The message is on
disk before the feed is connected to.

Exit codes: 0 on the feed (with --wait: accepted, duplicate or unchanged); 1 refused or rejected; 2
wrong arguments or settings; 4 the feed is away, or there is no acknowledgement or outcome in time;
5 a topic does not exist: queued in both cases; 130 interrupted: queued as well.
"""
By = Annotated[
    Capacity | None,
    typer.Option("--by", help="In what capacity. Default: as HISTOIRE_SENDER_ACTOR_ROLE says."),
]
Role = Annotated[
    str | None,
    typer.Option(
        "--role", help="Profession of a professional (J65). Default: HISTOIRE_SENDER_ACTOR_ROLE."
    ),
]


@dataclass(frozen=True, slots=True)
class _Common:
    """The options of every act, as given."""

    ins: str
    by: Capacity | None
    actor: str | None
    role: str | None
    organisation: str | None
    wait: bool
    timeout: float
    as_json: bool


def _common(
    ins: InsOption,
    by: By = None,
    actor: Actor = None,
    role: Role = None,
    organisation: Organisation = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> _Common:
    return _Common(ins, by, actor, role, organisation, wait, timeout, as_json)


def register_record(app: typer.Typer) -> None:
    """Add the group `record` to the application."""
    group = typer.Typer(cls=ActGroup, no_args_is_help=True, help=HELP)
    for name, act in ACTS.items():
        group.command(name)(_with_common_options(name, act))
    app.add_typer(group, name="record")


def _with_common_options(name: str, act: Act) -> Callable[..., None]:
    """The command of an act: the options of the act, then those of every act."""
    own = signature(act, eval_str=True).parameters
    shared = signature(_common, eval_str=True).parameters

    def command(**given: Any) -> None:
        common = _common(**{option: given.pop(option) for option in shared})
        _send(name, act, given, common)

    parameters = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for parameter in (*own.values(), *shared.values())
    ]
    command.__doc__ = act.__doc__
    vars(command)["__signature__"] = Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _send(name: str, act: Act, given: dict[str, Any], common: _Common) -> None:
    settings, clock = Settings.load(), SystemClock()
    problem = sender_problem(settings, common.actor, common.organisation)
    if problem is not None:
        raise CommandError(problem, "Nothing was sent.", Exit.USAGE)
    if common.by is Capacity.REPRESENTATIVE and common.actor is None:
        raise CommandError("a representative needs --actor", "Name him.", Exit.USAGE)
    message = act(**given)
    datum = _datum(settings, message, common, clock.now())
    rejection = foreseen_rejection(message.schema, datum, settings.environment)
    if rejection is not None:
        raise would_be_rejected(rejection)
    try:
        sent = send_record_message(
            settings, clock, message.schema, datum, common.timeout, wait=common.wait
        )
    except (QueueError, QueueFull) as error:
        raise CommandError(str(error), "Check HISTOIRE_HOME.") from None
    print_json(sent.as_json()) if common.as_json else show(name, sent)
    end(sent, wait=common.wait)


def _datum(settings: Settings, message: ActMessage, common: _Common, now: float) -> dict[str, Any]:
    """The datum without `messageId`. `now`: seconds since 1970, also the time of an access."""
    oid, matricule = read_ins(common.ins)
    ins: Ins = {"oid": oid, "matricule": matricule, "status": "QUALIFIEE"}
    provenance = provenance_of(settings, None, common.actor, common.organisation, now)
    actor = actor_in_capacity(common.by, provenance["actor"], ins, common.role)
    datum = {"provenance": {**provenance, "actor": actor}, "ins": ins, **message.fields}
    if message.schema == "RecordAccess":
        datum["accessedAt"] = provenance["occurredAt"]
    return datum
