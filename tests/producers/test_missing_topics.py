"""Producers make no topic: they are the operator's. Without one they say so, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from deploy.cli import run
from ingest.feed import ensure_topics, topic_facts
from ingest.runtime.console import Exit
from ingest.runtime.settings import Settings
from producers.simulator.cda.document import CdaWriter
from tests.producers.samples_of_plan import documents_of, planned

Commands = Callable[..., tuple[int, str]]


@pytest.fixture
def histoire(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Commands:
    """Exit code and stderr of a command of the whole system."""
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", database)
    monkeypatch.setenv("HISTOIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "4")

    def command(*arguments: str, prefix: str = "") -> tuple[int, str]:
        monkeypatch.setenv("HISTOIRE_TOPIC_PREFIX", prefix)
        capsys.readouterr()
        code = run(list(arguments))
        return code, capsys.readouterr().err

    return command


def calls(tmp_path: Path) -> list[tuple[str, ...]]:
    document = documents_of(planned(10, 7))[0]
    (tmp_path / "a.xml").write_bytes(CdaWriter(7).write(document))
    return [
        ("send", str(tmp_path / "a.xml")),
        ("simulate", "--sector", "gp", "--patients", "1", "--documents", "1"),
        ("outcomes",),
    ]


def test_before_any_migration(histoire: Commands, database: str, tmp_path: Path) -> None:
    for call in calls(tmp_path):
        code, said = histoire(*call)
        assert code == Exit.HALTED, call
        assert "histoire migrate" in said
    with psycopg.connect(database) as conn:
        assert conn.execute("select to_regnamespace('feed')").fetchone() == (None,)


def test_topics_of_another_prefix(histoire: Commands, database: str, tmp_path: Path) -> None:
    settings = Settings(database_dsn=SecretStr(database), topic_partitions=4)
    ensure_topics(settings)
    for call in calls(tmp_path):
        code, said = histoire(*call, prefix="ghost-")
        assert code == Exit.HALTED, call
        topic = "outcomes" if call == ("outcomes",) else "documents"
        assert f"topic {topic} does not exist: run `histoire migrate`, or ask" in said
    ghost = Settings.model_validate({**settings.model_dump(), "topic_prefix": "ghost-"})
    assert topic_facts(ghost) == {}
    assert histoire("outcomes")[0] == Exit.OK
