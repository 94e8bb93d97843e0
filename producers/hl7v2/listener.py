"""The MLLP listener: HL7 v2 messages over TCP or TLS, each acknowledged once it is answered.

Blocks are read by the `hl7` library. One connection is one order: its next message is looked at
when the one before is acknowledged.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from hl7.mllp import InvalidBlockError, start_hl7_server

from ingest.runtime.lifecycle import Clock
from ingest.runtime.metrics import Metrics
from producers.answers import Answer, AnswerReader
from producers.send import Request

from .acknowledgement import CODES
from .sender import Hl7Sender, Hl7Sending

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2
_CLOSE_SECONDS: Final = 10.0
MLLP_OVERHEAD_BYTES: Final = 1024 * 1024
"""Room in a message for all that is not its document."""


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


class Outcomes:
    """Outcomes as they come, for those who wait for one. A thread reads them."""

    def __init__(self, reader: AnswerReader) -> None:
        self._reader = reader
        self._waiting: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Future[Answer]]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="hl7-outcomes", daemon=True)
        self._thread.start()

    def expect(self, message_id: str) -> asyncio.Future[Answer]:
        """A future of the next outcome of this message; ask before the message is sent."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        with self._lock:
            self._waiting[message_id] = (loop, future)
        return future

    def forget(self, message_id: str) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._waiting.pop(message_id, None)

    @property
    def is_reading(self) -> bool:
        """Whether the thread lives; it ends when outcomes can't be read."""
        return self._thread.is_alive()

    def close(self) -> None:
        """The thread has ended."""
        self._closing.set()
        self._thread.join()
        self._reader.close()

    def _read(self) -> None:
        while not self._closing.is_set():
            for answer in self._reader.read(_LOOK_SECONDS):
                with self._lock:
                    found = self._waiting.pop(answer.message_id or "", None)
                if found is not None:
                    loop, future = found
                    loop.call_soon_threadsafe(_settle, future, answer)


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


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
        self._door = door
        self._sender = sender
        self._outcomes = outcomes
        self._request = request
        self._clock = clock
        self._free = door.connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def serve(self, stopped: Callable[[], bool], ready: Callable[[int], None]) -> None:
        """Listens until `stopped()`; `ready` is told the port. Messages in hand are answered.

        Raises OSError when the address can't be used.
        """
        door = self._door
        server = await start_hl7_server(
            self._connected, door.host, door.port, limit=door.message_bytes, ssl=door.tls
        )
        async with server:
            ready(server.sockets[0].getsockname()[1])
            while not stopped():
                await asyncio.sleep(_LOOK_SECONDS)
                if self._outcomes is not None and not self._outcomes.is_reading:
                    break
            self._stopping.set()
            server.close()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS + door.answer_seconds)

    def _connected(self, reader: Any, writer: Any) -> None:
        """A plain function: the library keeps no hold of the tasks it makes, so we do."""
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, reader: Any, writer: Any) -> None:
        if self._free <= 0:
            log.warning("hl7_connections_full", connections=self._door.connections)
            writer.close()
            return
        self._free -= 1
        self._metrics.hl7_connections.inc()
        try:
            while not self._stopping.is_set():
                data = await self._next_block(reader)
                if data is None:
                    break
                writer.writeblock(await self._answer(data))
                await writer.drain()
        except OSError as error:  # the other side is gone, TLS included: it will send again
            log.info("hl7_connection_lost", error=type(error).__name__)
        finally:
            self._free += 1
            self._metrics.hl7_connections.dec()
            writer.close()

    async def _next_block(self, reader: Any) -> bytes | None:
        """The next message; None when there is none to come: closed, silent, or no MLLP."""
        block = asyncio.ensure_future(reader.readblock())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                {block, stopping},
                timeout=self._door.idle_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not block.done():
                return None
            found: bytes = block.result()
            return found
        except (asyncio.IncompleteReadError, InvalidBlockError):
            return None
        except ValueError:
            log.warning("hl7_message_too_large", limit=self._door.message_bytes)
            return None
        finally:
            block.cancel()
            stopping.cancel()

    async def _answer(self, data: bytes) -> bytes:
        sending = await self._taken(data)
        queued = self._outcomes is None
        verdict = sending.verdict(queued_is_enough=queued)
        self._metrics.hl7_messages.labels(verdict.code).inc()
        answer = sending.acknowledgement(self._clock.now(), queued_is_enough=queued)
        log.info(
            "hl7_message",
            action=sending.action and str(sending.action),
            state=sending.state,
            code=verdict.rule or None,
            message_id=str(sending.message_id) if sending.message_id else None,
        )
        return answer

    async def _taken(self, data: bytes) -> Hl7Sending:
        """The message queued or refused and, where that is wanted, its outcome."""
        message_id = str(self._sender.message_id_of(data))
        future = self._outcomes.expect(message_id) if self._outcomes is not None else None
        try:
            sending = await asyncio.to_thread(self._sender.take, data, self._request)
            if future is not None and sending.message_id is not None:
                sending.answer = await self._in_time(future)
                await asyncio.to_thread(self._sender.look_up, [sending])
            return sending
        finally:
            if self._outcomes is not None:
                self._outcomes.forget(message_id)

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
    context.load_cert_chain(certificate, key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
