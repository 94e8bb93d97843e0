"""`histoire registry reference|withdraw|certify|service|evaluate`: what the registry is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import typer

from ingest.feed import FeedUnavailable, check_topics, open_publisher
from ingest.feed.types import Acknowledgement, OutgoingRecord, PublishFailure
from ingest.runtime.console import CommandError, Exit, out, print_json
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.options import Json
from ingest.runtime.settings import Settings
from producers.outcomes.reading import Answer
from producers.outcomes.report import Spoken, answer_to, without_outcome
from producers.send.call import answers_to_come
from producers.send.provenance import provenance_of
from schemas.feed.messages import OUTCOMES, REGISTRY
from schemas.feed.registry import EntryKind
from schemas.forms.paris_days import day_as_typed, day_of

from .messages import fault_of, registry_message, registry_record

CLIENT: Final = "histoire-registry"
_FLUSH_SECONDS: Final = 30.0


class Conclusion(StrEnum):
    """What an evaluation found."""

    COMPLIANT = "compliant"
    TO_CORRECT = "to-correct"
    NOT_COMPLIANT = "not-compliant"


SoftwareId = Annotated[
    str, typer.Argument(metavar="ID", help="Identifier of the software in its messages.")
]
ServiceId = Annotated[str, typer.Argument(metavar="ID", help="Identifier of the service.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        parser=day_as_typed,
        metavar="DAY",
        help="First day, YYYY-MM-DD; today without it.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", parser=day_as_typed, metavar="DAY", help="Last day, YYYY-MM-DD."),
]
Publisher = Annotated[str, typer.Option(help="Its publisher.")]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Wait for what became of it; ingestion and relay must be running."),
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the outcome.")]


def reference(
    software: SoftwareId,
    publisher: Publisher,
    product: Annotated[str, typer.Option(help="Name of the product.")],
    release: Annotated[str | None, typer.Option(help="Version that was referenced.")] = None,
    sector: Annotated[str | None, typer.Option(help="Ségur sector (couloir).")] = None,
    approval: Annotated[
        str | None, typer.Option(help="Approval number (numéro d'homologation DMP).")
    ] = None,
    first: From = None,
    last: Until = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Reference a software: from that day on it may feed documents.

    The first reference of all puts the registry in use: from then on software that is not
    referenced is refused. The same first day again corrects a period, another one adds one.
    Exit codes: 0 on the feed (with --wait: accepted, duplicate or unchanged); 1 rejected; 2 a value
    is wrong; 4 the feed is away or refuses this user, or there is no outcome in time; 5 the topic
    does not exist; 130 interrupted.
    """
    said = {
        "publisher": publisher,
        "product": product,
        "version": release,
        "sector": sector,
        "approval": approval,
        "referencedFrom": first or _today(),
        "referencedUntil": last,
    }
    _tell("ReferenceSoftware", software, said, timeout if wait else None, as_json)


