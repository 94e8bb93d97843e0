"""What the documents show is true: commands exist and have help, the shown sessions run."""

import os
import re
import shlex
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
TASKS = ("docs/makers.md", "docs/operations.md", "docs/analysts.md")
"""One page for each group of commands of the README."""
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", *TASKS)
LINES_MAX = 150
ACTIVATE = ". .venv/bin/activate"
"""First line of the blocks that run as they stand, after the first steps of the README."""
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


def test_each_command_stands_in_exactly_one_table_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    groups = re.findall(r"^\| command \|.*\n\|---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert len(groups) == len(TASKS)
    first_cells = [row.split(" | ")[0] for group in groups for row in group.splitlines()]
    named = [name for cell in first_cells for name in re.findall(r"`histoire ([a-z0-9-]+)", cell)]
    assert sorted(named) == sorted(name for name in commands() if " " not in name)
    for page in TASKS:
        assert f"]({page})" in text


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md"])
def test_first_pages_are_short(document: str) -> None:
    assert len((ROOT / document).read_text().splitlines()) <= LINES_MAX


def test_the_map_leads_to_what_it_names() -> None:
    """Every row of "Where to find what": the name stands in one of its files."""
    _, _, table = (ROOT / "ARCHITECTURE.md").read_text().partition("## Where to find what")
    rows = re.findall(r"^\| .*? \| (`.*?`) \| `(\w+)` \|$", table, re.MULTILINE)
    assert len(rows) > 20
    for files, name in rows:
        texts = [(ROOT / path).read_text() for path in re.findall(r"`(.*?)`", files)]
        assert any(re.search(rf"\b{name}\b|{name}\d", text) for text in texts), name


def test_the_map_has_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {
        str(init.parent.relative_to(ROOT))
        for package in ("ingest", "projections", "producers", "schemas")
        for init in (ROOT / package).glob("*/__init__.py")
    }
    assert not {room for room in rooms if f"`{room}`" not in text}


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


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which the first steps of the README were taken."""
    home = tmp_path_factory.mktemp("documented")
    session = next(lines for lines in blocks("README.md") if "histoire migrate" in lines)
    assert session[0] == ACTIVATE
    assert "balances" in run(session, home)
    yield home
    stop_embedded(home)


def run(session: list[str], home: Path) -> str:
    """Run the lines after the first one; what the last one printed."""
    environ = {**os.environ, "HISTOIRE_HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}"}
    printed = ""
    for line in session[1:]:
        done = subprocess.run(
            shlex.split(line),
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        printed = done.stdout
    return printed


@pytest.mark.timeout(900)  # some thirty processes, on a machine that may have other work
@pytest.mark.parametrize(
    "session",
    [lines for page in TASKS for lines in blocks(page) if lines[0] == ACTIVATE],
    ids=lambda lines: lines[1],
)
def test_the_sessions_of_the_pages_run(home: Path, session: list[str]) -> None:
    """Also the block "First steps" of the README, line by line, in an empty home."""
    assert run(session, home)


@pytest.mark.parametrize("page", TASKS)
def test_what_pages_show_and_do_not_run_has_the_words_of_its_commands(page: str) -> None:
    known = commands()
    for line in (line for lines in blocks(page) for line in lines if line.startswith("histoire ")):
        words = shlex.split(line)[1:]
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_a_paste_of_the_page_names_no_server_that_is_not_there() -> None:
    """The block "Run it for real" works as it stands: what is an example is a comment."""
    session = next(
        lines for lines in blocks("docs/operations.md") if "histoire broker start" in lines
    )
    assert session.index("histoire migrate") < session.index("histoire run")
    assert [line for line in session if line.startswith("export")] == [
        "export HISTOIRE_KAFKA_BOOTSTRAP=127.0.0.1:9092"
    ]
