"""What tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import cli
from ingest.runtime.settings import Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Exit code, stdout and stderr of a command on an empty database."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HISTOIRE_{name.upper()}", raising=False)
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", database)
    monkeypatch.setenv("HISTOIRE_HOME", str(tmp_path))
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "2")
    monkeypatch.setenv("HISTOIRE_METRICS_PORT", "0")

    def command(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run(list(arguments))
        return code, *capfd.readouterr()

    return command
