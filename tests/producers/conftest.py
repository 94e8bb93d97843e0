"""What tests of the commands of producers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.feed import ensure_topics
from ingest.runtime.settings import Settings


@pytest.fixture
def settings(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with its topics, in the environment of the commands that are started."""
    environment = {
        "HISTOIRE_DATABASE_DSN": database,
        "HISTOIRE_HOME": str(tmp_path / "home"),
        "HISTOIRE_TOPIC_PARTITIONS": "4",
        "HISTOIRE_METRICS_PORT": "0",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = Settings.load(environment)
    ensure_topics(made)
    return made
