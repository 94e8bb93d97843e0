"""Output of commands: data on stdout, the rest on stderr."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import orjson
import pytest

from ingest.runtime.console import err, print_json, progress


def test_json_is_one_line_and_all_usual_values_have_a_form(
    capfd: pytest.CaptureFixture[str],
) -> None:
    print_json(
        {
            "at": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            "text": "é\nè",
            "path": Path("a/b"),
            "codes": frozenset(("b", "a")),
            "hash": b"\x01\xff",
            "ports": {1: 9092},
        }
    )
    out, error = capfd.readouterr()
    assert out.count("\n") == 1
    assert error == ""
    assert orjson.loads(out) == {
        "at": "2026-01-02T03:04:05Z",
        "text": "é\nè",
        "path": "a/b",
        "codes": ["a", "b"],
        "hash": "01ff",
        "ports": {"1": 9092},
    }


def test_what_has_no_form_is_an_error_not_a_repr() -> None:
    with pytest.raises(TypeError):
        print_json({"x": object()})


def test_an_error_is_one_line_on_stderr_with_its_repair(capfd: pytest.CaptureFixture[str]) -> None:
    long_name = "x" * 300
    err(f"the file {long_name} [is] missing", "Give another one.")
    out, error = capfd.readouterr()
    assert out == ""
    assert error == f"error: the file {long_name} [is] missing. Give another one.\n"


def test_a_progress_bar_draws_nothing_when_nobody_watches(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with progress("reading", 10) as bar:
        bar.advance(3)
        bar.update(total=20, description="still reading")
    assert capfd.readouterr() == ("", "")
