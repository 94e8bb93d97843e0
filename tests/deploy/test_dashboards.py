"""The committed dashboards are what the code makes, and whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from deploy.grafana.__main__ import DASHBOARDS, FOLDER, as_json
from ingest.runtime.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]


def panels(name: str) -> Iterator[dict[str, Any]]:
    for panel in json.loads((FOLDER / f"{name}.json").read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


@pytest.mark.parametrize("name", DASHBOARDS)
def test_json_is_what_the_code_makes(name: str) -> None:
    committed = (FOLDER / f"{name}.json").read_text()
    assert committed == as_json(DASHBOARDS[name]()), "run: python -m deploy.grafana"


def test_there_is_no_other_dashboard() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_are_whole(name: str) -> None:
    board = json.loads((FOLDER / f"{name}.json").read_text())
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    titles = [panel["title"] for panel in panels(name)]
    assert len(set(titles)) == len(titles)
    for panel in panels(name):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert 'instance=~"$instance"' in target["expr"], target["expr"]
            assert target["datasource"]["uid"] == "${datasource}"


def test_every_metric_is_on_a_dashboard() -> None:
    """What nobody looks at should not be measured."""
    shown = " ".join((FOLDER / f"{name}.json").read_text() for name in DASHBOARDS)
    text = generate_latest(Metrics(CollectorRegistry()).registry).decode()
    declared = set(re.findall(r"^# TYPE (histoire_\w+)", text, re.MULTILINE))
    assert len(declared) > 40
    assert {name for name in declared if name not in shown} == set()


def test_the_provisioned_folder_and_source_are_those_of_the_compose_file() -> None:
    folder = FOLDER.parent / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards" / "histoire.yml").read_text())["providers"]
    (source,) = yaml.safe_load((folder / "datasources" / "histoire.yml").read_text())["datasources"]
    services = yaml.safe_load((ROOT / "deploy/container/compose.yml").read_text())["services"]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
