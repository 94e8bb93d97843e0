"""`histoire registry reference|withdraw|certify|service|evaluate`: the options of each."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.options import Json
from producers.options import FirstDay, LastDay, Timeout, Wait
from schemas.feed.registry import EntryKind
from schemas.forms.paris_days import day_as_typed, day_of

from .send_message import send_registry_message


class Conclusion(StrEnum):
    """What an evaluation found."""

    COMPLIANT = "compliant"
    TO_CORRECT = "to-correct"
    NOT_COMPLIANT = "not-compliant"


SoftwareId = Annotated[
    str, typer.Argument(metavar="ID", help="Identifier of the software in its messages.")
]
ServiceId = Annotated[str, typer.Argument(metavar="ID", help="Identifier of the service.")]
Publisher = Annotated[str, typer.Option(help="Its publisher.")]


def reference(
    software: SoftwareId,
    publisher: Publisher,
    product: Annotated[str, typer.Option(help="Name of the product.")],
    release: Annotated[str | None, typer.Option(help="Version that was referenced.")] = None,
    sector: Annotated[str | None, typer.Option(help="Ségur sector (couloir).")] = None,
    approval: Annotated[
        str | None, typer.Option(help="Approval number (numéro d'homologation DMP).")
    ] = None,
    first: FirstDay = None,
    last: LastDay = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Reference a software: from that day on it may feed documents.

    The first reference of all puts the registry in use: from then on messages of software that is
    not referenced are rejected. The same first day again corrects a period, another one adds one.
    Exit codes: 0 on the feed (with --wait: accepted, duplicate or unchanged); 1 rejected; 2 a value
    is wrong; 4 the feed is away or refuses this user, or there is no outcome in time; 5 the topic
    does not exist; 130 interrupted.
    """
    fields = {
        "publisher": publisher,
        "product": product,
        "version": release,
        "sector": sector,
        "approval": approval,
        "referencedFrom": first or _today(),
        "referencedUntil": last,
    }
    limit = timeout if wait else None
    send_registry_message("ReferenceSoftware", software, fields, limit, as_json)


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
    first: FirstDay = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Certify a téléconsultation company: its documents (sector SA64) are taken from that day on.

    Once one company is certified, documents of the others are rejected. Exit codes as of
    `registry reference`.
    """
    fields = {
        "company": name,
        "certificateNumber": certificate,
        "certifiedFrom": first or _today(),
        "certifiedUntil": last,
    }
    limit = timeout if wait else None
    send_registry_message("CertifyTeleconsultationCompany", company, fields, limit, as_json)


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
    first: FirstDay = None,
    last: LastDay = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Reference a service in the catalogue of the health space; for two years without --until.

    Exit codes as of `registry reference`.
    """
    fields = {
        "publisher": publisher,
        "name": name,
        "track": track,
        "certificateNumber": certificate,
        "referencedFrom": first or _today(),
        "referencedUntil": last,
    }
    limit = timeout if wait else None
    send_registry_message("ReferenceService", entry, fields, limit, as_json)


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
    fields = {
        "evaluatedOn": day or _today(),
        "conclusion": conclusion.name,
        "correctBefore": before,
        "report": report,
    }
    send_registry_message("EvaluateService", entry, fields, timeout if wait else None, as_json)


def withdraw(
    entry: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the entry.")],
    reason: Annotated[str, typer.Option(help="Why; no name of a person.")],
    kind: Annotated[EntryKind, typer.Option(help="What it is about.")] = EntryKind.SOFTWARE,
    first: FirstDay = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Withdraw a reference or certificate from a day on: nothing more is fed under it.

    What was deposited stays, and can still be masked, archived and deleted. Exit codes as of
    `registry reference`.
    """
    fields = {"kind": kind.name, "withdrawnFrom": first or _today(), "reason": reason}
    send_registry_message("WithdrawReference", entry, fields, timeout if wait else None, as_json)


def register_registry(app: typer.Typer) -> None:
    """Add the commands that publish to the group `registry`."""
    for command in (reference, withdraw, certify, service, evaluate):
        app.command()(command)


def _today() -> str:
    return day_of(datetime.fromtimestamp(SystemClock().now(), UTC))
