"""The secured Kafka: every user may do what its line of the table says, over TLS, and no more."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from deploy.broker import BrokerError, start_broker, stop_broker
from deploy.broker.layout import make_cluster, read_cluster
from deploy.broker.security import Security, ensure_security, security_of
from ingest.feed import (
    Acknowledgement,
    Assignment,
    FeedError,
    OutgoingRecord,
    Partition,
    PublishFailure,
    ensure_topics,
    open_poller,
    open_publisher,
)
from ingest.runtime.console import Exit
from ingest.runtime.settings import Settings, variable
from tests.homes import new_home
from tests.shared_kafka import kafka_libraries

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.java,
]
TABLE = """\
[software]
"labo-nord" = ["laboratory"]
"labo-sud" = ["laboratory"]
"identito" = ["identity"]
"registre" = ["registry"]
"si-du-ght" = ["hospital", "identity"]
"""
PARTITIONS = 4


@dataclass
class Secured:
    """A secured broker with its topics, and its users."""

    home: Path
    table: Path
    security: Security
    variables: Mapping[str, str]

    def settings(self, user: str) -> Settings:
        cluster = read_cluster(self.home / "broker")
        assert cluster is not None
        base = Settings(home=self.home, topic_partitions=PARTITIONS)
        return self.security.settings(base, cluster, user)

    def environ(self, user: str, **other: str) -> dict[str, str]:
        """What a process of this user is given."""
        settings = self.settings(user)
        assert settings.kafka_sasl_password is not None
        given = {
            "home": str(self.home),
            "topic_partitions": str(PARTITIONS),
            "metrics_port": "0",
            "kafka_bootstrap": str(settings.kafka_bootstrap),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_user": user,
            "kafka_sasl_password": settings.kafka_sasl_password.get_secret_value(),
            "kafka_ssl_cafile": str(settings.kafka_ssl_cafile),
            **other,
        }
        return {variable(name): value for name, value in given.items()}

    def command(self, user: str, *arguments: str, **other: str) -> str:
        """What `histoire ARGUMENTS` prints as this user; it must end well."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.clean() | self.environ(user, **other),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def refused(self, user: str, **other: str) -> tuple[int, str]:
        """Exit code and errors of a command that can't reach the broker, and soon gives up.

        In a process of its own: failed clients of the library leave open sockets behind.
        """
        program = (
            "from ingest.feed.kafka import connection as it; it.BOOTSTRAP_MS = 1500;"
            "from deploy.cli import run; raise SystemExit(run(['outcomes']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=self.clean() | self.environ(user, **other),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    @staticmethod
    def clean() -> dict[str, str]:
        """The environment of this process without settings."""
        return {k: v for k, v in os.environ.items() if not k.startswith("HISTOIRE_")}

    def acl(self, table: str, *options: str) -> dict[str, object]:
        """`histoire broker acl` with this table, as the administrator."""
        self.table.write_text(table)
        printed = self.command("admin", "broker", "acl", str(self.table), "--json", *options)
        answer: dict[str, object] = orjson.loads(printed)
        return answer


@pytest.fixture(scope="module")
def secured(pytestconfig: pytest.Config) -> Iterator[Secured]:
    home = new_home()
    lib = kafka_libraries(pytestconfig)
    try:
        handle = start_broker(home, port=0, lib=lib, secure=True)
        cluster = read_cluster(home / "broker")
        assert cluster is not None
        security = security_of(home / "broker", cluster)
        assert security is not None
        made = Secured(home, home / "table.toml", security, handle.variables)
        ensure_topics(made.settings("admin"))
        made.acl(TABLE)
        yield made
    finally:
        stop_broker(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def quiet_client(monkeypatch: pytest.MonkeyPatch) -> None:
    # Captured log records would keep the errors of lost connections, and their sockets, alive.
    monkeypatch.setattr(logging.getLogger("kafka"), "propagate", False)


def publish(settings: Settings, *topics: str) -> list[str]:
    """What became of one record for each topic, sent in this order by one publisher."""
    answers: list[str] = []

    def done(answer: Acknowledgement | PublishFailure) -> None:
        answers.append(answer.code if isinstance(answer, PublishFailure) else "acknowledged")

    publisher = open_publisher(settings, client_id="test")
    try:
        for topic in topics:
            publisher.publish(OutgoingRecord(topic, b"key", b"value"), done)
            assert publisher.flush(20)
    finally:
        publisher.close()
    return answers


def read_feed(settings: Settings, group: str | None) -> None:
    """Tries for some seconds; no record may come."""

    def from_start(assignments: Sequence[Assignment]) -> dict[Partition, int]:
        return {assignment.partition: 0 for assignment in assignments}

    poller = open_poller(settings, ["documents"], group=group, resume=from_start, client_id="test")
    try:
        for _ in range(20):
            assert not [polled for polled in poller.poll(0.5, 10, 1 << 20) if polled.records]
    finally:
        poller.close()


def test_nobody_else_can_read_its_secrets_and_no_process_shows_them(secured: Secured) -> None:
    files = [p for p in secured.security.folder.rglob("*") if p.is_file()]
    files.append(secured.home / "broker" / "node-1" / "node.properties")
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    password = secured.security.password_file("admin").read_text().strip()
    assert len(password) >= 32
    pid = (secured.home / "broker" / "node-1" / "pid").read_text().strip()
    for shown in ("cmdline", "environ"):
        assert password.encode() not in (Path("/proc") / pid / shown).read_bytes()
    assert password not in "".join(secured.variables.values())
    node = secured.home / "broker" / "node-1"
    logs = "".join(path.read_text(errors="replace") for path in node.glob("*.log"))
    assert password not in logs


def test_what_is_printed_makes_a_client_in_a_shell(secured: Secured) -> None:
    lines = "".join(f"export {name}={value}\n" for name, value in secured.variables.items())
    script = f'{lines}exec "{sys.executable}" -m deploy outcomes'
    environ = secured.clean() | {
        "HISTOIRE_TOPIC_PARTITIONS": str(PARTITIONS),
        "HISTOIRE_HOME": str(secured.home),
    }
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_laboratory_writes_documents_and_nothing_else(secured: Secured) -> None:
    lab = secured.settings("labo-nord")
    # After the refusal the same publisher goes on: one wrong topic must not stop a laboratory.
    assert publish(lab, "documents", "patients", "outcomes", "documents") == [
        *("acknowledged", "not_authorised", "not_authorised", "acknowledged")
    ]
    assert publish(secured.settings("identito"), "documents", "patients") == [
        *("not_authorised", "acknowledged")
    ]


def test_only_the_registry_says_which_software_is_referenced(secured: Secured) -> None:
    registry = secured.settings("registre")
    assert publish(registry, "documents", "patients", "registry") == [
        *("not_authorised", "not_authorised", "acknowledged")
    ]
    for user in ("labo-nord", "identito"):
        assert publish(secured.settings(user), "registry") == ["not_authorised"]


def test_a_laboratory_cannot_read_the_feed_but_its_outcomes(secured: Secured) -> None:
    lab = secured.settings("labo-nord")

    for group in (None, "histoire-ingest", "labo-nord"):
        with pytest.raises(FeedError):
            read_feed(lab, group)
    secured.command("labo-nord", "outcomes")


@pytest.fixture
def site(secured: Secured, database: str) -> Iterator[dict[str, str]]:
    """Settings of topics of their own, for which the same users have rights during the test."""
    site = {"database_dsn": database, "topic_prefix": "path-", "consumer_group": "path"}
    secured.command("admin", "migrate", **site)
    secured.table.write_text(TABLE)
    secured.command("admin", "broker", "acl", str(secured.table), **site)
    yield site
    secured.acl(TABLE)


def test_the_whole_path_runs_with_a_user_for_each_process(
    secured: Secured, site: dict[str, str]
) -> None:
    simulation = ("--sector", "lab,gp", "--patients", "2", "--documents", "20", "--seed", "11")
    secured.command("si-du-ght", "simulate", *simulation, **site)
    secured.command("histoire-ingest", "ingest", "--until-idle", **site)
    secured.command("histoire-relay", "relay", "--until-idle", **site)
    secured.command("histoire-project", "project", "--until-idle", **site)
    secured.command("histoire-audit", "audit", "--at-end", **site)
    answers = secured.command("labo-nord", "outcomes", "--json", **site).splitlines()
    assert len(answers) >= 20


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kafka_sasl_password": "wrong"}, "refuses the user or the password"),
        ({"kafka_sasl_user": "nobody"}, "refuses the user or the password"),
        ({"kafka_security_protocol": "PLAINTEXT"}, "it probably wants TLS"),
        ({"kafka_security_protocol": "SSL"}, "wants to know who we are"),
        ({"kafka_ssl_cafile": "OTHER"}, "not signed by an authority we trust"),
        ({"kafka_ssl_cafile": "/nowhere/ca.pem"}, "is not there or not readable"),
    ],
)
def test_each_wrong_setting_has_its_sentence_and_exit_code(
    secured: Secured, tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    if wrong.get("kafka_ssl_cafile") == "OTHER":
        wrong = {"kafka_ssl_cafile": str(ensure_security(tmp_path, datetime.now(UTC)).authority)}
    code, errors = secured.refused("labo-nord", **wrong)
    assert code == Exit.UNAVAILABLE
    assert said in errors.replace("\n", " ")
    assert "Traceback" not in errors
    password = secured.security.password_file("labo-nord").read_text().strip()
    assert password not in errors


def test_who_leaves_the_table_loses_his_rights(secured: Secured) -> None:
    assert publish(secured.settings("labo-sud"), "documents") == ["acknowledged"]
    again = secured.acl(TABLE)
    assert (again["granted"], again["revoked"], again["users_made"]) == (0, 0, {})

    silent = secured.acl(TABLE.replace('"labo-sud" = ["laboratory"]', '"labo-sud" = []'))
    assert silent["revoked"] == 3
    assert publish(secured.settings("labo-sud"), "documents") == ["not_authorised"]

    without = TABLE.replace('"labo-sud" = ["laboratory"]\n', "")
    secured.acl(TABLE)
    left = secured.acl(without)
    assert (left["revoked"], left["unlisted"]) == (0, ["labo-sud"])
    gone = secured.acl(without, "--revoke-unlisted")
    assert (gone["revoked"], gone["unlisted"]) == (3, ["labo-sud"])
    assert "refuses the user" in secured.refused("labo-sud")[1]

    old = secured.security.password_file("labo-sud").read_text()
    back = secured.acl(TABLE)
    assert list(dict(back["users_made"])) == ["labo-sud"]  # type: ignore[call-overload]
    assert secured.security.password_file("labo-sud").read_text() != old
    assert publish(secured.settings("labo-sud"), "documents") == ["acknowledged"]


def test_a_plain_cluster_is_not_made_secure_and_a_secured_one_stays_so(tmp_path: Path) -> None:
    make_cluster(tmp_path, 0, 1)
    with pytest.raises(BrokerError, match="without security"):
        make_cluster(tmp_path, 0, 1, secure=True)
    other = tmp_path / "other"
    other.mkdir()
    make_cluster(other, 0, 1, secure=True)
    moved = make_cluster(other, 19_092, 1)
    assert moved.secure
    assert moved == read_cluster(other)
