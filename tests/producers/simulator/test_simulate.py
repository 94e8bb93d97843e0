"""A run over the embedded feed: what the ledger says is on the feed, byte for byte."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from ingest.feed import (
    Acknowledgement,
    Done,
    FeedRecord,
    OutgoingRecord,
    Partition,
    ensure_topics,
    open_poller,
    open_publisher,
)
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings
from producers.simulator.cda.document import CdaWriter
from producers.simulator.command import register_simulate
from producers.simulator.faults.rates import parse_faults
from producers.simulator.run.ledger import Ledger
from producers.simulator.run.pacing import FullSpeed
from producers.simulator.run.run_messages import messages_of
from producers.simulator.run.sender import Sender
from producers.simulator.run.write_documents import write_documents
from producers.simulator.tables.sectors import all_sectors
from schemas.codec.messages import Decoded, decode
from tests.producers.registered import registered
from tests.producers.samples_of_plan import documents_of, planned, run_of

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def settings(database: str) -> Settings:
    made = Settings(database_dsn=SecretStr(database), topic_partitions=4)
    ensure_topics(made)
    return made


def ledger_of(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def on_the_feed(settings: Settings) -> dict[tuple[str, int, int], FeedRecord]:
    topics = ("documents", "patients")
    poller = open_poller(
        settings,
        topics,
        group=None,
        resume=lambda found: {a.partition: a.log_start for a in found},
        client_id="test",
    )
    found: dict[tuple[str, int, int], FeedRecord] = {}
    try:
        while polled := poller.poll(1.0, 5000, 64 * 1024 * 1024):
            for part in polled:
                for record in part.records:
                    found[part.partition.topic, part.partition.number, record.offset] = record
    finally:
        poller.close()
    return found


def simulated(settings: Settings, path: Path, *, faults: str | None = "0.1") -> Sender:
    run = run_of(300)
    ledger = Ledger(path, run.seed, {"documents": run.documents})
    publisher = open_publisher(settings, client_id="test")
    sender = Sender(publisher, SystemClock(), StopSignal(), ledger)
    messages = messages_of(run, parse_faults(faults), content=False)
    summary = sender.send_all(messages, FullSpeed(), lambda count: None)
    publisher.close()
    ledger.close(complete=summary.complete)
    return sender


def test_ledger_and_feed_agree(settings: Settings, tmp_path: Path) -> None:
    summary = simulated(settings, tmp_path / "ledger").summary
    lines = ledger_of(tmp_path / "ledger")
    assert lines[0] == {"line": "run", "format": 1, "seed": 7, "documents": 300}
    assert lines[-1]["line"] == "end"
    intents = {line["seq"]: line for line in lines if line["line"] == "intent"}
    acked = {line["seq"]: line for line in lines if line["line"] == "acked"}
    assert list(intents) == list(range(1, summary.sent + 1))
    assert intents.keys() == acked.keys()
    assert (lines[-1]["sent"], lines[-1]["acked"]) == (summary.sent, summary.acknowledged)
    records = on_the_feed(settings)
    assert len(records) == len(acked)
    for seq, line in acked.items():
        record = records[line["topic"], line["partition"], line["offset"]]
        intent = intents[seq]
        assert sha256(record.value or b"").hexdigest() == intent["sha256"]
        assert len(record.value or b"") == intent["bytes"]
        assert dict(record.headers)["ce_id"] == intent["id"].encode()
        assert UUID.fullmatch(intent["id"])


def test_intents_stand_before_their_acknowledgements(settings: Settings, tmp_path: Path) -> None:
    simulated(settings, tmp_path / "ledger")
    seen = set()
    for line in ledger_of(tmp_path / "ledger"):
        if line["line"] == "intent":
            seen.add(line["seq"])
        elif line["line"] == "acked":
            assert line["seq"] in seen


def test_ledger_names_no_ins_and_keeps_patients_apart(settings: Settings, tmp_path: Path) -> None:
    simulated(settings, tmp_path / "ledger")
    text = (tmp_path / "ledger").read_text()
    tokens: dict[str, set[bytes | None]] = {}
    records = on_the_feed(settings)
    lines = ledger_of(tmp_path / "ledger")
    intents = {line["seq"]: line for line in lines if line["line"] == "intent"}
    for line in lines:
        if line["line"] == "acked":
            record = records[line["topic"], line["partition"], line["offset"]]
            tokens.setdefault(intents[line["seq"]]["patient"], set()).add(record.key)
    assert len(tokens) > 100
    for keys in tokens.values():
        assert len(keys) == 1
        key = keys.pop()
        assert key is not None
        assert key.decode().partition("|")[2] not in text
    decoded = [decode(record.value) for record in records.values() if record.value]
    names = {
        found.datum["document"]["sourcePatientInfo"]["birthName"]
        for found in decoded
        if isinstance(found, Decoded) and found.name == "DepositDocument"
    }
    assert not {name for name in names if re.search(rf"\b{re.escape(name)}\b", text)}


def test_each_fault_is_on_the_ledger_with_what_is_expected_of_it(
    settings: Settings, tmp_path: Path
) -> None:
    summary = simulated(settings, tmp_path / "ledger").summary
    lines = [line for line in ledger_of(tmp_path / "ledger") if line["line"] == "intent"]
    assert Counter(line["fault"] for line in lines if line["fault"]) == summary.by_fault
    assert {tuple(line["expected"][0]) for line in lines if line["fault"] is None} == {
        ("ACCEPTED", None)
    }
    for line in lines:
        assert line["expected"]
        if line["fault"] == "empty":
            assert line["expected"] == [["REJECTED", "value_empty"]]


class Gate:
    """A publisher whose acknowledgements a test lets through, and that stops a run."""

    def __init__(self, path: Path, stop: StopSignal, after: int) -> None:
        self.records: list[OutgoingRecord] = []
        self.intents_before: list[int] = []
        self._path, self._stop, self._after = path, stop, after
        self._lock = threading.Lock()

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        with self._lock:
            self.records.append(record)
        self.intents_before.append(self._path.read_bytes().count(b'"line":"intent"'))
        done(Acknowledgement(Partition(record.topic, 0), len(self.records) - 1, 0))
        if len(self.records) == self._after:
            self._stop.set()

    def publish_many(self, records: Sequence[OutgoingRecord], done: Done) -> None:
        for record in records:
            self.publish(record, done)

    def flush(self, timeout_seconds: float) -> bool:
        return True

    def unacknowledged(self) -> int:
        return 0

    def close(self, timeout_seconds: float = 10.0) -> None:
        return None


def test_intents_are_on_the_file_before_a_record_is_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    stop = StopSignal()
    gate = Gate(path, stop, after=60)
    ledger = Ledger(path, 7, {})
    sender = Sender(gate, SystemClock(), stop, ledger)
    messages = messages_of(run_of(200), parse_faults(None), content=False)
    summary = sender.send_all(messages, FullSpeed(), lambda count: None)
    ledger.close(complete=summary.complete)
    assert all(intents >= place for place, intents in enumerate(gate.intents_before, 1))
    assert not summary.complete
    assert ledger_of(path)[-1]["line"] != "end"


def test_cda_folder_holds_the_documents_under_names_that_tell_nothing(tmp_path: Path) -> None:
    run = run_of(40)
    assert write_documents(run, tmp_path / "out", lambda count: None, StopSignal()) == 40
    files = sorted((tmp_path / "out").iterdir())
    documents = documents_of(planned(40, run.seed))
    assert len(files) == 40
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    writer = CdaWriter(run.seed)
    for path, document in zip(files, sorted(documents, key=lambda d: d.number), strict=True):
        assert path.read_bytes() == writer.write(document)
        assert document.patient.matricule not in path.name
        assert document.patient.birth_name not in path.name


def test_command_publishes_and_prints_a_summary(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    assert settings.database_dsn is not None
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", settings.database_dsn.get_secret_value())
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "4")
    app = registered(register_simulate)
    arguments = ["simulate", "--documents", "30", "--patients", "20", "--seed", "4", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--ledger", str(tmp_path / "ledger")])
    assert result.exit_code == 0, result.output
    summary = orjson.loads(result.stdout)
    assert summary["complete"] is True
    assert summary["sent"] == summary["acknowledged"] == len(on_the_feed(settings))
    assert summary["by_schema"]["DepositDocument"] == 30
    keys = Counter(
        record.key.decode()
        for (topic, _, _), record in on_the_feed(settings).items()
        if topic == "documents" and record.key
    )
    assert summary["example_ins"].startswith("1.2.250.1.213.1.4.10|")
    assert keys[summary["example_ins"]] >= 2
    said = CliRunner().invoke(app, arguments[:-1])
    assert f"histoire timeline --ins '{summary['example_ins']}'" in said.stdout


def test_command_interrupted_says_how_far_it_came(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_dsn is not None
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", settings.database_dsn.get_secret_value())
    call = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "simulate", "--rate", "20", "--metadata-only"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    with psycopg.connect(settings.database_dsn.get_secret_value(), autocommit=True) as conn:
        while time.monotonic() < end:
            if conn.execute("select from feed.record limit 1").fetchone() is not None:
                break
            time.sleep(0.05)
    call.send_signal(signal.SIGTERM)
    out, said = call.communicate(timeout=30)
    assert call.returncode == 130, said
    assert f"interrupted: {len(on_the_feed(settings))} of about " in said
    assert "acknowledged" in out


def test_files_of_another_run_are_said_to_stay(tmp_path: Path) -> None:
    app = registered(register_simulate)
    (tmp_path / "old.xml").write_text("of another run")
    result = CliRunner().invoke(app, ["simulate", "--documents", "3", "--cda", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "is not empty" in result.stderr
    assert len(list(tmp_path.iterdir())) == 4


def test_writing_stops_when_asked(tmp_path: Path) -> None:
    stop = StopSignal()
    written = write_documents(run_of(40), tmp_path, lambda count: stop.set(), stop)
    assert written == len(list(tmp_path.iterdir())) == 1


def test_all_sectors_are_written_each_document_as_what_it_is(tmp_path: Path) -> None:
    app = registered(register_simulate)
    folder = tmp_path / "out"
    arguments = ["simulate", "--sector", "all", "--documents", "120", "--cda", str(folder)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    starts = {path.suffix: path.read_bytes() for path in sorted(folder.iterdir())}
    assert len(list(folder.iterdir())) == 120
    assert starts.keys() == {".xml", ".dcm"}
    assert starts[".xml"].startswith(b"<?xml")
    assert starts[".dcm"][128:132] == b"DICM"


def test_command_publishes_a_day(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.database_dsn is not None
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", settings.database_dsn.get_secret_value())
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "4")
    app = registered(register_simulate)
    path = tmp_path / "ledger"
    day = ["simulate", "--day", "--scale", "0.0001", "--speed", "1000000", "--metadata-only"]
    result = CliRunner().invoke(app, [*day, "--json", "--ledger", str(path)])
    assert result.exit_code == 0, result.output
    summary = orjson.loads(result.stdout)
    assert summary["complete"] is True
    assert summary["by_schema"]["DepositDocument"] == round(1_939_680 * 0.0001 / 1.06)
    run = ledger_of(path)[0]
    assert run["day"] is True
    assert run["sectors"] == list(all_sectors())
    assert len(on_the_feed(settings)) == summary["sent"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sector", "bank"],
        ["--faults", "rain=1"],
        ["--patients", "99000000"],
        ["--sector", ","],
        ["--day", "--documents", "5"],
        ["--day", "--rate", "5"],
        ["--day", "--scale", "5"],
        ["--scale", "0.5"],
        ["--speed", "60"],
    ],
)
def test_wrong_arguments_end_with_usage(arguments: list[str]) -> None:

    from ingest.runtime.console import CommandError, Exit

    app = registered(register_simulate)
    result = CliRunner().invoke(app, ["simulate", *arguments])
    assert isinstance(result.exception, CommandError)
    assert result.exception.code == Exit.USAGE
