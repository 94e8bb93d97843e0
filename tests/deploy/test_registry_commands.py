"""`histoire registry` from end to end: told over the feed, answered, listed, what it changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from ingest.runtime.console import Exit

Run = Callable[..., tuple[int, str, str]]
COMPANY = "1.2.250.1.71.4.2.2^1990000001"
LGC = ("lgc-1", "--publisher", "Éditeur", "--product", "LGC")


@pytest.fixture
def run(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Exit code, stdout and stderr of a command on a migrated installation."""
    monkeypatch.setenv("HISTOIRE_LOG_LEVEL", "warning")
    assert run("migrate")[0] == 0
    return run


def lines(out: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in out.splitlines()]


def test_told_ingested_listed_and_shown(run: Run) -> None:
    assert "empty" in run("registry", "list")[2]
    code, out, _ = run("registry", "reference", *LGC, "--from", "2024-01-01", "--json")
    (published,) = lines(out)
    assert (code, published["topic"], published["state"]) == (0, "registry", "acknowledged")
    company = ("--name", "Visio", "--certificate", "C-1", "--from", "20240101")
    run("registry", "certify", COMPANY, *company, "--until", "20241231")
    track = ("--track", "telesurveillance", "--certificate", "C-2", "--from", "2099-01-01")
    run("registry", "service", "sommeil", "--publisher", "P", "--name", "Sommeil", *track)
    assert run("ingest", "--until-idle")[0] == 0
    assert (
        run("registry", "withdraw", "lgc-1", "--reason", "contrôle", "--from", "2024-06-01")[0] == 0
    )
    assert run("registry", "withdraw", "sommeil", "--reason", "retrait")[0] == 0
    assert run("ingest", "--until-idle")[0] == 0
    found = {entry["id"]: entry for entry in lines(run("registry", "list", "--json")[1])}
    states = {name: entry["state"] for name, entry in found.items()}
    assert states == {"lgc-1": "withdrawn", COMPANY: "expired", "sommeil": "announced"}
    assert found["sommeil"]["referencedUntil"] == "21001231"
    (then,) = lines(
        run("registry", "list", "--kind", "software", "--on", "2024-05-31", "--json")[1]
    )
    assert then["state"] == "valid"
    assert lines(run("registry", "list", "--state", "valid", "--json")[1]) == []
    (shown,) = lines(run("registry", "show", "lgc-1", "--json")[1])
    told = ["software_referenced", "software_withdrawn"]
    assert [event["event"] for event in shown["history"]] == told
    assert "LGC" in run("registry", "list")[1]
    assert "contrôle" in run("registry", "show", "lgc-1")[1]
    # The service was withdrawn as a software, which nobody referenced.
    assert "registry_entry_unknown" in run("dead-letters", "list", "--json")[1]
    assert run("relay", "--until-idle")[0] == 0
    assert run("project", "--until-idle")[0] == 0
    assert run("audit", "--at-end")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reference", "279035121518989", *LGC[1:]), "(id)"),
        (("reference", *LGC, "--from", "2024-13-01"), "(referencedFrom)"),
        (("reference", *LGC, "--from", "2024-02-01", "--until", "2024-01-01"), "(referencedUntil)"),
        (("service", "s", "--publisher", "P", "--name", "N", "--track", "T"), "certificate"),
        (("withdraw", "visio", "--kind", "company", "--reason", "R"), "(id)"),
        (("list", "--on", "yesterday"), "yesterday"),
    ],
)
def test_what_ingestion_would_refuse_is_not_published(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    code, out, error = run("registry", *arguments)
    assert (code, out) == (Exit.USAGE, "")
    assert said in error
    assert run("ingest", "--until-idle")[2].endswith("messages ingested: 0\n")


def test_an_entry_that_is_not_there_is_not_found(run: Run) -> None:
    assert run("registry", "show", "nobody")[0] == Exit.NOT_FOUND


def test_no_answer_in_time_is_no_success(run: Run) -> None:
    code, _, error = run("registry", "reference", *LGC, "--wait", "--timeout", "0.3")
    assert code == Exit.UNAVAILABLE
    assert "no outcome" in error


def test_with_wait_the_answer_is_told(run: Run) -> None:
    """Ingestion and relay run beside it, as they do in an installation."""
    command = [sys.executable, "-m", "deploy", "registry", "withdraw", "nobody", "--reason", "R"]
    asking = subprocess.Popen(
        [*command, "--wait", "--timeout", "60", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    while asking.poll() is None:
        assert run("ingest", "--until-idle")[0] == 0
        assert run("relay", "--until-idle")[0] == 0
    out, _ = asking.communicate()
    assert asking.returncode == Exit.FAILED
    assert lines(out)[0]["code"] == "registry_entry_unknown"


def test_a_practice_whose_software_is_referenced_feeds_and_others_do_not(run: Run) -> None:
    practice = ("simulate", "--sector", "teleconsultation,gp", "--patients", "10", "--seed", "3")
    code, out, _ = run(*practice, "--reference", "--json")
    sent = lines(out)[0]
    assert (code, sent["sent"]) == (0, sent["acknowledged"])
    assert run("ingest", "--until-idle")[0] == 0
    faults = "unreferenced_software=0.2"
    (told,) = lines(run(*practice, "--documents", "80", "--faults", faults, "--json")[1])
    assert run("ingest", "--until-idle")[0] == 0
    letters = lines(run("dead-letters", "list", "--json")[1])
    refused = [letter for letter in letters if letter["code"] == "software_unreferenced"]
    assert len(refused) == told["by_fault"]["unreferenced_software"] > 0
    assert not any(letter["code"].startswith("company_") for letter in letters)
    other = ("simulate", "--sector", "teleconsultation", "--patients", "5", "--seed", "4")
    run(*other, "--documents", "10")
    run("ingest", "--until-idle")
    letters = lines(run("dead-letters", "list", "--json")[1])
    assert any(letter["code"] == "company_uncertified" for letter in letters)
