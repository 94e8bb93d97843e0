"""Settings: only from what is given, all faults at once, no secret repeated."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ingest.runtime.settings import Settings, SettingsError


def test_defaults_need_nothing_and_ignore_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", "3")
    assert Settings().topic_partitions == 24
    assert Settings.load().topic_partitions == 3
    assert Settings.load({}).database_dsn is None


def test_values_are_read_with_their_units_and_empty_ones_count_as_unset() -> None:
    loaded = Settings.load(
        {
            "HISTOIRE_BATCH_MAX_BYTES": "64MiB",
            "HISTOIRE_KAFKA_BOOTSTRAP": "a.example:9092,b.example:9093",
            "HISTOIRE_KEYS_DSN": "",
            "PATH": "/bin",
        }
    )
    assert loaded.batch_max_bytes == 64 * 1024 * 1024
    assert loaded.kafka_bootstrap == "a.example:9092,b.example:9093"
    assert loaded.keys_dsn is None
    assert loaded.model_fields_set == {"batch_max_bytes", "kafka_bootstrap"}


def test_all_problems_are_reported_at_once_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(
            {
                "HISTOIRE_DATABSE_DSN": "x",
                "HISTOIRE_QQQ": "x",
                "HISTOIRE_METRICS_PORT": "99999",
                "HISTOIRE_ENVIRONMENT": "prod",
            }
        )
    problems = caught.value.problems
    assert problems[0] == (
        "HISTOIRE_DATABSE_DSN is not a setting; did you mean HISTOIRE_DATABASE_DSN?"
    )
    assert (
        problems[1] == "HISTOIRE_QQQ is not a setting; unset it: `histoire config` then lists all"
    )
    assert {problem.split(":")[0] for problem in problems[2:]} == {
        "HISTOIRE_METRICS_PORT",
        "HISTOIRE_ENVIRONMENT",
    }


def test_a_bad_value_is_never_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"HISTOIRE_KAFKA_BOOTSTRAP": "user:s3cret@host"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("dsn", ["blah s3cret", "postgresql://u:s3cret@[h", "port=1 s3cret=x"])
@pytest.mark.parametrize("name", ["HISTOIRE_DATABASE_DSN", "HISTOIRE_KEYS_DSN"])
def test_what_is_no_connection_string_is_refused_by_name(name: str, dsn: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: dsn})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}: this is no connection string")
    assert "s3cret" not in str(caught.value)


def test_secrets_do_not_show() -> None:
    loaded = Settings.load({"HISTOIRE_DATABASE_DSN": "postgresql://u:s3cret@h/d"})
    assert "s3cret" not in repr(loaded)
    assert loaded.database_dsn is not None
    assert loaded.database_dsn.get_secret_value() == "postgresql://u:s3cret@h/d"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"HISTOIRE_BATCH_MAX_BYTES": "8MiB"}, "BATCH_MAX_BYTES must exceed"),
        ({"HISTOIRE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_MECHANISM"),
        ({"HISTOIRE_KAFKA_SSL_KEYFILE": "k.pem"}, "needs KAFKA_SSL_CERTFILE"),
    ],
)
def test_contradictions_are_refused(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.load(environ)


def test_settings_are_frozen_and_each_says_what_it_is() -> None:
    with pytest.raises(ValidationError):
        setattr(Settings(), "topic_partitions", 3)  # noqa: B010 - the type checker knows it too
    assert all(field.description for field in Settings.model_fields.values())
