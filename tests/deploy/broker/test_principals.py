"""The table of who may do what at the broker, and the certificates: without a broker."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.broker.certificates import RENEW_DAYS, SERVER_DAYS, ensure_authority, ensure_server
from deploy.broker.rights.table import (
    KINDS,
    PROCESSES,
    Right,
    RightsTableError,
    read_table,
    rights_of,
    users_of,
)
from deploy.cli import run
from ingest.runtime.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def rights(table: str, user: str) -> set[tuple[str, str, str]]:
    """What a user of the table may do."""
    software = read_table(table.encode())
    return {(o, r, n) for u, o, r, n in rights_of(software, Settings()) if u == user}


@pytest.mark.parametrize("kind", KINDS)
def test_a_software_writes_one_topic_of_the_feed_and_reads_none(kind: str) -> None:
    may = rights(f'[software]\n"x" = ["{kind}"]', "x")
    topic = {"identity": "patients", "registry": "registry"}.get(kind, "documents")
    assert may == {
        ("Write", "topic", topic),
        ("Read", "topic", "outcomes"),
        ("Read", "group", "x"),
    }


def test_kinds_add_up_and_none_is_nothing() -> None:
    may = rights('[software]\n"x" = ["hospital", "imaging", "identity"]', "x")
    assert {n for o, _, n in may if o == "Write"} == {"documents", "patients"}
    assert rights('[software]\n"x" = []', "x") == set()


def test_processes_have_what_they_need_and_only_ingestion_reads_the_feed() -> None:
    found = rights_of([], Settings(topic_prefix="t-", consumer_group="g"))
    readers = {r.user for r in found if r.operation == "Read" and r.name.startswith("t-")}
    assert readers == {"histoire-ingest"}
    assert Right("histoire-ingest", "Read", "group", "g") in found
    writers = {(r.user, r.name) for r in found if r.operation == "Write"}
    assert writers == {("histoire-relay", "t-outcomes"), ("histoire-project", "t-notifications")}
    assert users_of([]) == list(PROCESSES)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[software", "no TOML"),
        (b"\xff".decode("latin1"), "no TOML"),
        ("[softwares]", r"\[softwares\]"),
        ("software = 3", "must be a table"),
        ('[software]\n"x" = ["lab"]', "there is no kind 'lab'"),
        ('[software]\n"x" = "laboratory"', "list of words"),
        ('[software]\n"x" = [1]', "list of words"),
        ('[software]\n"User:*" = ["laboratory"]', "can't be the id"),
        ('[software]\n"../x" = ["laboratory"]', "can't be the id"),
        ('[software]\n"admin" = ["laboratory"]', "can't be the id"),
        ('[software]\n"histoire-ingest" = ["laboratory"]', "can't be the id"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(table: str, said: str) -> None:
    with pytest.raises(RightsTableError, match=said):
        read_table(table.encode())


def test_print_needs_no_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTOIRE_HOME", str(tmp_path / "home"))
    table = tmp_path / "table.toml"
    table.write_text('[software]\n"labo" = ["laboratory"]')
    assert run(["broker", "acl", str(table), "--print"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("kafka-acls.sh --bootstrap-server") for line in lines)
    lab = [line for line in lines if "User:labo " in line]
    assert [line.split("--operation ")[1] for line in lab] == [
        *("Write --topic documents", "Read --topic outcomes", "Read --group labo")
    ]
    assert not (tmp_path / "home").exists()
    assert run(["broker", "acl", str(table)]) == 4
    assert "broker start --secure" in capsys.readouterr().err
    table.write_text('[software]\n"labo" = ["lab"]')
    assert run(["broker", "acl", str(table), "--print"]) == 2
    assert "there is no kind 'lab'" in capsys.readouterr().err


def handshake(pem: Path, authority: Path, host: str) -> None:
    """A TLS handshake in memory; raises ssl.SSLError when the client refuses."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    client_side = ssl.create_default_context(cafile=str(authority))
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    ways = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(ways[0], ways[1], server_hostname=host)
    server = server_side.wrap_bio(ways[1], ways[0], server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_certificates_hold_for_this_machine_and_their_authority_only(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    key, authority, server = (tmp_path / name for name in ("ca.key", "ca.pem", "server.pem"))
    ensure_authority(key, authority, now)
    ensure_server(server, key, authority, now, common_name="broker")
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {0o600}
    for host in ("127.0.0.1", "localhost"):
        handshake(server, authority, host)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(server, authority, "kafka.example")
    other = tmp_path / "other.pem"
    ensure_authority(tmp_path / "other.key", other, now)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, other, "localhost")


def test_a_certificate_is_renewed_before_it_lapses_and_with_its_authority(tmp_path: Path) -> None:
    key, authority, server = (tmp_path / name for name in ("ca.key", "ca.pem", "server.pem"))

    def made(now: datetime) -> bytes:
        ensure_authority(key, authority, now)
        ensure_server(server, key, authority, now, common_name="broker")
        return server.read_bytes()

    first = made(NOW)
    assert made(NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS - 1)) == first
    second = made(NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS + 1))
    assert second != first
    authority.unlink()
    assert made(NOW) != second
