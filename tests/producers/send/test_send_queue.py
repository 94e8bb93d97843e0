"""`histoire send` and its queue: nothing is lost without a feed, and nothing left stays stuck."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from deploy.cli import run
from ingest.feed import ensure_topics
from ingest.runtime.console import Exit
from ingest.runtime.lifecycle import SystemClock
from ingest.runtime.settings import Settings
from producers.publish.queues import open_document_publisher
from producers.send.file_sender import FileSender, Request
from producers.simulator.cda.document import CdaWriter
from tests.producers.samples_of_plan import documents_of, planned

SEED = 7
AWAY = "host=127.0.0.1 port=1 dbname=none connect_timeout=1"

Send = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def home(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home of settings whose feed is there."""
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", database)
    monkeypatch.setenv("HISTOIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "4")
    ensure_topics(Settings.load())
    return tmp_path / "home"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("cda")
    made = []
    for document in [d for d in documents_of(planned(100, SEED)) if d.replaces is None][:3]:
        path = folder / f"{document.number}.xml"
        path.write_bytes(CdaWriter(SEED).write(document))
        made.append(str(path))
    return made


@pytest.fixture
def send(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Send:
    """Exit code, objects on stdout and stderr of `histoire send --json ...`; with no feed: away."""

    def command(*arguments: str, away: bool = False) -> tuple[int, list[dict[str, Any]], str]:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            if away:
                patch.setenv("HISTOIRE_DATABASE_DSN", AWAY)
            code = run(["send", "--json", *arguments])
        said = capsys.readouterr()
        return code, [orjson.loads(line) for line in said.out.splitlines()], said.err

    return command


def records(database: str) -> int:
    with psycopg.connect(database) as conn:
        (found,) = conn.execute("select count(*) from feed.record").fetchone() or (0,)
    return int(found)


def test_feed_away_queues_the_files_and_flush_sends_them(send: Send, files: list[str]) -> None:
    code, lines, said = send(*files, away=True)
    assert code == Exit.UNAVAILABLE
    assert [line["state"] for line in lines] == ["queued"] * 3
    assert all(line["messageId"] for line in lines)
    assert "3 messages are not acknowledged yet and stay in the queue" in said
    code, lines, _ = send("--flush")
    assert code == Exit.OK
    assert lines == [{"earlier": 3, "acknowledged": 3, "refused": 0, "queued": 0}]
    assert send("--flush") == (
        Exit.OK,
        [{"earlier": 0, "acknowledged": 0, "refused": 0, "queued": 0}],
        "",
    )


def test_missing_topic_queues_the_file_too(
    send: Send, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_TOPIC_PREFIX", "ghost-")
    code, lines, said = send(files[0])
    assert (code, lines[0]["state"]) == (Exit.HALTED, "queued")
    assert "topic documents does not exist" in said
    monkeypatch.delenv("HISTOIRE_TOPIC_PREFIX")
    assert send("--flush")[1][0]["acknowledged"] == 1


def test_what_stands_in_any_queue_is_sent_unless_another_call_has_it(
    send: Send, home: Path, files: list[str]
) -> None:
    settings, clock = Settings.load(), SystemClock()
    calls = [open_document_publisher(settings, clock, begin=False) for _ in range(3)]
    for publisher, file in zip(calls, files, strict=True):
        FileSender(settings, publisher, clock).submit(Path(file), Request())
    calls[1].close(0)
    calls[2].close(0)
    assert sorted(path.name for path in (home / "outbox").glob("*.sqlite")) == [
        "queue-1.sqlite",
        "queue-2.sqlite",
        "queue-3.sqlite",
    ]
    sent = {"earlier": 2, "acknowledged": 2, "refused": 0, "queued": 0}
    assert send("--flush")[:2] == (Exit.OK, [sent])
    calls[0].close(0)
    code, lines, _ = send(files[1])
    assert code == Exit.OK
    assert lines[0]["state"] == "acknowledged"
    assert lines[1]["earlier"] == lines[1]["acknowledged"] == 1


def test_only_refused_files_need_no_feed(send: Send, home: Path) -> None:
    text = home.parent / "text.xml"
    text.write_text("no CDA")
    code, lines, said = send(str(text), away=True)
    assert (code, lines[0]["state"]) == (Exit.FAILED, "refused")
    assert "queue" not in said


@pytest.mark.parametrize(
    ("arguments", "variables", "named"),
    [
        (["--actor", "foo"], {}, "--actor"),
        (["--organisation", "1.2^3|4"], {}, "--organisation"),
        ([], {"HISTOIRE_SENDER_ACTOR_ID": "foo"}, "SENDER_ACTOR_ID"),
        ([], {"HISTOIRE_SENDER_SOFTWARE_ID": "185057800608436"}, "HISTOIRE_SENDER_SOFTWARE_ID"),
        ([], {"HISTOIRE_SENDER_PURPOSE": " "}, "HISTOIRE_SENDER_PURPOSE"),
    ],
)
def test_who_speaks_is_checked_before_anything_is_queued(
    send: Send,
    home: Path,
    files: list[str],
    arguments: list[str],
    variables: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, lines, said = send(files[0], *arguments)
    assert (code, lines) == (Exit.USAGE, [])
    assert named in said
    assert not (home / "outbox").exists()


def test_no_file_and_no_flush_is_a_wrong_call(send: Send) -> None:
    code, lines, said = send()
    assert (code, lines) == (Exit.USAGE, [])
    assert "--flush" in said


def test_sigterm_ends_a_call_that_waits_and_tells_what_it_did(
    send: Send, home: Path, files: list[str], database: str
) -> None:
    """With `--wait` and no ingestion, it would wait for a minute."""
    call = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "send", "--wait", "--timeout", "60", files[0]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    while not records(database) and time.monotonic() < end:
        time.sleep(0.05)
    call.send_signal(signal.SIGTERM)
    out, said = call.communicate(timeout=30)
    assert call.returncode == Exit.INTERRUPTED, said
    assert out.startswith("acknowledged")
    assert "interrupted: 1 of 1 files are on the feed" in said
