"""`histoire habilitation check | show` as a person or program runs them. No database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.runtime.console import CommandError, Exit
from ingest.runtime.settings import variable
from projections.commands.habilitation import register_habilitation
from schemas.policy.habilitation import COLUMNS
from tests.schemas.policy.test_habilitation import MADE_UP_FILE


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register_habilitation(app)
    return CliRunner().invoke(app, ["habilitation", *arguments])


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_a_right_file_is_told_by_version() -> None:
    found = lines(run("check", str(MADE_UP_FILE), "--json"))
    assert [line["validFrom"] for line in found] == ["2020-01-01", "2026-01-01"]
    assert all(line["madeUp"] and line["roles"] == 6 for line in found)
    assert "made up" in run("check", str(MADE_UP_FILE)).stderr


def test_a_wrong_file_is_told_fault_by_fault(tmp_path: Path) -> None:
    file = tmp_path / "matrix.tsv"
    file.write_text("\t".join(COLUMNS) + "\n2026-01-01\t11\t*\tread\n2026-01-01\t10\t?\tread\n")
    refused = run("check", str(file))
    assert refused.exit_code == Exit.FAILED
    assert "line 2: '11' is no profession" in refused.stderr
    assert "line 3: '?' is no type" in refused.stderr
    as_json = run("check", str(file), "--json")
    assert as_json.exit_code == Exit.FAILED
    assert len(as_json.stdout.splitlines()) == 2
    assert run("check", str(tmp_path / "none.tsv")).exit_code == Exit.USAGE


def test_the_matrix_in_force_depends_on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable("habilitation_file"), str(MADE_UP_FILE))
    readable = {
        day: [
            line["typeCode"]
            for line in lines(run("show", "--on", day, "--role", "21", "--json"))
            if line["read"]
        ]
        for day in ("2025-12-31", "2026-01-01")
    }
    assert "11488-4" not in readable["2025-12-31"]
    assert "11488-4" in readable["2026-01-01"]
    table = run("show", "--on", "2026-01-01")
    assert "Pharmacien" in table.stdout
    assert "60593-1" in run("show", "--role", "21", "--on", "2026-01-01").stdout
    assert {line["role"] for line in lines(run("show", "--json"))} >= {"10", "21"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--on", "tomorrow"), Exit.USAGE),
        (("--role", "999"), Exit.USAGE),
        (("--on", "2019-12-31"), Exit.NOT_FOUND),
    ],
)
def test_what_there_is_not_is_said(
    arguments: tuple[str, ...], code: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable("habilitation_file"), str(MADE_UP_FILE))
    result = run("show", *arguments)
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is code


def test_without_a_matrix_nothing_is_restricted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable("habilitation_file"), raising=False)
    result = run("show")
    assert isinstance(result.exception, CommandError)
    assert result.exception.code is Exit.NOT_FOUND
    assert "no profession is restricted" in str(result.exception)
