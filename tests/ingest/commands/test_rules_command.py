"""`histoire rules` says what holds here."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from ingest.commands.rules import register_rules
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.settings import SettingsError
from schemas.rules.table.rejections import REJECTIONS

SOFT = next(rule for rule in REJECTIONS.values() if rule.changeable)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register_rules(app)
    return CliRunner().invoke(app, arguments)


def objects(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_every_rule_is_listed_once_with_its_severity() -> None:
    listed = objects()
    assert sorted(facts["code"] for facts in listed) == sorted(REJECTIONS)
    assert all(facts["severity"] == REJECTIONS[facts["code"]].severity for facts in listed)
    shown = run("--lang", "fr")
    assert shown.exit_code == 0
    words = " ".join(shown.stdout.split())  # long sentences go on below
    for rule in REJECTIONS.values():
        assert rule.rule_id in words
        assert rule.french in words


def test_the_severity_is_the_one_of_this_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HISTOIRE_RULE_SEVERITIES", f"{SOFT.rule_id}=off")
    monkeypatch.setenv("HISTOIRE_RULES_DOCUMENTATION_URL", "https://rules.example/dmp")
    (facts,) = objects(SOFT.code)
    assert (facts["severity"], facts["default"]) == ("off", SOFT.severity)
    assert facts["documentation"] == f"https://rules.example/dmp#{SOFT.rule_id}"


def test_one_rule_is_explained_by_id_or_code_in_one_language_or_both() -> None:
    rule = REJECTIONS["time_malformed"]
    for name in (rule.rule_id, rule.code):
        shown = run(name).stdout
        for said in (rule.checks, rule.french, rule.english, rule.repair, rule.source):
            assert said in shown
    (facts,) = objects(rule.rule_id, "--lang", "fr")
    assert facts["french"] == rule.french
    assert "english" not in facts


def test_a_family_is_listed() -> None:
    assert {facts["rule"].partition("-")[0] for facts in objects("doc")} == {"DOC"}
    assert len(objects("DOC")) > 10


def test_a_rule_that_is_not_there_is_said_with_the_nearest_one() -> None:
    fault = run("time_malforme").exception
    assert isinstance(fault, CommandError)
    assert fault.code == Exit.NOT_FOUND
    assert "time_malformed" in str(fault.repair)


def test_settings_that_may_not_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HISTOIRE_RULE_SEVERITIES", "INS-02=warn")
    fault = run().exception
    assert isinstance(fault, SettingsError)
    assert "INS-02" in str(fault)
