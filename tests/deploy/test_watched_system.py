"""A real Prometheus finds every series that panels and alerts ask for, and sees a stage stall."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest

from deploy.grafana.__main__ import DASHBOARDS
from ingest.runtime.postgres.embedded import stop_embedded
from tests.deploy import prometheus
from tests.deploy.test_dashboards import panels
from tests.deploy.watched_system import Prometheus, Watched, eventually, free_ports

pytestmark = [pytest.mark.system, pytest.mark.timing]
SELECTOR = re.compile(r"\b((?:histoire_|process_)\w+|up)\b(\{[^}]*\})?")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watched, Prometheus]]:
    """Everything runs, and a simulated practice was fed, with some faults."""
    prometheus.program("prometheus")
    home = tmp_path_factory.mktemp("watched")
    system = Watched(home)
    port = free_ports(1)
    producer = system.begin(
        *("mllp", "--port", "0", "--ack-when", "queued", "--metrics-port", str(port))
    )
    watch = Prometheus(tmp_path_factory.mktemp("prometheus") / "etc", [system.port], [port])
    try:
        system.command("simulate", "--patients", "20", "--documents", "400", "--faults", "0.03")
        yield system, watch
    finally:
        watch.close()
        producer.terminate()
        producer.wait(40)
        system.close()
        stop_embedded(home)


def expressions() -> list[tuple[str, str]]:
    """Every expression of the dashboards, under its panel's title."""
    found = []
    for name in DASHBOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                expression = target["expr"].replace("$instance", ".*")
                for window in ("$__rate_interval", "$__range"):
                    expression = expression.replace(window, "1m")
                found.append((f"{name}: {panel['title']}", expression))
    return found


def test_every_panel_shows_something(watched: tuple[Watched, Prometheus]) -> None:
    _, watch = watched
    asked = expressions()
    assert len(asked) > 50

    def empty() -> list[tuple[str, str]]:
        return [(title, expression) for title, expression in asked if not watch.query(expression)]

    eventually(lambda: not empty(), empty)


def test_every_series_asked_for_exists(watched: tuple[Watched, Prometheus]) -> None:
    """Also those that an `or` or a comparison hides from the test above."""
    _, watch = watched
    texts = [expression for _, expression in expressions()]
    texts += [rule["expr"] for rule in prometheus.rules()]
    selectors = {match.group(0) for text in texts for match in SELECTOR.finditer(text)}
    assert len(selectors) > 50

    def missing() -> list[str]:
        return [s for s in sorted(selectors) if not watch.query(f"count({s})")]

    eventually(lambda: not missing(), missing)


@pytest.mark.parametrize(("command", "process"), [("project", "project"), ("ingest", "ingest-1")])
def test_a_frozen_stage_is_an_alert_and_a_sound_system_is_none(
    watched: tuple[Watched, Prometheus], command: str, process: str
) -> None:
    system, watch = watched
    eventually(lambda: watch.alerts() == set(), watch.alerts)
    assert watch.rule_faults() == []
    frozen = system.child(command)
    os.kill(frozen, signal.SIGSTOP)
    try:
        stuck = {("HistoireStageStuck", process)}
        eventually(lambda: watch.alerts() == stuck, watch.alerts)
        (answers,) = watch.query(f'histoire_process_answering{{process="{process}"}}')
        assert answers["value"][1] == "0"
    finally:
        os.kill(frozen, signal.SIGCONT)
    eventually(lambda: watch.alerts() == set(), watch.alerts)
