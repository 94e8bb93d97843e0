"""`histoire mllp`: listens for HL7 v2 messages until it is asked to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
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
from producers.hl7v2.sending.sender import Hl7Sender, message_bytes_max
from producers.options import Actor, Organisation
from producers.outcomes.reader import outcomes_from_now
from producers.publish.errors import QueueError
from producers.publish.queues import Queues
from producers.send.file_sender import Request
from producers.send.sender_check import sender_problem
from schemas.feed.messages import DOCUMENTS, OUTCOMES

from .acknowledger import Acknowledger
from .listener import MllpListener
from .options import ListenerOptions, tls_context
from .outcome_waiters import OutcomeWaiters

PORT: Final = 2575
"""The port IANA gives to HL7."""
_CLOSE_SECONDS: Final = 10.0


class AckWhen(StrEnum):
    """What AA waits for."""

    OUTCOME = "outcome"
    QUEUED = "queued"


Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")]
AckWhenOption = Annotated[
    AckWhen,
    typer.Option(
        "--ack-when",
        help="outcome: AA when the document is in the record; queued: AA when it is queued "
        "durably, its outcome comes on the topic outcomes.",
    ),
]
OutcomeTimeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        min=0.1,
        help="Seconds to wait for an outcome; then AR, and sending again does no harm.",
    ),
]
TlsCertificate = Annotated[
    Path | None, typer.Option("--tls-cert", help="PEM file of the certificate to show.")
]
TlsKey = Annotated[
    Path | None, typer.Option("--tls-key", help="PEM file of its key; unset: in --tls-cert.")
]
TlsClients = Annotated[
    Path | None,
    typer.Option(
        "--tls-clients", help="PEM file of the authority that signs the clients' certificates."
    ),
]
Plain = Annotated[
    bool,
    typer.Option("--plain", help="Listen without TLS on an address that others can reach."),
]
Connections = Annotated[
    int,
    typer.Option(
        min=1, help="Connections at once, at most. Each may need four times the largest document."
    ),
]
Idle = Annotated[float, typer.Option(min=1, help="Seconds after which silence is closed.")]
MetricsPort = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of /metrics on HISTOIRE_METRICS_HOST; 0: none.")
]
JsonAddress = Annotated[
    bool, typer.Option("--json", help="Print the address as one JSON object, once it listens.")
]


def mllp(
    host: Host = "127.0.0.1",
    port: Port = PORT,
    ack_when: AckWhenOption = AckWhen.OUTCOME,
    timeout: OutcomeTimeout = 30.0,
    tls_cert: TlsCertificate = None,
    tls_key: TlsKey = None,
    tls_clients: TlsClients = None,
    plain: Plain = False,
    connections: Connections = 64,
    idle: Idle = 600.0,
    actor: Actor = None,
    organisation: Organisation = None,
    metrics_port: MetricsPort = 0,
    as_json: JsonAddress = False,
) -> None:
    """Listen for HL7 v2 messages over MLLP, and feed what they ask for.

    Every message gets an ACK: AA, or AE/AR with the error of table 0357 and the code 9xx of table
    0533; AR: not now, or not at this door. MSH-15 and MSH-16 are followed: with NE in MSH-16 the
    ACK is CA, CE or CR once the message is kept. A message that comes again changes nothing. What
    earlier calls left in a queue is sent too. Health data: every address but this machine's own
    needs TLS. Ends on SIGTERM or Ctrl-C, once the messages in hand are acknowledged.
    Exit codes: 0 ended; 2 wrong arguments or settings; 4 the feed or the address is away, the
    queue can't be written, or outcomes can't be read any more; 5 a topic does not exist.
    """
    settings = Settings.load()
    problem = sender_problem(settings, actor, organisation)
    if problem is not None:
        raise CommandError(problem, "Nothing was begun.", Exit.USAGE)
    options = ListenerOptions(
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
    request = Request(actor=actor, organisation=organisation)
    try:
        _listen(settings, options, request, metrics, as_json)
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
    settings: Settings,
    options: ListenerOptions,
    request: Request,
    metrics: Metrics,
    as_json: bool,
) -> None:
    """Until it is asked to stop. Raises CommandError when it ends by itself."""
    stop, clock = StopSignal(), SystemClock()
    with stop.installed():
        try:
            queues = Queues(settings, clock, metrics=metrics, block=False)
        except QueueError as error:
            raise CommandError(str(error), "Check HISTOIRE_HOME.") from None
        waiters = None
        try:
            with _told_as_commands():
                if options.answer_seconds:
                    check_topics(settings, [DOCUMENTS, OUTCOMES])
                    reader = outcomes_from_now(settings, clock, "histoire-mllp")
                    waiters = OutcomeWaiters(reader)
                queues.begin()
                try:
                    acknowledger = Acknowledger(
                        sender=Hl7Sender(settings, queues.own, clock),
                        waiters=waiters,
                        answer_seconds=options.answer_seconds,
                        request=request,
                        clock=clock,
                        metrics=metrics,
                    )
                    _serve(MllpListener(options, acknowledger, metrics), stop, as_json)
                finally:
                    queues.flush(_CLOSE_SECONDS, StopSignal())
        finally:
            if waiters is not None:
                waiters.close()
            queues.close()


@contextmanager
def _told_as_commands() -> Iterator[None]:
    try:
        yield
    except FeedError as error:
        code = Exit.HALTED if isinstance(error, FeedMismatch) else Exit.UNAVAILABLE
        raise CommandError(str(error), "Or acknowledge with --ack-when queued.", code) from None
    except OSError as error:
        raise CommandError(
            f"can't listen there: {error.strerror or type(error).__name__}",
            "Check --host and --port.",
            Exit.UNAVAILABLE,
        ) from None


def _serve(listener: MllpListener, stop: StopSignal, as_json: bool) -> None:
    def ready(port: int) -> None:
        _tell_address(listener.options, port, as_json)

    problem = asyncio.run(listener.serve(stop.is_set, ready))
    if problem is not None:
        raise CommandError(
            problem,
            "What was acknowledged is kept; begin again once it is mended.",
            Exit.UNAVAILABLE,
        )


def _tell_address(options: ListenerOptions, port: int, as_json: bool) -> None:
    if as_json:
        print_json({"host": options.host, "port": port, "tls": options.tls is not None})
    else:
        with_tls = " with TLS" if options.tls else ""
        note(f"listening for HL7 v2 on {options.host}:{port}{with_tls}")


def register_mllp(app: typer.Typer) -> None:
    """Add `mllp` to the application."""
    app.command("mllp")(mllp)
