"""The commands as a person or a program uses them."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from pydantic import SecretStr
from rich.console import Console
from typer.testing import CliRunner, Result

from ingest.batch.retry import waiting
from ingest.commands.dead_letters import table_of
from ingest.commands.ingest import register
from ingest.feed import OutgoingRecord
from ingest.runtime.console import CommandError, Exit
from tests.ingest.feed_messages import ANNA, deposit, dicom, mask, unique_id
from tests.ingest.ingest_site import Site


@pytest.fixture
def command(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `histoire ...` on the site."""
    settings = site.settings
    assert isinstance(settings.database_dsn, SecretStr)
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", settings.database_dsn.get_secret_value())
    monkeypatch.setenv("HISTOIRE_HOME", str(settings.home))
    monkeypatch.setenv("HISTOIRE_MASTER_KEY_FILE", str(settings.master_key_path))
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", str(settings.topic_partitions))
    monkeypatch.setenv("HISTOIRE_METRICS_PORT", "0")
    app = typer.Typer()
    register(app, migrations=[lambda _: ["timelines"]])

    def run(*arguments: str, input: str | None = None) -> Result:  # noqa: A002 - CliRunner's name
        return CliRunner().invoke(app, arguments, input=input)

    return run


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return [json.loads(line) for line in result.stdout.splitlines() if line]


def fault(result: Result) -> CommandError:
    assert isinstance(result.exception, CommandError)
    return result.exception


