"""Outcomes on the feed become answers with sentences."""

from __future__ import annotations

import orjson
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from ingest.feed import (
    Acknowledgement,
    OutgoingRecord,
    PublishFailure,
    ensure_topics,
    open_publisher,
)
from ingest.runtime.settings import Settings
from producers.outcomes.command import register_outcomes
from producers.outcomes.explained import ExplainedOutcome, explain
from producers.outcomes.reader import OutcomeReader
from schemas.codec.messages import encode
from schemas.feed.outcomes import Outcome
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE
from tests.producers.registered import registered


def outcome(number: int, *, software: str = "lab-1", code: str | None = None) -> Outcome:
    return {
        "outcomeId": f"documents/0/{number}/1",
        "messageId": number.to_bytes(16),
        "softwareId": software,
        "topic": "documents",
        "partition": 0,
        "offset": number,
        "attempt": 1,
        "status": "REJECTED" if code else "ACCEPTED",
        "code": code,
        "ruleId": REJECTIONS[code].rule_id if code else None,
        "path": "ins.matricule" if code else None,
        "decidedAt": 1_700_000_000_000,
        "traceparent": None,
        "english": REJECTIONS[code].english if code else None,
        "french": REJECTIONS[code].french if code else None,
        "documentation": REJECTIONS[code].link(RULES_PAGE) if code else None,
        "warnings": [],
    }


def publish(settings: Settings, *outcomes: Outcome) -> None:
    answers: list[Acknowledgement | PublishFailure] = []
    publisher = open_publisher(settings, client_id="test")
    for found in outcomes:
        record = OutgoingRecord("outcomes", found["softwareId"].encode(), encode("Outcome", found))
        publisher.publish(record, answers.append)
    assert publisher.flush(20)
    publisher.close()
    assert all(isinstance(answer, Acknowledgement) for answer in answers)


@pytest.fixture
def settings(database: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(database_dsn=SecretStr(database), topic_partitions=4)
    ensure_topics(made)
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", database)
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "4")
    return made


@pytest.mark.parametrize("code", sorted(REJECTIONS))
def test_every_rejection_has_both_sentences_and_a_repair(code: str) -> None:
    answer = explain(outcome(1, code=code))
    assert (answer.english, answer.french) == (REJECTIONS[code].english, REJECTIONS[code].french)
    assert answer.repair
    assert not answer.is_good


def test_a_code_of_a_later_version_is_shown_as_it_is() -> None:
    unknown: Outcome = {**outcome(1, code="opposed"), "code": "invented_later", "english": None}
    assert "invented_later" in explain(unknown).english


def test_an_answer_written_before_answers_had_sentences_is_explained_all_the_same() -> None:
    old: Outcome = {**outcome(1, code="opposed"), "english": None, "french": None}
    old["documentation"] = None
    answer = explain(old, "https://rules.example/dmp")
    assert answer.english == REJECTIONS["opposed"].english
    assert answer.documentation == f"https://rules.example/dmp#{REJECTIONS['opposed'].rule_id}"


def test_the_words_of_the_answer_stand_above_those_of_this_version() -> None:
    newer: Outcome = {**outcome(1, code="opposed"), "english": "Said by a later version."}
    assert explain(newer).english == "Said by a later version."


def test_a_person_is_told_rule_field_sentences_repair_link_and_warnings() -> None:
    warned = outcome(1)
    rule = REJECTIONS["time_malformed"]
    link = rule.link(RULES_PAGE)
    warned["warnings"] = [
        {
            "ruleId": rule.rule_id,
            "code": rule.code,
            "path": "document.creationTime",
            "english": rule.english,
            "french": rule.french,
            "documentation": link,
        }
    ]
    answer = explain(warned)
    assert answer.is_good
    said = "\n".join(answer.lines())
    for part in (f"{rule.rule_id} {rule.code} (document.creationTime)", rule.english, rule.french):
        assert part in said
    assert rule.repair in said
    assert link in said
    assert answer.as_json()["warnings"] == [{**warned["warnings"][0], "repair": rule.repair}]


def test_all_answers_are_read_once_and_the_end_is_known(settings: Settings) -> None:
    publish(settings, *(outcome(n, software=f"s-{n % 5}") for n in range(200)))
    reader = OutcomeReader(settings, client_id="test", from_end=False)
    answers: list[ExplainedOutcome] = []
    while not reader.at_end:
        answers += reader.read(1.0)
    reader.close()
    assert sorted(a.outcome["offset"] for a in answers) == list(range(200))
    assert reader.unreadable == 0


def test_from_the_end_only_later_answers_come(settings: Settings) -> None:
    publish(settings, outcome(1), outcome(2))
    reader = OutcomeReader(settings, client_id="test", from_end=True)
    while not reader.is_ready:
        assert reader.read(0.2) == []
    publish(settings, outcome(3))
    answers: list[ExplainedOutcome] = []
    while not answers:
        answers = reader.read(1.0)
    reader.close()
    assert [answer.outcome["offset"] for answer in answers] == [3]


def test_command_prints_one_object_per_answer_of_the_software_asked_for(
    settings: Settings,
) -> None:
    publish(settings, outcome(1), outcome(2, code="ins_key_wrong"), outcome(3, software="gp-1"))
    app = registered(register_outcomes)
    app.command("nothing")(lambda: None)
    result = CliRunner().invoke(app, ["outcomes", "--software", "lab-1", "--json"])
    assert result.exit_code == 0, result.output
    lines = sorted(map(orjson.loads, result.stdout.splitlines()), key=lambda line: line["offset"])
    assert [line["status"] for line in lines] == ["ACCEPTED", "REJECTED"]
    assert lines[1]["english"] == REJECTIONS["ins_key_wrong"].english
    assert lines[1]["messageId"] == "00000000-0000-0000-0000-000000000002"
    shown = CliRunner().invoke(app, ["outcomes"])
    assert shown.exit_code == 0
    assert REJECTIONS["ins_key_wrong"].french in shown.stdout
    assert "INS-02 ins_key_wrong (ins.matricule)" in shown.stdout
    assert "docs/rules.md#INS-02" in shown.stdout
    assert shown.stdout.count("ACCEPTED") == 2
