"""What the package offers, and the example that shows it: run as it stands, on a real feed."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from pydantic import SecretStr

import producers
from ingest.feed import ensure_topics, topic_facts
from ingest.runtime.settings import Settings
from schemas.forms.identity import is_well_formed, key_is_valid


def example() -> str:
    """The lines of the docstring that are set in."""
    lines = (producers.__doc__ or "").splitlines()
    return textwrap.dedent("\n".join(line for line in lines if not line or line[0] == " "))


def test_the_example_publishes(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Settings(database_dsn=SecretStr(database), topic_partitions=4)
    ensure_topics(settings)
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", database)
    monkeypatch.chdir(tmp_path)
    exec(compile(example(), "example", "exec"), {})  # noqa: S102 - our own text
    assert "state='acknowledged'" in capsys.readouterr().out
    assert sum(topic_facts(settings)["documents"].log_end) == 1


def test_everything_named_is_there() -> None:
    for name in producers.__all__:
        assert getattr(producers, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = producers.nothing


def test_the_patient_of_the_example_is_well_formed() -> None:
    assert is_well_formed("279035121518989")
    assert key_is_valid("279035121518989")
    assert "279035121518989" in example()
