"""What those who come are given does what it says: hooks, watching, templates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.watch import chosen, to_run_for

ROOT = Path(__file__).resolve().parent.parent


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile, without `$(BIN)`."""
    text = (ROOT / "Makefile").read_text()
    found = re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", text, re.MULTILINE)
    assert found is not None
    return [line.strip().replace("$(BIN)/", ".venv/bin/") for line in found[1].splitlines()]


def test_the_hooks_are_what_make_check_does() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repo,) = config["repos"]
    assert repo["repo"] == "local", "no host is named"
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    assert [hook["entry"] for hook in repo["hooks"]] == recipe("check")


def test_ci_hides_nothing() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert "|| true" not in text
    assert "--last-failed" not in text
    assert "set -euo pipefail" in text
    targets = re.findall(r"^make (\w+)", text, re.MULTILINE)
    assert targets == ["install", "check", "test", "coverage", "demo"]


def test_ci_tests_what_make_test_does() -> None:
    """Coverage is counted beside: the same tests, with the same options."""
    (test,), (coverage,) = recipe("test"), recipe("coverage")
    assert coverage.startswith(test)
    assert coverage.removeprefix(test).split() == ["--cov", "--cov-report=term"]


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_templates_can_be_read(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    fields = [field for field in form.get("body", ()) if field["type"] != "markdown"]
    assert all(field["id"] and field["attributes"]["label"] for field in fields)
    assert path.name == "config.yml" or (form["name"] and form["description"] and fields)


@pytest.mark.parametrize(
    ("saved", "named"),
    [
        ("tests/test_packaging.py", "tests/test_packaging.py"),
        ("tests/conftest.py", "tests"),
        ("schemas/rules/registry.py", "tests/schemas/rules"),
        ("schemas/avro/feed/DepositDocument.1.avsc", "tests/schemas"),
        ("ingest/runtime/settings.py", "tests/ingest/runtime"),
        ("README.md", None),
    ],
)
def test_watching_runs_the_tests_of_the_room(saved: str, named: str | None) -> None:
    found = to_run_for(Path(saved), ROOT)
    assert (None if found is None else str(found)) == named


def test_watching_runs_each_test_once() -> None:
    gone = (Path("schemas") / "conftest.py", Path("tests") / "test_gone.py")
    saved = (Path("schemas/rules/registry.py"), *gone)
    assert chosen(saved, ROOT) == ["tests/schemas"]
