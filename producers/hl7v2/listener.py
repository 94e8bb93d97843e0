"""The MLLP listener: HL7 v2 messages over TCP or TLS, each acknowledged once it is answered.

One connection is one order: its next message is looked at when the one before is acknowledged.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from ingest.runtime.lifecycle import Clock
from ingest.runtime.metrics import Metrics
from producers.outcomes.reading import Answer
from producers.publish.durable_queue import QueueError
from producers.send.files import Request

from .acknowledgement import CODES, COMMIT
from .blocks import BlockTooLarge, NoBlock, block, read_block
from .outcomes import Outcomes
from .sender import Hl7Sender, Hl7Sending

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2
_CLOSE_SECONDS: Final = 10.0
_HANDSHAKE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Door:
    """How the listener stands. `answer_seconds` 0: a message is acknowledged once it is queued.

    `message_bytes`: the largest message; `idle_seconds`: a silent connection is closed after them.
    """

    host: str
    port: int
    answer_seconds: float
    message_bytes: int
    connections: int
    idle_seconds: float
    tls: ssl.SSLContext | None = None


class MllpListener:
    """Takes messages until it is stopped; what it acknowledged with AA is not lost."""

    def __init__(
        self,
        door: Door,
        sender: Hl7Sender,
        outcomes: Outcomes | None,
        request: Request,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`outcomes` None: a message is acknowledged once it is queued."""
        self._metrics = metrics
        for code in CODES:  # there before the first message: an absent series has no rate
            metrics.hl7_messages.labels(code)
        self.door = self._door = door
        self._sender = sender
        self._outcomes = outcomes
        self._request = request
        self._clock = clock
        self._free = door.connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self.fault: str | None = None
        """Why it ended by itself; None while it did not."""

    async def serve(self, stopped: Callable[[], bool], ready: Callable[[int], None]) -> None:
        """Listens until `stopped()`; `ready` is told the port. Messages in hand are answered.

        Ends too when outcomes can't be read any more, or the queue not be written: see `fault`.
        Raises OSError when the address can't be used.
        """
        door = self._door
        handshake = {} if door.tls is None else {"ssl_handshake_timeout": _HANDSHAKE_SECONDS}
        server = await asyncio.start_server(
            self._connected,
            door.host,
            door.port,
            limit=door.message_bytes,
            ssl=door.tls,
            **handshake,
        )
        async with server:
            ready(server.sockets[0].getsockname()[1])
            while not stopped() and self.fault is None:
                await asyncio.sleep(_LOOK_SECONDS)
                if self._outcomes is not None and not self._outcomes.is_reading:
                    self.fault = "outcomes can't be read any more"
            self._stopping.set()
            server.close()
            await self._ended(_CLOSE_SECONDS + door.answer_seconds)

    async def _ended(self, seconds: float) -> None:
        """Every connection has ended, at once when it has not by itself in that time."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A plain function: the tasks are ours, so that none ends unseen."""
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._talked)

    def _talked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a fault of ours: named, never with what the message says
            log.error("hl7_connection_failed", error=type(error).__name__)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._free <= 0:
            log.warning("hl7_connections_full", count=self._door.connections)
            writer.transport.abort()
            return
        self._free -= 1
        self._metrics.hl7_connections.inc()
        # What is answered has left us when `drain` returns: who never reads is known by that.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            await self._answer_all(reader, writer)
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), _CLOSE_SECONDS)
        except OSError as error:  # the other side is gone, TLS included: it will send again
            log.info("hl7_connection_lost", error=type(error).__name__)
        finally:
            writer.transport.abort()
            self._free += 1
            self._metrics.hl7_connections.dec()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each message acknowledged. Raises OSError: the connection is lost, or nobody reads."""
        while not self._stopping.is_set():
            try:
                data = await self._next_block(reader)
                answer = None if data is None else await self._answer(data)
            except BlockTooLarge as large:
                log.warning("hl7_message_too_large", bytes=self._door.message_bytes)
                data, answer = None, self._said(self._sender.too_large(large.beginning))
            if answer is not None:
                writer.write(block(answer))
                await asyncio.wait_for(writer.drain(), self._door.idle_seconds)
            if data is None:
                break

    async def _next_block(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next message; None when there is none to come: closed, silent, or no MLLP.

        Raises BlockTooLarge.
        """
        reading = asyncio.ensure_future(read_block(reader))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                {reading, stopping},
                timeout=self._door.idle_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return reading.result() if reading.done() else None
        except NoBlock as end:
            if end.reason is not None:
                log.warning(end.reason)
            return None
        finally:
            reading.cancel()
            stopping.cancel()

    async def _answer(self, data: bytes) -> bytes | None:
        """The ACK; None when the message wants none."""
        try:
            return self._said(await self._taken(data))
        except QueueError as error:
            # Nothing more can be kept: the last word is AR, and the process ends.
            self.fault = str(error)
            return self._said(self._sender.unusable(data))

    def _said(self, sending: Hl7Sending) -> bytes | None:
        queued = self._outcomes is None
        verdict = sending.verdict(queued_is_enough=queued)
        answered = sending.wanted.covers(verdict.code)
        code = COMMIT[verdict.code] if sending.wanted.commit else verdict.code
        self._metrics.hl7_messages.labels(code).inc()
        log.info(
            "hl7_message",
            command=sending.action and str(sending.action),
            state=sending.state,
            status=code if answered else None,
            code=verdict.rule or None,
            codes=sending.warned,
            message_id=str(sending.message_id) if sending.message_id else None,
        )
        if not answered:
            return None
        return sending.acknowledgement(self._clock.now(), queued_is_enough=queued)

    async def _taken(self, data: bytes) -> Hl7Sending:
        """The message queued or refused and, where that is wanted, its outcome."""
        if self._outcomes is None:
            return await asyncio.to_thread(self._sender.take, data, self._request)
        message_id = str(self._sender.message_id_of(data))
        future = self._outcomes.expect(message_id)
        try:
            sending = await asyncio.to_thread(self._sender.take, data, self._request)
            if sending.message_id is not None and not sending.wanted.commit:
                sending.answer = await self._in_time(future)
                await asyncio.to_thread(self._sender.look_up, [sending])
            return sending
        finally:
            self._outcomes.forget(message_id, future)

    async def _in_time(self, future: asyncio.Future[Answer]) -> Answer | None:
        try:
            return await asyncio.wait_for(future, self._door.answer_seconds)
        except TimeoutError:
            return None


def tls_context(certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer; with `client_authority` a client must show a certificate it signed.

    Raises OSError, ssl.SSLError included, when a file can't be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password given, OpenSSL would ask the terminal for one, and wait.
    context.load_cert_chain(certificate, key, password="")
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
