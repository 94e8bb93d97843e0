"""Each page of docs/examples is true: done on a copy of the tree, with a real database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples.page import Command, Edit, UnclearPage, commands, steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(p for p in (ROOT / "docs" / "examples").glob("*.md") if p.name != "README.md")
Run = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is tracked, or was just added."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "tree" / name)
    return tmp_path / "tree"


@pytest.fixture
def run(tree: Path, database: str, tmp_path: Path) -> Run:
    """Runs a line as a shell does in the copy, with the commands of this installation."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (("histoire", "-m deploy"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (programs / name).chmod(0o755)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tree),
        "COLUMNS": "200",
        "HISTOIRE_DATABASE_DSN": database,
        "HISTOIRE_HOME": str(tmp_path / "home"),
        "HISTOIRE_TOPIC_PARTITIONS": "2",
        "HISTOIRE_METRICS_PORT": "0",
    }

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line], cwd=tree, env=environ, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_page_is_true(page: Path, tree: Path, run: Run) -> None:
    done = list(steps(page.read_text()))
    assert any(isinstance(step, Command) and step.shown for step in done)
    for step in done:
        if isinstance(step, Edit):
            step.apply(tree)
            continue
        ended = run(step.line)
        printed = ended.stdout + ended.stderr
        assert ended.returncode == 0, f"{step.line}: {ended.returncode}\n{printed}"
        for line in step.shown:
            assert line in printed, f"{step.line} does not print {line!r}:\n{printed}"


def test_all_pages_are_listed() -> None:
    listed = (ROOT / "docs/examples/README.md").read_text()
    assert PAGES
    assert all(f"({page.name})" in listed for page in PAGES)


def test_every_block_of_a_page_is_done() -> None:
    for page in PAGES:
        text = page.read_text()
        sessions = text.count("```console\n")
        shown = sum(len(list(commands(part))) for part in text.split("```console\n")[1:])
        edits = [step for step in steps(text) if isinstance(step, Edit)]
        assert len(edits) + sessions == text.count("```") // 2
        assert shown >= sessions


def test_a_block_without_a_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnclearPage):
        Edit("Something", "x = 1\n").apply(tmp_path)
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    with pytest.raises(UnclearPage, match="2 lines"):
        Edit("`a.py`, below `x = 1`", "y = 2\n").apply(tmp_path)
