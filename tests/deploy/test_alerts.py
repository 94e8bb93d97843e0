"""Every alert is seen firing and silent, by the real promtool, and leads to a repair."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from deploy.cli import make_app
from ingest.runtime.settings import Settings
from tests.deploy import prometheus

GROUP = {"job": "histoire", "instance": "h:9464"}


@dataclass(frozen=True)
class Case:
    """Series (promtool notation, one sample a minute), when the alert fires, when it is silent.

    Promtool's clock begins at 0, so a timestamp metric of 1 s is as old as the test has run.
    """

    alert: str
    series: dict[str, str]
    silent_at: str
    fires_at: str
    summary: str
    labels: dict[str, str] = field(default_factory=dict)
    description: str | None = None


CASES = [
    Case(
        "HistoireDown",
        {"up": "1x5 0x20"},
        "7m",
        "8m",
        "The group on h:9464 does not answer",
        GROUP,
    ),
    Case(
        "HistoireProcessStopped",
        {'histoire_process_stopped{process="ingest-1"}': "0x4 1x20"},
        "4m",
        "5m",
        "ingest-1 stopped itself and waits for a person",
        {**GROUP, "process": "ingest-1"},
    ),
    Case(
        "HistoireProcessRestarts",
        {'histoire_process_restarts_total{process="relay"}': "0x5 1x5 3x5 9x20"},
        "12m",
        "18m",
        "relay crashes again and again",
        {**GROUP, "process": "relay"},
        "The supervisor started the process 9 times in 15 minutes.",
    ),
    Case(
        "HistoireStageStuck",
        {
            'histoire_process_up{process="project"}': "1x30",
            'histoire_heartbeat_timestamp_seconds{process="project",loop="project"}': (
                "0+60x10 600x20"
            ),
        },
        "11m",
        "12m",
        "project runs, but its loop stands still",
        {**GROUP, "process": "project"},
    ),
    Case(
        "HistoireStageStuck",
        {
            'histoire_process_up{process="ingest-1"}': "1x30",
            'histoire_heartbeat_timestamp_seconds{process="ingest-1",loop="ingest"}': (
                "0+60x10 stale"
            ),
        },
        "10m",
        "12m",
        "ingest-1 runs, but its loop stands still",
        {**GROUP, "process": "ingest-1"},
    ),
    Case(
        "HistoireOldestUnprocessed",
        {
            'histoire_oldest_unprocessed_timestamp_seconds{stage="stored",partition="3"}': (
                "0x4 60x30"
            ),
            'histoire_oldest_unprocessed_timestamp_seconds{stage="stored",partition="4"}': "0x30",
        },
        "7m",
        "8m",
        "Messages wait to be stored for 7m 0s",
        {"instance": "h:9464", "stage": "stored"},
        "The oldest message or event that has not passed stage stored is older than 5 minutes.",
    ),
    Case(
        "HistoireProjectionStandsStill",
        {
            'histoire_projection_errors_total{process="project",projection="timeline"}': (
                "0x10 0+60x30"
            )
        },
        "14m",
        "20m",
        "Projection timeline stands still",
        {**GROUP, "process": "project", "projection": "timeline"},
    ),
    Case(
        "HistoireProjectionStandsStill",
        {
            'histoire_projection_lag_events{process="project",projection="statistics"}': "5x40",
            'histoire_projection_events_total{process="project",projection="statistics"}': (
                "0+10x10 100x40"
            ),
        },
        "19m",
        "27m",
        "Projection statistics stands still",
        {**GROUP, "process": "project", "projection": "statistics"},
    ),
    Case(
        "HistoireHoles",
        {
            'histoire_balance_holes{process="ingest-1",topic="documents",partition="7"}': (
                "0x4 2x20"
            ),
            'histoire_balance_holes{process="ingest-2",topic="documents",partition="7"}': "0x24",
        },
        "4m",
        "5m",
        "Offsets without a message in documents/7",
        {"topic": "documents", "partition": "7"},
        "The balance sheet of the partition has 2 holes. The feed has none by construction:"
        " messages may have been lost before they were read.",
    ),
    Case(
        "HistoireRejectionsHigh",
        {
            'histoire_messages_total{topic="documents",outcome="accepted"}': "0+90x60",
            'histoire_messages_total{topic="documents",outcome="rejected"}': "0x20 0+10x40",
        },
        "24m",
        "40m",
        "10% of documents are rejected",
        {"topic": "documents"},
    ),
    Case(
        "HistoireDeadLettersOld",
        {
            'histoire_dead_letters_oldest_timestamp_seconds{process="ingest-1"}': "60x1500",
            'histoire_dead_letters_oldest_timestamp_seconds{process="relay"}': "0x1500",
        },
        "1445m",
        "1447m",
        "A dead letter has waited for 1d 0h 6m 0s",
    ),
    Case(
        "HistoireFencedBatches",
        {'histoire_fenced_batches_total{process="ingest-1"}': "0x10 0+1x30"},
        "19m",
        "25m",
        "ingest-1 keeps losing batches to another owner",
        {**GROUP, "process": "ingest-1"},
    ),
    Case(
        "HistoireRelayBacklog",
        {'histoire_relay_oldest_timestamp_seconds{process="relay",topic="outcomes"}': "0x4 60x20"},
        "7m",
        "8m",
        "Nothing is published on outcomes",
        {**GROUP, "process": "relay", "topic": "outcomes"},
        "The oldest entry to be published on outcomes has waited for 7m 0s. Producers wait for"
        " their outcomes, or people for their notifications; nothing is lost.",
    ),
    Case(
        "HistoirePublisherQueueOld",
        {"histoire_publisher_oldest_timestamp_seconds": "0x4 60x30"},
        "17m",
        "18m",
        "Documents wait at producer h:9464",
        GROUP,
        "The oldest document in the producer's queue has waited for 17m 0s for the feed's"
        " acknowledgement. It is safe on its disk.",
    ),
]


def test_every_alert_has_a_case() -> None:
    assert {rule["alert"] for rule in prometheus.rules()} == {case.alert for case in CASES}
    assert len(prometheus.rules()) <= 12


def test_every_alert_says_what_to_do() -> None:
    runbook = (prometheus.FOLDER / "RUNBOOK.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", runbook, re.MULTILINE | re.DOTALL))
    assert set(sections) == {rule["alert"] for rule in prometheus.rules()}
    for rule in prometheus.rules():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert prometheus.FOLDER.parents[1] / file == prometheus.FOLDER / "RUNBOOK.md"
        assert anchor == rule["alert"].lower()
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert all(part in sections[rule["alert"]] for part in ("**Means.**", "**Look"))
        assert "repair" in sections[rule["alert"]].lower()


def test_runbook_names_commands_and_settings_that_exist() -> None:
    runbook = (prometheus.FOLDER / "RUNBOOK.md").read_text()
    for name in set(re.findall(r"HISTOIRE_([A-Z_]+)", runbook)) - {"INSTANCE"}:
        assert name.lower() in Settings.model_fields
    root = typer.main.get_command(make_app())
    commands = set(
        re.findall(r"`histoire ([a-z-]+(?: [a-z]+)?)([^`]*)`", runbook.replace("\n", " "))
    )
    assert len(commands) > 10
    for words, options in commands:
        command = root
        for word in words.split():
            found = getattr(command, "commands", {}).get(word)
            command = found or command
            assert found is not None or not hasattr(command, "commands"), words
        known = {opt for parameter in command.params for opt in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known, (words, options)


def test_config_and_rules_are_what_prometheus_takes() -> None:
    subprocess.run(
        [prometheus.program("promtool"), "check", "config", prometheus.FOLDER / "prometheus.yml"],
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}-{case.fires_at}")
def test_alert_fires_and_is_silent_before(case: Case, tmp_path: Path) -> None:
    written = tmp_path / "test.yml"
    written.write_text(yaml.safe_dump(_unit_test(case)))
    done = subprocess.run(
        [prometheus.program("promtool"), "test", "rules", written],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _unit_test(case: Case) -> dict[str, Any]:
    (rule,) = [rule for rule in prometheus.rules() if rule["alert"] == case.alert]
    said = {**rule["annotations"], "summary": case.summary}
    if case.description is not None:
        said["description"] = case.description
    labels = {**case.labels, **rule["labels"]}
    fires = {"exp_labels": labels, "exp_annotations": said}
    return {
        "rule_files": [str(prometheus.FOLDER / "alerts.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": _with_target(name), "values": values}
                    for name, values in case.series.items()
                ],
                "alert_rule_test": [
                    {"eval_time": case.silent_at, "alertname": case.alert, "exp_alerts": []},
                    {"eval_time": case.fires_at, "alertname": case.alert, "exp_alerts": [fires]},
                ],
            }
        ],
    }


def _with_target(series: str) -> str:
    name, _, labels = series.rstrip("}").partition("{")
    target = ",".join(f'{label}="{value}"' for label, value in GROUP.items())
    return f"{name}{{{labels},{target}}}" if labels else f"{name}{{{target}}}"
