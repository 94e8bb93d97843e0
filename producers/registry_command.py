"""`histoire registry reference|withdraw|certify|service|evaluate`: what the registry is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import typer

from ingest.runtime.console import CommandError, Exit, out, print_json
from ingest.runtime.feed import FeedUnavailable, check_topics, open_publisher
from ingest.runtime.feed.types import Acknowledgement, OutgoingRecord, PublishFailure
from ingest.runtime.lifecycle import Clock, StopSignal, SystemClock
from ingest.runtime.settings import Settings
from schemas.messages import OUTCOMES, REGISTRY
from schemas.paris_days import day_of

from .answers import Answer, AnswerReader
from .provenance import provenance_of
from .registry_messages import fault_of, registry_message, registry_record

CLIENT: Final = "histoire-registry"
_FLUSH_SECONDS: Final = 30.0
_READY_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1


class KindName(StrEnum):
    """What an entry is about."""

    SOFTWARE = "software"
    SERVICE = "service"
    COMPANY = "company"


class Conclusion(StrEnum):
    """What an evaluation found."""

    COMPLIANT = "compliant"
    TO_CORRECT = "to-correct"
    NOT_COMPLIANT = "not-compliant"


def _day(text: str) -> str:
    return text.replace("-", "") if len(text) == 10 else text


SoftwareId = Annotated[
    str, typer.Argument(metavar="ID", help="Identifier of the software in its messages.")
]
ServiceId = Annotated[str, typer.Argument(metavar="ID", help="Identifier of the service.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from", parser=_day, metavar="DAY", help="First day, YYYY-MM-DD; today without it."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", parser=_day, metavar="DAY", help="Last day, YYYY-MM-DD.")
]
Publisher = Annotated[str, typer.Option(help="Its publisher.")]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Wait for what became of it; ingestion and relay must be running."),
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the outcome.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


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
        str, typer.Option("--until", parser=_day, metavar="DAY", help="Last day, YYYY-MM-DD.")
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
        typer.Option("--on", parser=_day, metavar="DAY", help="Its day; today without it."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--correct-before", parser=_day, metavar="DAY", help="When faults must be gone."
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
    kind: Annotated[KindName, typer.Option(help="What it is about.")] = KindName.SOFTWARE,
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
    message_id = UUID(bytes=datum["messageId"])
    record = registry_record(schema, datum)
    if wait is None:
        at = _publish(settings, record)
        _report(message_id, at, None, as_json)
        return
    with closing(AnswerReader(settings, client_id=CLIENT, from_end=True)) as reader:
        _make_ready(reader, clock)
        at = _publish(settings, record)
        stop = StopSignal()
        answer = _answer(reader, str(message_id), wait, clock, stop)
    _report(message_id, at, answer, as_json)
    _end(answer, interrupted=stop.is_set())


def _end(answer: Answer | None, *, interrupted: bool) -> None:
    if answer is None and interrupted:
        raise CommandError(
            "interrupted: the message is on the feed, its outcome is not known",
            None,
            Exit.INTERRUPTED,
        )
    if answer is None:
        raise CommandError(
            "the message is on the feed and has no outcome yet",
            "Is `histoire run` or `histoire ingest` with `histoire relay` at work?",
            Exit.UNAVAILABLE,
        )
    if not answer.is_good:
        raise typer.Exit(Exit.FAILED)


def _publish(settings: Settings, record: OutgoingRecord) -> Acknowledgement:
    done: list[Acknowledgement | PublishFailure] = []
    with closing(open_publisher(settings, client_id=CLIENT)) as publisher:
        publisher.publish(record, done.append)
        publisher.flush(_FLUSH_SECONDS)
        answered = list(done)
    match answered:
        case [Acknowledgement() as at]:
            return at
        case [PublishFailure() as failure]:
            raise CommandError(f"the feed refused it: {failure.detail}", code=Exit.UNAVAILABLE)
    raise FeedUnavailable("the feed did not answer; the same command again does no harm")


def _make_ready(reader: AnswerReader, clock: Clock) -> None:
    end = clock.monotonic() + _READY_SECONDS
    while not reader.is_ready:  # before it is published: else its outcome may be missed
        if clock.monotonic() > end:
            raise FeedUnavailable("the topic of outcomes can't be read")
        reader.read(_LOOK_SECONDS)


def _answer(
    reader: AnswerReader, message_id: str, seconds: float, clock: Clock, stop: StopSignal
) -> Answer | None:
    end = clock.monotonic() + seconds
    with stop.installed():
        while clock.monotonic() < end and not stop.is_set():
            for answer in reader.read(_LOOK_SECONDS):
                if answer.message_id == message_id:
                    return answer
    return None


def _report(message_id: UUID, at: Acknowledgement, answer: Answer | None, as_json: bool) -> None:
    """As `histoire record` says it, with the same keys."""
    outcome = None if answer is None else answer.outcome
    state = "acknowledged" if outcome is None else outcome["status"].lower()
    topic, partition = at.partition.topic, at.partition.number
    if as_json:
        told = {
            "state": state,
            "messageId": str(message_id),
            "topic": topic,
            "partition": partition,
            "offset": at.offset,
            "code": outcome and outcome["code"],
            "ruleId": outcome and outcome["ruleId"],
            "path": outcome and outcome["path"],
            "english": answer and answer.english,
            "french": answer and answer.french,
            "repair": answer and answer.repair,
            "documentation": answer and answer.documentation,
        }
        print_json(told)
        return
    place = f"{topic}/{partition}/{at.offset}"
    lines = [f"{state:<12} {place} message {message_id}", *(answer.explained() if answer else ())]
    out().print("\n          ".join(lines), markup=False)
