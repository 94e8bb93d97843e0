"""`histoire mllp`: listens for HL7 v2 messages until it is asked to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from prometheus_client import CollectorRegistry

from ingest.feed import check_topics
from ingest.feed.types import FeedError, FeedMismatch
from ingest.runtime.console import CommandError, Exit, note, print_json
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.logs import configure_logs
from ingest.runtime.metrics import Metrics, serve
from ingest.runtime.settings import Settings
from producers.publish.durable_queue import QueueError
from producers.publish.queues import Queues
from producers.send.call import answers_to_come
from producers.send.command import ActorOption, OrganisationOption
from producers.send.files import Request
from producers.send.speaker import fault_of_speaker
from schemas.feed.messages import DOCUMENTS, OUTCOMES

from .listener import Door, MllpListener, tls_context
from .outcomes import Outcomes
from .sender import Hl7Sender, message_bytes_max

PORT: Final = 2575
"""The port IANA gives to HL7."""
_CLOSE_SECONDS: Final = 10.0

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")]


class AckWhen(StrEnum):
    """What AA waits for."""

    OUTCOME = "outcome"
    QUEUED = "queued"


AnswerOption = Annotated[
    AckWhen,
    typer.Option(
        "--ack-when",
        help="outcome: AA when the document is in the record; queued: AA when it is queued "
        "durably, its outcome comes on the topic outcomes.",
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        min=0.1, help="Seconds to wait for an outcome; then AR, and sending again does no harm."
    ),
]
CertificateOption = Annotated[
    Path | None, typer.Option("--tls-cert", help="PEM file of the certificate to show.")
]
KeyOption = Annotated[
    Path | None, typer.Option("--tls-key", help="PEM file of its key; unset: in --tls-cert.")
]
ClientsOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-clients", help="PEM file of the authority that signs the clients' certificates."
    ),
]
PlainOption = Annotated[
    bool,
    typer.Option("--plain", help="Listen without TLS on an address that others can reach."),
]
ConnectionsOption = Annotated[
    int,
    typer.Option(
        min=1, help="Connections at once, at most. Each may need four times the largest document."
    ),
]
IdleOption = Annotated[float, typer.Option(min=1, help="Seconds after which silence is closed.")]
MetricsOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of /metrics on HISTOIRE_METRICS_HOST; 0: none.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Say the address as JSON on stdout.")]


def mllp(
    host: HostOption = "127.0.0.1",
    port: PortOption = PORT,
    ack_when: AnswerOption = AckWhen.OUTCOME,
    timeout: TimeoutOption = 30.0,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    tls_clients: ClientsOption = None,
    plain: PlainOption = False,
    connections: ConnectionsOption = 64,
    idle: IdleOption = 600.0,
    actor: ActorOption = None,
    organisation: OrganisationOption = None,
    metrics_port: MetricsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Listen for HL7 v2 messages over MLLP, and feed what they ask for.

    Every message gets an ACK: AA, or AE/AR with the error of table 0357 and the code 9xx of table
    0533; AR: not now, or not at this door. MSH-15 and MSH-16 are followed: with NE in MSH-16 the
    answer is CA, CE or CR once the message is kept. A message that comes again changes nothing.
    What earlier calls left in a queue is sent too. Health data: TLS is asked for on every address
    but this machine's own. Ends on SIGTERM or Ctrl-C, once what it holds is answered.
    Exit codes: 0 ended; 2 wrong arguments or settings; 4 the feed or the address is away, the
    queue can't be written, or outcomes can't be read any more; 5 a topic does not exist.
    """
    settings = Settings.load()
    fault = fault_of_speaker(settings, actor, organisation)
    if fault is not None:
        raise CommandError(fault, "Nothing was begun.", Exit.USAGE)
    door = Door(
        host=host,
        port=port,
        answer_seconds=timeout if ack_when is AckWhen.OUTCOME else 0.0,
        message_bytes=message_bytes_max(settings),
        connections=connections,
        idle_seconds=idle,
        tls=_tls(host, tls_cert, tls_key, tls_clients, plain),
    )
    configure_logs(process="mllp", instance=settings.instance, level=settings.log_level)
    metrics = Metrics(CollectorRegistry())
    endpoint = (
        serve(metrics.registry, settings.metrics_host, metrics_port) if metrics_port else None
    )
    try:
        _listen(settings, door, Request(actor=actor, organisation=organisation), metrics, as_json)
    finally:
        if endpoint is not None:
            endpoint.close()


def _tls(
    host: str, certificate: Path | None, key: Path | None, clients: Path | None, plain: bool
) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None or clients is not None:
            raise CommandError("TLS needs --tls-cert", None, Exit.USAGE)
        if not plain and not _is_own(host):
            raise CommandError(
                "health data would go in clear over the network",
                "Give --tls-cert, or --plain if something else protects it.",
                Exit.USAGE,
            )
        return None
    try:
        return tls_context(certificate, key or certificate, clients)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise CommandError(
            f"a file of TLS can't be used: {reason}", "Check the PEM files.", Exit.USAGE
        ) from None


def _is_own(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(
    settings: Settings, door: Door, request: Request, metrics: Metrics, as_json: bool
) -> None:
    stop, clock = StopSignal(), SystemClock()
    with stop.installed():
        try:
            queues = Queues(settings, clock, metrics=metrics, block=False)
        except QueueError as error:
            raise CommandError(str(error), "Check HISTOIRE_HOME.") from None
        outcomes = None
        try:
            if door.answer_seconds:
                check_topics(settings, [DOCUMENTS, OUTCOMES])
                outcomes = Outcomes(answers_to_come(settings, clock, "histoire-mllp"))
            queues.begin()
            sender = Hl7Sender(settings, queues.own, clock)
            try:
                _serve(MllpListener(door, sender, outcomes, request, clock, metrics), stop, as_json)
            finally:
                queues.flush(_CLOSE_SECONDS, StopSignal())
        except FeedError as error:
            halted = isinstance(error, FeedMismatch)
            code = Exit.HALTED if halted else Exit.UNAVAILABLE
            raise CommandError(str(error), "Or acknowledge with --ack-when queued.", code) from None
        except OSError as error:
            raise CommandError(
                f"can't listen there: {error.strerror or type(error).__name__}",
                "Check --host and --port.",
                Exit.UNAVAILABLE,
            ) from None
        finally:
            if outcomes is not None:
                outcomes.close()
            queues.close()


def _serve(listener: MllpListener, stop: StopSignal, as_json: bool) -> None:
    """Until it is asked to stop. Raises CommandError when it ends by itself."""
    asyncio.run(listener.serve(stop.is_set, lambda port: _ready(listener.door, port, as_json)))
    if listener.fault is not None:
        raise CommandError(
            listener.fault,
            "What was acknowledged is kept; begin again once it is mended.",
            Exit.UNAVAILABLE,
        )


def _ready(door: Door, port: int, as_json: bool) -> None:
    said = {"host": door.host, "port": port, "tls": door.tls is not None}
    if as_json:
        print_json(said)
    else:
        note(f"listening for HL7 v2 on {door.host}:{port}{' with TLS' if door.tls else ''}")


def register_mllp(app: typer.Typer) -> None:
    """Add `mllp` to the application."""
    app.command("mllp")(mllp)
