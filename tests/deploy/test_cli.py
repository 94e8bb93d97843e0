"""The command line as a person meets it: help, versions, faults, exit codes."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
import typer
from pydantic import SecretStr
from rich.console import Console

from deploy import cli
from deploy.broker import BrokerError, MissingProgramError
from deploy.configuration import MASKED, effective_settings, table_of
from ingest.feed.types import FeedMismatch, FeedUnavailable
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.postgres.embedded import EmbeddedPostgresError
from ingest.runtime.settings import Settings, variable
from projections.builds import NotMigrated


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HISTOIRE_{name.upper()}", raising=False)


def failing_with(error: BaseException) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    return app


def test_version_and_help_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("histoire 0.")
    assert cli.run(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out
    for path, command in commands(typer.main.get_command(cli.app), ()):
        assert command.help, f"{' '.join(path)} has no help"
        for parameter in command.params:
            if parameter.name not in ("help", "install_completion", "show_completion"):
                assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name}"


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if path:
        yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


def test_wrong_arguments_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["nonsense"]) == Exit.USAGE
    assert cli.run(["config", "--nonsense"]) == Exit.USAGE
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("no_settings")
def test_config_tells_each_setting_and_its_source(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", "postgresql://u:s3cret@h/d")
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "12")
    assert cli.run(["config", "--json"]) == 0
    out = capfd.readouterr().out
    shown = {line["setting"]: line for line in map(orjson.loads, out.splitlines())}
    assert set(shown) == set(Settings.model_fields)
    assert "s3cret" not in out
    assert (shown["database_dsn"]["value"], shown["database_dsn"]["source"]) == (
        MASKED,
        "environment",
    )
    assert (shown["topic_partitions"]["value"], shown["keys_dsn"]["value"]) == (12, None)
    assert shown["keys_dsn"]["source"] == "default"
    assert cli.run(["config"]) == 0
    table = capfd.readouterr().out
    assert "s3cret" not in table
    assert MASKED in table


def test_every_secret_is_masked() -> None:
    secrets = {
        name for name, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)
    }
    hidden = dict.fromkeys(secrets, SecretStr("password=s3cret"))
    settings = Settings.model_validate(hidden)
    values = {item.setting: item.value for item in effective_settings(settings)}
    assert len(secrets) >= 3
    assert {values[name] for name in secrets} == {MASKED}


@pytest.mark.usefixtures("no_settings")
def test_wrong_settings_are_told_all_at_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITION", "12")
    monkeypatch.setenv("HISTOIRE_METRICS_PORT", "x")
    assert cli.run(["config"]) == Exit.USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert "did you mean HISTOIRE_TOPIC_PARTITIONS?" in err
    assert "HISTOIRE_METRICS_PORT" in err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (CommandError("it is not", "Do that.", Exit.STOPPED), 3, "it is not. Do that."),
        (MissingProgramError("no java", "Install it."), 7, "no java. Install it."),
        (BrokerError("no answer"), 4, "no answer"),
        (EmbeddedPostgresError("no start"), 4, "no start"),
        (NotMigrated("timeline"), 2, "run `histoire migrate`"),
        (FeedMismatch("topic recreated"), 5, "topic recreated"),
        (FeedUnavailable("away"), 4, "away"),
        (psycopg.OperationalError("connection refused\nmore"), 4, "connection refused. Check"),
        (FileNotFoundError(2, "No such file or directory", "a.xml"), 1, "a.xml: No such file"),
        (ZeroDivisionError("DURAND"), 70, "a fault of ours: ZeroDivisionError in"),
        (psycopg.errors.UniqueViolation("Key (x)=(DURAND)"), 70, "UniqueViolation SQLSTATE 23505"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_a_fault_is_one_sentence_and_a_code(
    error: BaseException,
    code: int,
    words: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "app", failing_with(error))
    assert cli.run([]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert "DURAND" not in err
    assert err.count("\n") <= 1


def test_a_reader_that_closes_early_is_no_fault() -> None:
    histoire = Path(sys.executable).parent / "histoire"
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{histoire}' config --json | head -n 1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_every_package_adds_its_commands() -> None:
    names = {path[0] for path, _ in commands(typer.main.get_command(cli.app), ())}
    assert {"send", "simulate", "ingest", "audit", "project", "cda", "run", "config"} <= names


def test_at_80_columns_names_of_settings_stay_whole() -> None:
    console = Console(width=80, file=io.StringIO())
    console.print(table_of(effective_settings(Settings())))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, shown.splitlines())) <= 80
    assert {variable(name) for name in Settings.model_fields} <= set(shown.split())
    assert "…" not in shown


def test_the_kafka_client_does_not_speak_beside_a_command(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Why a broker is away is one sentence of the command, not the lines of the client's log."""
    cli.run(["schemas", "list", "--json"])
    capfd.readouterr()
    logging.getLogger("kafka.net.transport").error("socket disconnected")
    assert capfd.readouterr().err == ""
    logging.getLogger("histoire.other").error("said")
    assert "said" in capfd.readouterr().err


def test_an_interruption_while_commands_are_imported_ends_quietly() -> None:
    interrupted = """
import sys
from deploy.__main__ import main

class Interrupting:
    def find_spec(self, name, *rest):
        if name == "deploy.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
main()
"""
    done = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (Exit.INTERRUPTED, b"", b"")