def certify(
    company: Annotated[
        str, typer.Argument(metavar="ID", help="Its number (FINESS, SIREN, SIRET), root^extension.")
    ],
    name: Annotated[str, typer.Option(help="Its name.")],
    certificate: Annotated[str, typer.Option(help="Number of the certificate.")],
    last: Annotated[
        str,
        typer.Option("--until", parser=day_as_typed, metavar="DAY", help="Last day, YYYY-MM-DD."),
    ],
    first: From = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Certify a téléconsultation company: its documents (sector SA64) are taken from that day on.

    Once one company is certified, the others are refused. Exit codes as of `registry reference`.
    """
    said = {
        "company": name,
        "certificateNumber": certificate,
        "certifiedFrom": first or _today(),
        "certifiedUntil": last,
    }
    _tell("CertifyTeleconsultationCompany", company, said, timeout if wait else None, as_json)


def service(
    entry: ServiceId,
    publisher: Publisher,
    name: Annotated[str, typer.Option(help="Its name in the catalogue.")],
    track: Annotated[
        str | None, typer.Option(help="Dedicated track (couloir); takes --certificate.")
    ] = None,
    certificate: Annotated[
        str | None, typer.Option(help="Number of the certificate it presented.")
    ] = None,
    first: From = None,
    last: Until = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Reference a service in the catalogue of the health space; for two years without --until.

    Exit codes as of `registry reference`.
    """
    said = {
        "publisher": publisher,
        "name": name,
        "track": track,
        "certificateNumber": certificate,
        "referencedFrom": first or _today(),
        "referencedUntil": last,
    }
    _tell("ReferenceService", entry, said, timeout if wait else None, as_json)


def evaluate(
    entry: ServiceId,
    conclusion: Annotated[Conclusion, typer.Argument(help="What was found.")],
    day: Annotated[
        str | None,
        typer.Option("--on", parser=day_as_typed, metavar="DAY", help="Its day; today without it."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--correct-before",
            parser=day_as_typed,
            metavar="DAY",
            help="When faults must be gone.",
        ),
    ] = None,
    report: Annotated[str | None, typer.Option(help="Reference of the report.")] = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """State what the continuous evaluation of a service found; it withdraws nothing by itself.

    Exit codes as of `registry reference`.
    """
    said = {
        "evaluatedOn": day or _today(),
        "conclusion": conclusion.name,
        "correctBefore": before,
        "report": report,
    }
    _tell("EvaluateService", entry, said, timeout if wait else None, as_json)


def withdraw(
    entry: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the entry.")],
    reason: Annotated[str, typer.Option(help="Why; no name of a person.")],
    kind: Annotated[EntryKind, typer.Option(help="What it is about.")] = EntryKind.SOFTWARE,
    first: From = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Withdraw a reference or certificate from a day on: nothing more is fed under it.

    What was deposited stays, and can still be masked, archived and deleted. Exit codes as of
    `registry reference`.
    """
    said = {"kind": kind.name, "withdrawnFrom": first or _today(), "reason": reason}
    _tell("WithdrawReference", entry, said, timeout if wait else None, as_json)


def register_registry(app: typer.Typer) -> None:
    """Add the commands that publish to the group `registry`."""
    for name in (reference, withdraw, certify, service, evaluate):
        app.command()(name)


def _today() -> str:
    return day_of(datetime.fromtimestamp(SystemClock().now(), UTC))


def _tell(
    schema: str, entry: str, said: Mapping[str, Any], wait: float | None, as_json: bool
) -> None:
    settings, clock = Settings.load(), SystemClock()
    provenance = provenance_of(settings, None, None, None, clock.now())
    datum = registry_message(uuid4(), provenance, entry, said)
    fault = fault_of(schema, datum)
    if fault is not None:
        where = f" ({fault.path})" if fault.path else ""
        raise CommandError(fault.rule.english.rstrip(".") + where, fault.rule.repair, Exit.USAGE)
    check_topics(settings, (REGISTRY,) if wait is None else (REGISTRY, OUTCOMES))
    record = registry_record(schema, datum)
    spoken = Spoken(UUID(bytes=datum["messageId"]), REGISTRY)
    if wait is None:
        _publish(settings, record, spoken)
        _report(spoken, as_json)
        return
    stop = StopSignal()
    with closing(answers_to_come(settings, clock, CLIENT)) as reader:
        _publish(settings, record, spoken)
        with stop.installed():
            spoken.answer = answer_to(reader, spoken.message_id, wait, clock, stop)
    _report(spoken, as_json)
    _end(spoken.answer, interrupted=stop.is_set())


def _end(answer: Answer | None, *, interrupted: bool) -> None:
    if answer is None and interrupted:
        raise CommandError(
            "interrupted: the message is on the feed, its outcome is not known",
            None,
            Exit.INTERRUPTED,
        )
    if answer is None:
        raise without_outcome()
    if not answer.is_good:
        raise typer.Exit(Exit.FAILED)


def _publish(settings: Settings, record: OutgoingRecord, spoken: Spoken) -> None:
    done: list[Acknowledgement | PublishFailure] = []
    with closing(open_publisher(settings, client_id=CLIENT)) as publisher:
        publisher.publish(record, done.append)
        publisher.flush(_FLUSH_SECONDS)
        answered = list(done)
    match answered:
        case [Acknowledgement() as at]:
            spoken.partition, spoken.offset = at.partition.number, at.offset
        case [PublishFailure() as failure]:
            raise CommandError(f"the feed refused it: {failure.detail}", code=Exit.UNAVAILABLE)
        case _:
            raise FeedUnavailable("the feed did not answer; the same command again does no harm")


def _report(spoken: Spoken, as_json: bool) -> None:
    if as_json:
        print_json(spoken.as_json())
        return
    place = f"{spoken.topic}/{spoken.partition}/{spoken.offset}"
    lines = [f"{spoken.state:<12} {place} message {spoken.message_id}"]
    lines += spoken.answer.explained() if spoken.answer else ()
    out().print("\n          ".join(lines), markup=False)