def test_migrate_twice(command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("migrate").stdout == "applied: timelines\n"
    monkeypatch.setenv("HISTOIRE_TOPIC_PREFIX", "new-")
    assert "topic documents, topic notifications, topic outcomes" in command("migrate").stdout
    assert command("migrate").stdout == "applied: timelines\n"


def test_the_whole_path(site: Site, command: Callable[..., Result], tmp_path: Path) -> None:
    site.publish(deposit(1, content=dicom()), mask(9), deposit(2))
    assert "messages ingested: 3\n" in command("ingest", "--until-idle").stderr
    assert command("audit", "--at-end").exit_code == Exit.FAILED
    assert "outcomes published: 3\n" in command("relay", "--until-idle").stderr
    audited = command("audit", "--at-end", "--json")
    assert audited.exit_code == 0
    assert lines(audited)[-1]["balances"] is True
    (letter,) = lines(command("dead-letters", "list", "--json"))
    assert (letter["code"], letter["software"]) == ("target_unknown", "1.2.250.1.999.7.1")
    assert letter["schema"] is None or letter["schema"].startswith("ChangeVisibility")

    out = tmp_path / "document"
    written = command("document", unique_id(1), "--out", str(out))
    assert written.exit_code == 0
    assert f"132 bytes, sha256 {hashlib.sha256(dicom()).hexdigest()}" in written.stderr
    assert out.read_bytes() == dicom()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    out.write_bytes(b"other")
    assert fault(command("document", unique_id(1), "--out", str(out))).code == Exit.USAGE
    assert out.read_bytes() == b"other"
    assert command("document", unique_id(1), "--out", str(out), "--force").exit_code == 0
    assert out.read_bytes() == dicom()
    assert list(tmp_path.glob(".document*")) == []
    assert command("document", "-", input=unique_id(1)).stdout_bytes == dicom()
    assert fault(command("document", unique_id(2))).code == Exit.NOT_FOUND
    assert fault(command("document", unique_id(3))).code == Exit.NOT_FOUND
    assert fault(command("document", "nonsense")).code == Exit.USAGE


def test_dead_letters(site: Site, command: Callable[..., Result]) -> None:
    site.publish(mask(1), mask(2))
    command("ingest", "--until-idle")
    assert command("dead-letters", "list").exit_code == 0
    first, second = (
        letter["letter"] for letter in lines(command("dead-letters", "list", "--json"))
    )
    newest = lines(command("dead-letters", "list", "--limit", "1", "--json"))
    assert [letter["letter"] for letter in newest] == [second]
    assert len(lines(command("dead-letters", "list", "--since", "2020-01-01", "--json"))) == 2
    assert lines(command("dead-letters", "list", "--since", "2999-01-01", "--json")) == []
    assert fault(command("dead-letters", "list", "--since", "soon")).code == Exit.USAGE
    shown = command("dead-letters", "show", str(first))
    assert "target_unknown" in shown.stdout
    assert ANNA not in shown.stdout
    assert unique_id(1) not in shown.stdout
    assert command("dead-letters", "retry", str(first)).exit_code == Exit.FAILED
    site.publish(deposit(1))
    command("ingest", "--until-idle")
    assert (
        lines(command("dead-letters", "list", "--code", "target_unknown", "--json"))[0]["letter"]
        == second
    )
    assert command("dead-letters", "discard", str(second), "--reason", "sent twice").exit_code == 0
    assert lines(command("dead-letters", "list", "--json")) == []
    every = lines(command("dead-letters", "list", "--all", "--json"))
    assert [letter["status"] for letter in every] == ["accepted", "discarded"]
    assert every[1]["discard_reason"] == "sent twice"
    assert fault(command("dead-letters", "show", "999")).code == Exit.NOT_FOUND
    assert fault(command("dead-letters", "retry")).code == Exit.USAGE
    again = command("dead-letters", "retry", str(second), "999")
    assert again.exit_code == Exit.NOT_FOUND
    assert f"dead letter {second} does not wait: it is discarded" in again.stderr
    assert "there is no dead letter 999" in again.stderr
    assert fault(command("dead-letters", "list", "--code", "nonsense")).code == Exit.USAGE


def test_ingestion_that_stops_itself(
    site: Site, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_REJECTION_WINDOW", "10")
    site.publish_records(*(OutgoingRecord("documents", b"k", b"garbage") for _ in range(6)))
    stopped = fault(command("ingest", "--until-idle"))
    assert stopped.code == Exit.STOPPED
    assert stopped.repair is not None
    assert "--accept-rejections" in stopped.repair
    assert "in this batch: not_single_object 6; for example documents/" in stopped.sentence
    assert stopped.sentence.count(" offset ") == 5
    assert "dead-letters list" not in stopped.sentence + stopped.repair
    assert command("ingest", "--until-idle", "--accept-rejections", "6").exit_code == 0
    assert len(site.store.dead_letters.page()) == 6


def test_positions(site: Site, command: Callable[..., Result]) -> None:
    (sent,) = site.publish(deposit(1))
    name = f"{sent.partition.topic}/{sent.partition.number}"
    before = {row["partition"]: row for row in lines(command("positions", "show", "--json"))}
    assert (before[name]["log_end"], before[name]["lag"]) == (1, 1)
    command("ingest", "--until-idle")
    after = {row["partition"]: row for row in lines(command("positions", "show", "--json"))}
    assert (after[name]["next_offset"], after[name]["lag"], after[name]["misfit"]) == (1, 0, None)
    assert command("positions", "show").exit_code == 0
    assert fault(command("positions", "accept", name, "--reason", "x")).code == Exit.USAGE
    assert command("positions", "accept", name, "--reason", "x", "--yes").exit_code == 0
    (gap,) = [line for line in lines(command("audit", "--json")) if line["kind"] == "gap"]
    assert (gap["partition"], gap["from_offset"], gap["to_offset"]) == (name, 1, 1)
    assert (gap["reason"], gap["accepted_by"]) == ("x", getpass.getuser())
    assert f"{name} went on at 1 instead of 1: x" in command("audit").stdout
    assert (
        fault(command("positions", "accept", name, "--to", "2", "--reason", "x", "--yes")).code
        == Exit.USAGE
    )
    site.publish(deposit(2), deposit(3))
    accepted = command("positions", "accept", name, "--to", "2", "--reason", "y", "--yes")
    assert f"{name}: reading goes on at offset 2" in accepted.stdout
    assert command("ingest", "--until-idle").exit_code == 0
    command("relay", "--until-idle")
    assert command("audit", "--at-end").exit_code == 0
    assert (site.balance()["holes"], site.balance()["accepted"]) == (1, 2)
    missing = command("positions", "accept", "documents/99", "--reason", "x", "--yes")
    assert fault(missing).code == Exit.NOT_FOUND


def test_a_store_that_was_not_migrated_says_so(
    command: Callable[..., Result], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", database)
    assert "histoire migrate" in str(fault(command("ingest", "--until-idle")))


def test_json_is_one_object_per_line(site: Site, command: Callable[..., Result]) -> None:
    site.publish(deposit(1))
    command("ingest", "--until-idle")
    for line in command("audit", "--json").stdout_bytes.splitlines():
        assert isinstance(orjson.loads(line), dict)


def test_letters_that_wait_are_decided_beside_those_that_do_not(
    site: Site, command: Callable[..., Result]
) -> None:
    site.publish(mask(1))
    command("ingest", "--until-idle")
    (letter,) = lines(command("dead-letters", "list", "--json"))
    number = str(letter["letter"])
    other = command("dead-letters", "retry", number, "--code", "schema_unknown")
    assert (other.exit_code, other.stdout) == (Exit.NOT_FOUND, "no letter waits\n")
    assert "was refused with target_unknown, not schema_unknown" in other.stderr
    done = command("dead-letters", "retry", number, "999")
    assert (done.exit_code, done.stdout) == (Exit.NOT_FOUND, "1 rejected\n")
    assert command("dead-letters", "retry", number).exit_code == Exit.FAILED


@pytest.mark.parametrize("reason", ["asked by 1 80 01 75 123 456 23", "  ", f"for {ANNA}"])
def test_a_reason_names_nobody(site: Site, command: Callable[..., Result], reason: str) -> None:
    site.publish(mask(1))
    command("ingest", "--until-idle")
    (letter,) = lines(command("dead-letters", "list", "--json"))
    (name,) = {f"{letter['source'].rsplit('/', 2)[1]}/{letter['source'].rsplit('/', 1)[1]}"}
    for arguments in (
        ("dead-letters", "discard", str(letter["letter"])),
        ("positions", "accept", name, "--yes"),
    ):
        refused = fault(command(*arguments, "--reason", reason))
        assert refused.code == Exit.USAGE
        assert reason.strip() == "" or reason not in str(refused)
    assert len(lines(command("dead-letters", "list", "--json"))) == 1


def test_at_80_columns_places_of_letters_stay_whole(
    site: Site, command: Callable[..., Result]
) -> None:
    site.publish(mask(1))
    command("ingest", "--until-idle")
    (letter,) = waiting(site.store)
    far = replace(letter, letter=1_234_567, source="cluster/documents/23", offset=123_456_789)
    console = Console(width=80, file=io.StringIO())
    console.print(table_of([far]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, shown.splitlines())) <= 80
    for whole in ("1234567", "documents/23", "123456789", "waiting"):
        assert whole in shown
    assert "…" not in shown


def test_a_run_that_ends_by_itself_takes_no_port_unless_told(
    site: Site, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("HISTOIRE_METRICS_PORT", port)
        for name in ("ingest", "relay"):
            assert command(name, "--until-idle").exit_code == 0
            asked = fault(command(name, "--until-idle", "--metrics-port", port))
            assert asked.code == Exit.UNAVAILABLE
