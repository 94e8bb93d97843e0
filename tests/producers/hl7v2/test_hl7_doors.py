"""HL7 v2 messages through both doors, answered by real ingestion: files, and MLLP over TCP and TLS.

A message that comes again under its id changes nothing, whatever came between.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hl7.mllp import open_hl7_connection

from deploy.broker.certificates import ensure_authority, ensure_server
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from producers.hl7v2.sending.sender import Hl7Sender
from producers.publish.publisher import DocumentPublisher
from producers.send.file_sender import Request
from producers.simulator.cda.document import CdaWriter
from schemas.cda import CdaDocument, read_cda
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE
from tests.producers.hl7v2.hl7_messages import Written, fields_of
from tests.producers.samples_of_plan import documents_of, planned

pytestmark = pytest.mark.timeout(300)


WRITTEN = Written("279035121518989", "11502-2", b"<x/>", unique_id="1.2.3")


@pytest.fixture
def ingesting(settings: Settings) -> Iterator[None]:
    """Ingestion and relay at work."""
    histoire("migrate")
    with running("ingest"), running("relay"):
        yield


def histoire(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments], capture_output=True, check=False
    )


@contextmanager
def running(*arguments: str, say: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the system; it ends cleanly when asked."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", *arguments],
        stdout=subprocess.PIPE if say else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        process.terminate()
        ended = process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        assert ended in (0, 130)


def described(content: bytes) -> CdaDocument:
    found = read_cda(content)
    assert isinstance(found, CdaDocument)
    return found


@pytest.fixture(scope="module")
def pair() -> tuple[Written, Written]:
    """A document and its replacement, as messages of the one who wrote the first."""
    writer = CdaWriter(7)
    plan = documents_of(planned(400, 7))
    second = next(one for one in plan if one.replaces is not None)
    first = next(one for one in plan if one.uid == second.replaces)
    return written(writer.write(first)), replace(
        written(writer.write(second)),
        action="replace",
        parent=first.uid,
        author=written(writer.write(first)).author,
        organisation=written(writer.write(first)).organisation,
    )


def written(content: bytes) -> Written:
    found = described(content)
    assert found.ins is not None
    assert found.type is not None
    author = next(one for one in found.authors if one.id and one.device is None)
    return Written(
        found.ins.matricule,
        found.type.code,
        content,
        unique_id=str(found.unique_id),
        author=str(author.id),
        organisation=str(author.organisation or ""),
    )


def sent(folder: Path, messages: Sequence[Written], *options: str) -> list[dict[str, Any]]:
    """What `histoire hl7 --wait --json` says of each."""
    said = []
    for number, message in enumerate(messages):
        file = folder / f"{number}.hl7"
        file.write_bytes(message.bytes())
        done = histoire("hl7", str(file), "--wait", "--json", *options)
        assert done.stdout, done.stderr.decode()
        said.append(orjson.loads(done.stdout.splitlines()[0]))
    return said


def test_a_document_lives_by_messages_alone(
    pair: tuple[Written, Written], ingesting: None, tmp_path: Path
) -> None:
    first, second = pair
    mask = replace(
        second, parent=second.unique_id, flags={"MODIF_CONF_CODE": "Y", "MASQUE_PS": "Y"}
    )
    unmask = replace(mask, flags={"MODIF_CONF_CODE": "Y"}, control_id="016")
    delete = replace(second, action="delete", content=None, parent="")
    answers = sent(
        tmp_path, [first, first, second, mask, unmask, mask, delete], "--acks", str(tmp_path)
    )
    assert [(a["acknowledgement"], a["action"], a["state"]) for a in answers] == [
        ("AA", "new", "accepted"),
        ("AA", "new", "duplicate"),
        ("AA", "replace", "accepted"),
        ("AA", "change_flags", "accepted"),
        ("AA", "change_flags", "accepted"),
        ("AA", "change_flags", "duplicate"),  # a late copy of the first mask: it stays unmasked
        ("AA", "delete", "accepted"),
    ]
    ack = fields_of((tmp_path / "0.hl7.ack").read_bytes())
    assert ack["MSA"][1:3] == ["AA", "015"]


def test_what_is_refused_says_why_in_the_acknowledgement(
    pair: tuple[Written, Written], ingesting: None, tmp_path: Path
) -> None:
    first, _ = pair
    stranger = replace(
        first,
        action="delete",
        content=None,
        author="1.2.250.1.71.4.2.1^810000000013",
        organisation="1.2.250.1.71.4.2.2^1010000016",
    )
    other_patient = replace(first, matricule="279035121518989")
    not_for_dmp = replace(first, flags={"DESTDMP": "N"}, control_id="017")
    said = sent(tmp_path, [first, stranger, other_patient, not_for_dmp])
    assert said[0]["acknowledgement"] == "AA"
    errors = [fields_of(one["ack"].encode()) for one in said[1:3]]
    assert [error["MSA"][1] for error in errors] == ["AE", "AE"]
    assert [error["ERR"][5].split("^")[0] for error in errors] == ["901", "904"]
    explained = [error["ERR"][6].split("~") for error in errors]
    assert [one[:2] for one in explained] == [
        ["not_entitled", REJECTIONS["not_entitled"].rule_id],
        ["patient_mismatch", REJECTIONS["patient_mismatch"].rule_id],
    ]
    assert explained[0][3] == REJECTIONS["not_entitled"].link(RULES_PAGE)
    assert errors[1]["ERR"][2] == "PID^1^3"
    assert (said[3]["acknowledgement"], said[3]["state"]) == ("AA", "not_for_dmp")


def test_files_that_are_no_message_end_with_one(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "x.hl7"
    file.write_bytes(b"not HL7")
    done = histoire("hl7", str(file), str(tmp_path / "absent.hl7"))
    assert done.returncode == 1
    assert b"906 HL7-01 hl7_unreadable (MSH^1)" in done.stdout
    assert b"file_unreadable" in done.stdout


def test_a_file_is_read_no_further_than_a_message_can_be_long(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "x.hl7"
    with file.open("wb") as stream:
        stream.write(replace(WRITTEN, control_id="A9").bytes())
        stream.truncate(2**40)  # a terabyte of nothing
    done = histoire("hl7", str(file), "--json")
    assert done.returncode == 1
    said = orjson.loads(done.stdout)
    assert (said["code"], said["controlId"]) == ("hl7_too_long", "A9")
    assert histoire("send", str(file)).returncode == 1


def test_an_acknowledgement_does_not_take_the_place_of_another(
    settings: Settings, tmp_path: Path
) -> None:
    files = [tmp_path / name / "1.hl7" for name in "ab"]
    done = histoire("hl7", *map(str, files), "--acks", str(tmp_path))
    assert done.returncode == 2
    assert b"one name" in done.stderr


def test_a_message_comes_by_standard_input(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "hl7", "-", "--json"],
        input=replace(WRITTEN, control_id="A9", kind="ADT").bytes(),
        capture_output=True,
        check=False,
    )
    said = orjson.loads(done.stdout)
    assert (said["code"], said["controlId"]) == ("hl7_message_type", "A9")


def asked(port: int, *blocks: bytes, tls: ssl.SSLContext | None = None) -> list[bytes]:
    """The ACK of each block, over one connection."""

    async def ask() -> list[bytes]:
        name = "localhost" if tls else None
        reader, writer = await open_hl7_connection(
            "127.0.0.1", port, limit=2**24, ssl=tls, server_hostname=name
        )
        acks = []
        try:
            for block in blocks:
                writer.writeblock(block)
                await writer.drain()
                acks.append(await asyncio.wait_for(reader.readblock(), 60))
        finally:
            await _closed(writer)
        return acks

    return asyncio.run(ask())


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    port: int = orjson.loads(process.stdout.readline())["port"]
    return port


def test_over_mllp_each_message_is_acknowledged_when_it_is_in_the_record(
    pair: tuple[Written, Written], ingesting: None
) -> None:
    first, second = pair
    with running("mllp", "--port", "0", "--json", say=True) as listener:
        port = port_of(listener)
        acks = asked(port, first.bytes(), b"no message", second.bytes(), first.bytes())
        # Another block than MLLP's ends the connection, and no other one.
        with pytest.raises(asyncio.IncompleteReadError):
            asyncio.run(_spoken_plainly(port))
        again = asked(port, second.bytes())
    said = [fields_of(ack)["MSA"][1:3] for ack in (*acks, *again)]
    assert said == [["AA", "015"], ["AE", ""], ["AA", "015"], ["AA", "015"], ["AA", "015"]]


async def _spoken_plainly(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\n\r\n\x1c\r")
        await asyncio.wait_for(reader.readexactly(1), 30)
    finally:
        await _closed(writer)


def test_over_mllp_nobody_waits_for_ever_for_an_outcome(
    pair: tuple[Written, Written], settings: Settings
) -> None:
    """No ingestion is at work: AR after the time-out; AA at once where the queue is enough."""
    first, _ = pair
    with running("mllp", "--port", "0", "--json", "--timeout", "1", say=True) as listener:
        (late,) = asked(port_of(listener), first.bytes())
    assert fields_of(late)["MSA"][1] == "AR"
    options = ("--port", "0", "--json", "--ack-when", "queued")
    with running("mllp", *options, say=True) as listener:
        (queued,) = asked(port_of(listener), first.bytes())
    assert fields_of(queued)["MSA"][1] == "AA"


def test_what_cannot_be_kept_is_not_acknowledged(
    pair: tuple[Written, Written], settings: Settings
) -> None:
    """A full disk, by a limit to the size of files: AR with the id, and the listener ends."""
    first, _ = pair
    large = replace(
        first,
        action="delete",
        content=None,
        author=f"1.2.250.1.71.4.2.1^{'8' * 4000}",
        control_id="D1",
    )
    process = subprocess.Popen(
        [
            *("prlimit", "--fsize=200000", sys.executable, "-m", "deploy.cli"),
            *("mllp", "--port", "0", "--json", "--ack-when", "queued"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        port, acks = port_of(process), []
        for number in range(200):  # until the file can grow no more
            message = replace(large, control_id=f"D{number}")
            acks += [fields_of(ack)["MSA"] for ack in asked(port, message.bytes())]
            if acks[-1][1] != "AA":
                break
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(60) == 4
    assert acks[-1][1:3] == ["AR", f"D{len(acks) - 1}"]
    assert {ack[1] for ack in acks[:-1]} == {"AA"}
    assert b"the queue can't be written" in said
    assert b"Traceback" not in said


def test_over_tls_with_certificates_of_both_sides(
    pair: tuple[Written, Written], settings: Settings, tmp_path: Path
) -> None:
    authority, key, own = (tmp_path / name for name in ("ca.pem", "ca.key", "own.pem"))
    now = datetime.now(UTC)
    ensure_authority(key, authority, now)
    ensure_server(own, key, authority, now, common_name="test")
    options = ["--tls-cert", str(own), "--tls-clients", str(authority)]
    client = ssl.create_default_context(cafile=str(authority))
    with running(
        "mllp", "--port", "0", "--json", "--ack-when", "queued", *options, say=True
    ) as listener:
        port = port_of(listener)
        with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
            asked(port, pair[0].bytes(), tls=client)
        client.load_cert_chain(own)
        (ack,) = asked(port, pair[0].bytes(), tls=client)
    assert fields_of(ack)["MSA"][1] == "AA"


def test_health_data_does_not_go_in_clear_by_mistake(settings: Settings) -> None:
    done = histoire("mllp", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    assert done.returncode == 2
    assert b"in clear" in done.stderr


def test_what_another_listener_left_in_its_queue_is_sent(
    pair: tuple[Written, Written], settings: Settings
) -> None:
    """It was acknowledged: nobody would send it again."""
    outbox = settings.home / "outbox"
    left = DocumentPublisher(settings, outbox / "queue-2.sqlite", begin=False)
    sending = Hl7Sender(settings, left, SystemClock()).take(pair[0].bytes(), Request())
    assert sending.state == "queued"
    left.close(0)
    with running("mllp", "--port", "0", "--json", "--ack-when", "queued", say=True) as listener:
        port_of(listener)
    again = DocumentPublisher(settings, outbox / "queue-2.sqlite", begin=False)
    try:
        assert again.pending() == 0
        found = again.submission(sending.message_id or uuid4())
        assert found is not None
        assert found.state == "acknowledged"
    finally:
        again.close(0)
