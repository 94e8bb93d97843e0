"""`histoire status` and `histoire run` where something is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from deploy.group.command import PORT_LAST, children_of
from deploy.status.endings import ending
from ingest.runtime.console import CommandError, Exit
from ingest.runtime.metrics import Metrics, MetricsEndpoint, serve
from ingest.runtime.settings import Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def migrated(run: Run) -> Run:
    code, _, error = run("migrate")
    assert code == 0, error
    return run


@pytest.mark.parametrize("command", ["run", "status", "audit", "ingest", "project"])
def test_before_migrate_a_command_says_so_and_ends_2(run: Run, command: str) -> None:
    code, out, error = run(command)
    assert (code, out) == (Exit.USAGE, "")
    assert "histoire migrate" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_missing_master_key_halts(migrated: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "master.key").unlink()
    code, _, error = migrated(command)
    assert code == Exit.HALTED
    assert "restore it from its backup" in error


def test_all_is_well(migrated: Run) -> None:
    code, out, _ = migrated("status", "--json")
    found = orjson.loads(out)
    assert (code, found["healthy"], found["missing"], found["ended"]) == (0, True, [], {})
    assert [topic["partitions"] for topic in found["topics"]] == [2, 2, 2]


def test_a_topic_that_is_not_there_is_named(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HISTOIRE_TOPIC_PREFIX", "other-")
    code, out, _ = migrated("status", "--json")
    found = orjson.loads(out)
    assert (code, found["healthy"]) == (Exit.FAILED, False)
    assert found["missing"] == ["documents", "patients", "registry", "outcomes", "notifications"]
    assert "topics that do not exist: documents" in migrated("status")[1]


def test_of_a_feed_that_is_away_nothing_is_said_to_be_0(
    migrated: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    code, out, _ = migrated("status", "--json")
    found = orjson.loads(out)
    assert (code, found["healthy"]) == (Exit.UNAVAILABLE, False)
    assert [(topic["fetched"], topic["lag"]) for topic in found["topics"]] == [(None, None)] * 3


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, migrated: Run) -> Iterator[tuple[Metrics, Any]]:
    """Where `status` asks for the group."""
    metrics = Metrics(CollectorRegistry())
    served: MetricsEndpoint = serve(metrics.registry, "127.0.0.1", 0)
    monkeypatch.setenv("HISTOIRE_METRICS_PORT", str(served.port))
    yield metrics, migrated
    served.close()


def test_why_a_process_is_down_is_said(endpoint: tuple[Metrics, Run]) -> None:
    metrics, command = endpoint
    for process, up, code in (("ingest-1", 0, 3), ("relay", 1, -9), ("project", 1, None)):
        metrics.process_up.labels(process).set(up)
        if code is not None:
            metrics.process_exit_code.labels(process).set(code)
    code, out, _ = command("status")
    assert code == Exit.FAILED
    expected = "ingest-1 DOWN (exit code 3: too many messages would be rejected), relay up"
    assert expected in out
    assert list(orjson.loads(command("status", "--json")[1])["ended"]) == ["ingest-1"]


def test_an_ending_in_words() -> None:
    assert ending(-9) == "ended by signal 9"
    assert ending(Exit.HALTED) == "exit code 5: halted, a person must decide"
    assert ending(99) == "exit code 99"


def test_a_port_without_room_after_it_is_refused_before_anything_starts() -> None:
    assert len(children_of(Settings(metrics_port=PORT_LAST - 3), 1)) == 3
    with pytest.raises(CommandError, match="HISTOIRE_METRICS_PORT") as refused:
        children_of(Settings(metrics_port=PORT_LAST - 3), 2)
    assert refused.value.code is Exit.USAGE
    assert len(children_of(Settings(metrics_port=0), 64)) == 66
