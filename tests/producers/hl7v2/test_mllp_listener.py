"""The MLLP listener and those who speak badly to it, or not at all: nobody else is kept waiting.

One listener, in this process, on a real durable queue; what is queued stays there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from hl7.mllp import open_hl7_connection
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from deploy.broker.certificates import ensure_authority
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.log_privacy import FIELDS
from ingest.runtime.metrics import Metrics
from ingest.runtime.settings import Settings
from producers.hl7v2.mllp.acknowledger import Acknowledger
from producers.hl7v2.mllp.listener import MllpListener
from producers.hl7v2.mllp.options import ListenerOptions, tls_context
from producers.hl7v2.sending.sender import Hl7Sender
from producers.publish.publisher import DocumentPublisher
from producers.send.file_sender import Request
from tests.producers.hl7v2.hl7_messages import Written, fields_of

pytestmark = pytest.mark.timeout(60)

LIMIT = 50_000
OPTIONS = ListenerOptions("127.0.0.1", 0, 0.0, LIMIT, connections=2, idle_seconds=30)
ACCEPTED = Written(
    "279035121518989",
    "11502-2",
    None,
    action="delete",
    unique_id="1.2.250.1.999.1",
    author="1.2.250.1.71.4.2.1^801234567897",
)


@asynccontextmanager
async def listening(
    folder: Path, options: ListenerOptions = OPTIONS
) -> AsyncIterator[tuple[int, Acknowledger]]:
    """A listener at work: its port and itself; it ends sooner than silence (30 s) is closed."""
    settings = Settings.load({"HISTOIRE_HOME": str(folder)})
    publisher = DocumentPublisher(settings, folder / "queue.sqlite", begin=False)
    metrics = Metrics(CollectorRegistry())
    sender = Hl7Sender(settings, publisher, SystemClock())
    acknowledger = Acknowledger(sender, None, 0.0, Request(), SystemClock(), metrics)
    listener = MllpListener(options, acknowledger, metrics)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(listener.serve(stop.is_set, ready.set_result))
    try:
        yield await ready, acknowledger
    finally:
        stop.set()
        await asyncio.wait_for(serving, 20)
        publisher.close(0)


@asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def block(data: bytes) -> bytes:
    return b"\x0b" + data + b"\x1c\r"


async def answer(reader: asyncio.StreamReader) -> list[str]:
    """MSA of the next answer."""
    said = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
    assert said[:1] == b"\x0b"
    return fields_of(said[1:-2])["MSA"]


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 20) == b""
    except ConnectionResetError:
        return True


def test_a_message_in_pieces_and_between_line_ends_is_one_message(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as (port, _), connected(port) as (reader, writer):
            for piece in (b"\r\n\x0bMSH", ACCEPTED.bytes()[3:], b"\x1c", b"\r\n"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
            assert await answer(reader) == ["MSA", "AA", "015"]
            # Sent ahead, answered in order.
            ids = [str(number) for number in range(20)]
            writer.write(b"".join(block(replace(ACCEPTED, control_id=i).bytes()) for i in ids))
            assert [(await answer(reader))[2] for _ in ids] == ids

    asyncio.run(run())


def test_the_client_of_the_hl7_library_is_understood(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as (port, _):
            reader, writer = await open_hl7_connection("127.0.0.1", port, encoding="utf-8")
            for _ in range(2):
                writer.writeblock(ACCEPTED.bytes())
                await writer.drain()
                ack = await asyncio.wait_for(reader.readmessage(), 20)
                assert [str(field) for field in ack.segment("MSA")] == ["MSA", "AA", "015"]
            writer.close()

    asyncio.run(run())


def test_half_a_block_and_what_is_no_block_end_their_connection_only(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as (port, acknowledger), connected(port) as (reader, writer):
            async with connected(port) as (other, speaks):
                speaks.write(b"GET / HTTP/1.1\r\n")  # no end of a block: closed at once
                assert await is_closed(other)
            async with connected(port) as (other, speaks):
                speaks.write(block(ACCEPTED.bytes())[:-1])
                speaks.write_eof()
                assert await is_closed(other)
            writer.write(block(ACCEPTED.bytes()))
            assert (await answer(reader))[1] == "AA"
            assert acknowledger.problem is None

    asyncio.run(run())


def test_a_message_too_large_is_told_so_under_its_control_id(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as (port, _):
            for end in (b"\x1c\r", b""):  # also while it is still coming
                async with connected(port) as (reader, writer):
                    large = replace(ACCEPTED, control_id="L1").bytes() + b"ZZZ|" + b"x" * LIMIT * 3
                    writer.write(b"\x0b" + large + end)
                    assert await answer(reader) == ["MSA", "AE", "L1"]
                    assert await is_closed(reader)

    asyncio.run(run())


def test_who_says_nothing_gives_the_place_back(tmp_path: Path) -> None:
    async def run() -> None:
        options = replace(OPTIONS, connections=1, idle_seconds=1)
        async with listening(tmp_path, options) as (port, _):
            async with connected(port) as (silent, writer):
                writer.write(b"\x0bMSH|")  # and no more
                async with connected(port) as (refused, _):
                    assert await is_closed(refused)  # the one place is taken
                assert await is_closed(silent)
            async with connected(port) as (reader, writer):
                writer.write(block(ACCEPTED.bytes()))
                assert (await answer(reader))[1] == "AA"

    asyncio.run(run())


def test_it_ends_at_once_whatever_its_clients_do(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as (port, _), connected(port) as (_, half):
            half.write(b"\x0bMSH|^~")
            await half.drain()
            async with connected(port):
                await asyncio.sleep(0.1)  # both are being read from when it is asked to end

    asyncio.run(run())


def test_a_sender_that_asks_for_no_answer_gets_none(tmp_path: Path) -> None:
    async def run() -> None:
        def asking(accept: str, application: str, control_id: str) -> bytes:
            written = replace(ACCEPTED, control_id=control_id).bytes()
            return block(written.replace(b"|2.6|||||", f"|2.6|||{accept}|{application}|".encode()))

        async with listening(tmp_path) as (port, _), connected(port) as (reader, writer):
            writer.write(asking("NE", "NE", "1"))
            writer.write(asking("AL", "NE", "2"))
            writer.write(asking("ER", "NE", "3"))
            writer.write(asking("AL", "AL", "4"))
            assert await answer(reader) == ["MSA", "CA", "2"]
            assert await answer(reader) == ["MSA", "AA", "4"]

    asyncio.run(run())


def test_copies_over_several_connections_at_once_are_one_message(tmp_path: Path) -> None:
    async def run() -> None:
        options = replace(OPTIONS, connections=20)
        async with listening(tmp_path, options) as (port, acknowledger):

            async def send() -> str:
                async with connected(port) as (reader, writer):
                    writer.write(block(ACCEPTED.bytes()))
                    return (await answer(reader))[1]

            assert await asyncio.gather(*(send() for _ in range(20))) == ["AA"] * 20
            assert acknowledger.problem is None

    asyncio.run(run())
    queue = DocumentPublisher(Settings.load({}), tmp_path / "queue.sqlite", begin=False)
    try:
        assert queue.pending() == 1
    finally:
        queue.close(0)


def test_a_line_of_the_log_says_what_was_asked_and_answered(tmp_path: Path) -> None:
    """Every field is one that a log may carry: none is withheld."""

    async def run() -> None:
        async with listening(tmp_path) as (port, _), connected(port) as (reader, writer):
            writer.write(block(ACCEPTED.bytes()) + block(b"no message"))
            await answer(reader)
            await answer(reader)

    with capture_logs() as lines:
        asyncio.run(run())
    said = [line for line in lines if line["event"] == "hl7_message"]
    assert [(line["command"], line["status"], line["code"]) for line in said] == [
        ("delete", "AA", None),
        (None, "AE", "hl7_unreadable"),
    ]
    assert set().union(*lines) - {"log_level"} <= FIELDS


def test_a_key_that_needs_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    authority_key, authority = tmp_path / "ca.key", tmp_path / "ca.pem"
    ensure_authority(authority_key, authority, datetime.now(UTC))
    own.write_bytes(authority.read_bytes() + key)
    with pytest.raises(OSError, match=r"."):
        tls_context(own, own, None)
