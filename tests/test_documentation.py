"""What the documents show is true: commands exist and have help, the shown sessions run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from deploy.cli import app
from ingest.runtime.postgres.embedded import stop_embedded
from ingest.runtime.settings import Settings, variable

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
BIN = Path(sys.executable).parent


def blocks(document: str) -> list[list[str]]:
    text = (ROOT / document).read_text()
    return [
        [line.split("#")[0].strip() for line in block.splitlines() if line.split("#")[0].strip()]
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    ]


def commands() -> dict[str, Any]:
    found: dict[str, Any] = {}

    def walk(command: Any, path: str) -> None:
        if path:
            found[path] = command
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{path} {name}".strip())

    walk(typer.main.get_command(app), "")
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_named_exist(document: str) -> None:
    known = commands()
    text = (ROOT / document).read_text().replace("histoire de santé", "")
    named = re.findall(r"(?:`|^|\s)histoire ([a-z][a-z0-9-]+)", text)
    unknown = {name for name in named if name not in known}
    assert not unknown


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    missing = {name for name in commands() if " " not in name and f"histoire {name}" not in text}
    assert not missing


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_and_option_is_explained(name: str) -> None:
    command = commands()[name]
    assert command.help
    undocumented = [
        parameter.name
        for parameter in command.params
        if getattr(parameter, "help", None) in (None, "") and parameter.name != "help"
    ]
    assert not undocumented


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_named_exist(document: str) -> None:
    known = {variable(name) for name in Settings.model_fields}
    named = set(re.findall(r"HISTOIRE_[A-Z_]+[A-Z]", (ROOT / document).read_text()))
    assert named <= known


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_named_exist(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?= |`|$)", (ROOT / document).read_text()))
    assert {name for name in named if name in targets or name.islower()} - {"it"} <= targets


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("documented")
    yield home
    stop_embedded(home)


def test_the_session_of_the_readme_runs(home: Path) -> None:
    """The block "Try it by hand", line by line, in an empty home."""
    session = next(lines for lines in blocks("README.md") if "histoire migrate" in lines)
    assert session[0] == ". .venv/bin/activate"
    environ = {**os.environ, "HISTOIRE_HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}"}
    for line in session[1:]:
        done = subprocess.run(
            line.split(), env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    assert "balances" in done.stdout


def test_a_paste_of_the_readme_names_no_server_that_is_not_there() -> None:
    """The block "Run it for real" works as it stands: what is an example is a comment."""
    session = next(lines for lines in blocks("README.md") if "histoire broker start" in lines)
    assert session.index("histoire migrate") < session.index("histoire run")
    assert [line for line in session if line.startswith("export")] == [
        "export HISTOIRE_KAFKA_BOOTSTRAP=127.0.0.1:9092"
    ]
