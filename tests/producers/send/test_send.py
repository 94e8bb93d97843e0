"""Files sent: refused with a reason, acknowledged with their bytes, answered by real ingestion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from ingest.feed import open_poller
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings
from producers.cda.refused import Refused
from producers.cda.sendable import sendable_document
from producers.cda.visibility import RequestedVisibility
from producers.outcomes.reader import OutcomeReader
from producers.publish.publisher import DocumentPublisher
from producers.publish.queues import open_document_publisher
from producers.send.command import register_send
from producers.send.file_sender import FileSender, Request, send_files
from producers.send.sent_file import SentFile
from producers.simulator.cda.document import CdaWriter
from schemas.codec.messages import CONTENT_BYTES_MAX, Decoded, decode
from tests.missing import OFFICIAL
from tests.producers.registered import registered
from tests.producers.samples_of_plan import documents_of, planned

SEED = 7
SAMPLES = OFFICIAL / "cda"


@pytest.fixture
def sender(settings: Settings) -> Iterator[FileSender]:
    publisher = open_document_publisher(settings, SystemClock())
    yield FileSender(settings, publisher, SystemClock())
    publisher.close(0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cda")
    writer = CdaWriter(SEED)
    made: list[Path] = []
    for document in documents_of(planned(300, SEED)):
        if document.replaces is None and len(made) < 8:
            path = folder / f"{document.number}.xml"
            path.write_bytes(writer.write(document))
            made.append(path)
    return made


def histoire(*arguments: str) -> None:
    """A command of the whole system, in a process of its own, with the settings of the test."""
    subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=dict(os.environ),
        check=True,
        capture_output=True,
    )


def deposits(settings: Settings) -> list[Decoded]:
    poller = open_poller(
        settings,
        ["documents"],
        group=None,
        resume=lambda found: {a.partition: a.log_start for a in found},
        client_id="test",
    )
    found = []
    while polled := poller.poll(1.0, 100, CONTENT_BYTES_MAX * 4):
        found += [decode(record.value) for part in polled for record in part.records]
    poller.close()
    return [read for read in found if isinstance(read, Decoded)]


def test_acknowledged_files_are_on_the_feed_with_their_bytes(
    settings: Settings, sender: FileSender, files: list[Path]
) -> None:
    sendings = [sender.submit(file, Request(RequestedVisibility(masque_ps=True))) for file in files]
    sender.acknowledge(sendings, 20)
    assert {sending.state for sending in sendings} == {"acknowledged"}
    found = {read.datum["messageId"]: read.datum for read in deposits(settings)}
    assert len(found) == len(files)
    for file, sending in zip(files, sendings, strict=True):
        assert sending.message_id is not None
        datum = found[sending.message_id.bytes]
        assert datum["content"] == file.read_bytes()
        assert datum["document"]["sha256"] == sha256(file.read_bytes()).digest()
        assert datum["document"]["masquePs"] is True
        assert datum["document"]["invisiblePatient"] is False
        author = datum["document"]["authors"][0]
        assert datum["provenance"]["actor"]["id"] == author["id"]
        assert datum["provenance"]["actor"]["organisationId"] == author["organisationId"]


def test_actor_and_replaced_document_asked_for_win(
    settings: Settings, sender: FileSender, files: list[Path]
) -> None:
    request = Request(replaces="1.2.3", actor="1.2.250.1.71.4.2.1^899900000009")
    sender.acknowledge([sender.submit(files[0], request)], 20)
    (datum,) = (read.datum for read in deposits(settings))
    assert datum["document"]["replaces"] == "1.2.3"
    assert datum["provenance"]["actor"]["id"] == request.actor


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b"1.2.250.1.213.1.4.10", b"1.2.250.1.213.1.4.8"), "ins_oid_not_accepted"),
        ((b'code="SA', b'code="XX'), "facility_unknown"),
        ((b"<ClinicalDocument ", b"<!DOCTYPE x><ClinicalDocument "), "content_refused"),
        ((b"<recordTarget>", b"<recordTarget"), "content_refused"),
        ((b'<low value="2', b'<low value="x'), "time_malformed"),
        ((b'<id root="2.25.', b'<id root="2.25.x'), "unique_id_malformed"),
        ((b"<title>", b"<titre>"), "content_refused"),
    ],
)
def test_what_ingestion_would_refuse_is_not_sent(
    settings: Settings,
    sender: FileSender,
    files: list[Path],
    tmp_path: Path,
    change: tuple[bytes, bytes],
    code: str,
) -> None:
    spoiled = tmp_path / "spoiled.xml"
    spoiled.write_bytes(files[0].read_bytes().replace(*change))
    sending = sender.submit(spoiled, Request())
    sender.acknowledge([sending], 5)
    assert sending.state == "refused"
    assert sending.refusal is not None
    assert sending.refusal.code == code
    assert sending.refusal.french
    assert deposits(settings) == []


def test_wrong_key_of_the_ins_and_missing_ins(files: list[Path]) -> None:
    data = files[0].read_bytes()
    start = data.index(b'<id root="1.2.250.1.213.1.4.10" extension="') + 43
    wrong = b"%02d" % (int(data[start + 13 : start + 15]) % 97 + 1)
    with pytest.raises(Refused) as refusal:
        sendable_document(data[: start + 13] + wrong + data[start + 15 :], "test", 10**7)
    assert refusal.value.code == "ins_key_wrong"
    assert data[start : start + 13].decode() not in str(refusal.value)
    with pytest.raises(Refused) as refusal:
        sendable_document(data.replace(b"1.2.250.1.213.1.4.10", b"1.2.3.4"), "test", 10**7)
    assert refusal.value.code == "ins_missing"
    with pytest.raises(Refused) as refusal:
        sendable_document(data, "test", 100)
    assert refusal.value.code == "too_large"
    exported = re.sub(rb'<code code="[^"]+"', b'<code code="EXPORT_DUI"', data, count=1)
    with pytest.raises(Refused) as refusal:
        sendable_document(exported, "test", 10**7)
    assert refusal.value.code == "type_not_in_dmp"


def test_missing_file_is_refused_in_words(sender: FileSender, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.xml", tmp_path):
        sending = sender.submit(path, Request())
        assert sending.state == "refused"
        assert sending.refusal is not None
        assert sending.refusal.code == "file_unreadable"


def test_outcomes_of_real_ingestion(
    settings: Settings, sender: FileSender, files: list[Path]
) -> None:
    """Accepted; sent again: duplicate; sent again without its mask: a conflict, never silent."""
    histoire("migrate")
    reader = OutcomeReader(settings, client_id="test", from_end=True)
    masked = Request(RequestedVisibility(masque_ps=True))
    first = [sender.submit(file, masked) for file in files[:3]]
    again = sender.submit(files[0], masked)
    unmasked = sender.submit(files[0], Request())
    everything = [*first, again, unmasked]
    while not reader.is_ready:
        reader.read(0.1)
    sender.acknowledge(everything, 20)
    histoire("ingest", "--until-idle")
    histoire("relay", "--until-idle")
    sender.wait(everything, reader, 20, StopSignal())
    reader.close()
    assert {sending.state for sending in first} == {"accepted"}
    assert (again.state, again.before) == ("duplicate", first[0].message_id)
    assert unmasked.state == "rejected"
    said = unmasked.as_json()
    assert (said["code"], said["ruleId"]) == ("metadata_conflict", "LIFE-02")
    assert said["documentation"] == "docs/rules.md#LIFE-02"


@pytest.mark.samples("cda")
def test_official_samples_pass_or_are_refused_for_their_identity(
    settings: Settings, sender: FileSender
) -> None:
    codes: dict[str, list[str]] = {}
    for file in sorted(SAMPLES.glob("*.xml")):
        sending: SentFile = sender.submit(file, Request())
        codes.setdefault(sending.refusal.code if sending.refusal else "", []).append(file.name)
    assert len(codes[""]) > 20
    assert set(codes) <= {"", "ins_oid_not_accepted", "ins_key_wrong"}


def test_two_calls_at_once_have_two_queues(settings: Settings) -> None:
    publishers = [open_document_publisher(settings, SystemClock()) for _ in range(2)]
    assert all(isinstance(publisher, DocumentPublisher) for publisher in publishers)
    for publisher in publishers:
        publisher.close(0)


def test_command_prints_one_object_per_file_and_says_no_by_its_exit_code(
    settings: Settings, files: list[Path], tmp_path: Path
) -> None:
    app = registered(register_send)
    (tmp_path / "text.xml").write_text("no CDA")
    good = CliRunner().invoke(app, ["send", "--json", *map(str, files[:2])])
    assert good.exit_code == 0, good.output
    lines = [orjson.loads(line) for line in good.stdout.splitlines()]
    assert [line["state"] for line in lines] == ["acknowledged"] * 2
    assert [line["file"] for line in lines] == [str(file) for file in files[:2]]
    bad = CliRunner().invoke(app, ["send", str(files[2]), str(tmp_path / "text.xml")])
    assert isinstance(bad.exception, CommandError)
    assert bad.exception.code == Exit.FAILED
    assert "content_refused" in bad.stdout
    assert "acknowledged" in bad.stdout
    two = CliRunner().invoke(app, ["send", "--replaces", "1.2.3", *map(str, files[:2])])
    assert isinstance(two.exception, CommandError)
    assert two.exception.code == Exit.USAGE
    unanswered = CliRunner().invoke(app, ["send", "--wait", "--timeout", "0.5", str(files[3])])
    assert isinstance(unanswered.exception, CommandError)
    assert unanswered.exception.code == Exit.UNAVAILABLE


def test_feed_away_keeps_the_file_in_the_queue(files: list[Path], tmp_path: Path) -> None:
    away = Settings(
        home=tmp_path,
        database_dsn=SecretStr("host=127.0.0.1 port=1 dbname=none connect_timeout=1"),
    )
    publisher = open_document_publisher(away, SystemClock())
    sender = FileSender(away, publisher, SystemClock())
    sending = sender.submit(files[0], Request())
    sender.acknowledge([sending], 0.5)
    assert sending.state == "queued"
    publisher.close(0)
    later = open_document_publisher(away, SystemClock())
    assert later.pending() == 1
    later.close(0)


def test_full_queue_refuses_a_file_until_sending_begins(
    settings: Settings, files: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "queue.sqlite"
    publisher = DocumentPublisher(settings, path, max_messages=1, block=True, begin=False)
    sender = FileSender(settings, publisher, SystemClock())

    def make_room() -> bool:
        publisher.begin()
        return True

    sent = send_files(sender, files[:2], Request(), StopSignal(), lambda count: None, lambda: False)
    assert [sending.as_json()["code"] for sending in sent] == [None, "queue_full"]
    sent += send_files(sender, files[1:3], Request(), StopSignal(), lambda count: None, make_room)
    sender.acknowledge(sent, 20)
    publisher.close(0)
    assert [s.state for s in sent] == ["acknowledged", "refused", "acknowledged", "acknowledged"]
