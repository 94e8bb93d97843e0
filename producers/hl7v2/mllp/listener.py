"""The MLLP listener: connections over TCP or TLS, and the messages of each, one after the other.

One connection is one order: its next message is read once the one before is acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from ingest.runtime.metrics import Metrics

from .acknowledger import Acknowledger
from .blocks import BlockTooLarge, NoBlock, block, read_block
from .options import ListenerOptions

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.2
_CLOSE_SECONDS: Final = 10.0
_HANDSHAKE_SECONDS: Final = 10.0


class MllpListener:
    """Takes messages until it is stopped, or until its acknowledger has a problem."""

    def __init__(
        self, options: ListenerOptions, acknowledger: Acknowledger, metrics: Metrics
    ) -> None:
        self.options = options
        self._acknowledger = acknowledger
        self._metrics = metrics
        self._free = options.connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def serve(self, stopped: Callable[[], bool], ready: Callable[[int], None]) -> str | None:
        """Listens until `stopped()`; `ready` is told the port. Messages in hand are acknowledged.

        Returns the problem for which it ended by itself; None when it was stopped. Raises OSError
        when the address can't be used.
        """
        options = self.options
        handshake = {} if options.tls is None else {"ssl_handshake_timeout": _HANDSHAKE_SECONDS}
        server = await asyncio.start_server(
            self._connected,
            options.host,
            options.port,
            limit=options.message_bytes,
            ssl=options.tls,
            **handshake,
        )
        async with server:
            ready(server.sockets[0].getsockname()[1])
            while not stopped() and self._acknowledger.problem is None:
                await asyncio.sleep(_LOOK_SECONDS)
            self._stopping.set()
            server.close()
            await self._end_connections(_CLOSE_SECONDS + options.answer_seconds)
        return self._acknowledger.problem

    async def _end_connections(self, seconds: float) -> None:
        """Every connection has ended; one that has not by itself in that time is cancelled."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A plain function: the tasks are ours, and none ends unseen."""
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._talked)

    def _talked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a bug of ours: its type is logged, never what the message says
            log.error("hl7_connection_failed", error=type(error).__name__)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._free <= 0:
            log.warning("hl7_connections_full", count=self.options.connections)
            writer.transport.abort()
            return
        self._free -= 1
        self._metrics.hl7_connections.inc()
        # An ACK has left this process when `drain` returns: a peer that never reads is noticed.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            await self._acknowledge_all(reader, writer)
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), _CLOSE_SECONDS)
        except OSError as error:  # the peer is gone, TLS included: it will send again
            log.info("hl7_connection_lost", error=type(error).__name__)
        finally:
            writer.transport.abort()
            self._free += 1
            self._metrics.hl7_connections.dec()

    async def _acknowledge_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Each message is acknowledged. Raises OSError when the peer is gone or never reads."""
        while not self._stopping.is_set():
            try:
                data = await self._next_block(reader)
                ack = None if data is None else await self._acknowledger.acknowledge(data)
            except BlockTooLarge as large:
                log.warning("hl7_message_too_large", bytes=self.options.message_bytes)
                data, ack = None, self._acknowledger.refuse_too_large(large.beginning)
            if ack is not None:
                writer.write(block(ack))
                await asyncio.wait_for(writer.drain(), self.options.idle_seconds)
            if data is None:
                break

    async def _next_block(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next message; None when none is to come: closed, silent, or no MLLP.

        Raises BlockTooLarge.
        """
        reading = asyncio.ensure_future(read_block(reader))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                {reading, stopping},
                timeout=self.options.idle_seconds,
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
