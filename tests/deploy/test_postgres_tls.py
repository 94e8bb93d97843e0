"""PostgreSQL over TLS, each process with a password and a role of its own (sslmode=verify-full).

The embedded server is built without TLS: this takes the PostgreSQL of Debian, which is also an
older one, with the older rules of who may give roles away.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from deploy.broker.certificates import ensure_authority, ensure_server
from ingest.runtime.console import Exit
from ingest.runtime.postgres.account import Account, server_account
from ingest.runtime.postgres.embedded import programs
from tests.deploy.site_of_roles import MAKER, USERS, RoleSite, make_database, make_user, whole_path
from tests.homes import new_home
from tests.missing import missing

pytestmark = pytest.mark.system
PASSWORD = "a password of {}, 'quoted' \\ and with spaces"
HBA = """\
local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""


def debian_programs() -> Path:
    """The newest PostgreSQL of the system; the test is skipped where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3])
    )
    if not found:
        missing("postgresql", "no server with TLS is installed")
    return found[-1].parent


@dataclass
class TlsServer:
    """A running server: `superuser` over its socket, everybody else over TLS on `port`."""

    superuser: str
    port: int
    authority: Path
    folder: Path


def start(account: Account, binaries: Path, folder: Path) -> TlsServer:
    """A server with a certificate for this machine, made by an authority of this test."""
    now = datetime.now(UTC)
    authority, key = folder / "ca.pem", folder / "ca.key"
    ensure_authority(key, authority, now)
    certificate = folder / "server.pem"
    ensure_server(certificate, key, authority, now, common_name="postgres", hosts=["127.0.0.1"])
    data = folder / "pg" / "data"
    data.parent.mkdir()
    for path in (data.parent, certificate):
        shutil.chown(path, account.uid, account.gid)
    code, output = account.run(
        binaries / "initdb", "--auth=trust", "--username=postgres", f"--pgdata={data}", "-N"
    )
    assert code == 0, output
    account.write(data / "pg_hba.conf", HBA)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": data.parent,
        "ssl": "on",
        "ssl_cert_file": certificate,
        "ssl_key_file": certificate,
        "fsync": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    log = data.parent / "log"
    code, output = account.run(
        *(binaries / "pg_ctl", "start", "-w", "-D", str(data), "-l", str(log), "-o", options)
    )
    assert code == 0, log.read_text() if log.exists() else output
    superuser = conninfo.make_conninfo(
        "", host=str(data.parent), port=port, user="postgres", dbname="postgres"
    )
    return TlsServer(superuser, port, authority, folder)


@pytest.fixture(scope="module")
def server() -> Iterator[TlsServer]:
    binaries = debian_programs()
    folder = new_home()
    account = server_account(folder / "pg", programs())
    try:
        yield start(account, binaries, folder)
    finally:
        data = folder / "pg" / "data"
        account.run(binaries / "pg_ctl", "stop", "-m", "immediate", "-D", str(data))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def site(server: TlsServer, tmp_path_factory: pytest.TempPathFactory) -> RoleSite:
    """Migrated over TLS."""
    users = (MAKER, *USERS)
    dsn = conninfo.make_conninfo(
        "",
        host="127.0.0.1",
        port=server.port,
        dbname="site",
        sslmode="verify-full",
        sslrootcert=str(server.authority),
    )
    passwords = {user: PASSWORD.format(user) for user in users}
    site = RoleSite(tmp_path_factory.mktemp("home"), dsn, passwords)
    with psycopg.connect(server.superuser, autocommit=True) as conn:
        make_user(conn, MAKER, passwords[MAKER], create_role=True)
        make_database(conn, "site", MAKER)
    migrated = site.run(MAKER, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert "--print-roles" not in migrated.stderr
    site.make_users(server.superuser)
    return site


def test_the_whole_path_runs_over_tls_with_a_user_for_each_process(site: RoleSite) -> None:
    assert whole_path(site) >= 10
    site.done("projector", "replay", "statistics")
    with site.connect("auditor") as conn:
        row = conn.execute(
            "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
        ).fetchone()
    assert row == (True, "TLSv1.3")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "wrong"}, "password authentication failed"),
        ({"sslmode": "disable"}, "no encryption"),
        ({"sslrootcert": "OTHER"}, "certificate verify failed"),
        ({"host": "localhost"}, 'does not match host name "localhost"'),
    ],
)
def test_each_wrong_setting_is_told_and_the_password_is_not(
    site: RoleSite, tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    if wrong.get("sslrootcert") == "OTHER":
        ensure_authority(tmp_path / "key", tmp_path / "ca.pem", datetime.now(UTC))
        wrong = {"sslrootcert": str(tmp_path / "ca.pem")}
    ended = site.run("reader", "statistics", **wrong)
    assert ended.returncode == Exit.UNAVAILABLE, ended.stderr
    assert said in ended.stderr.replace("\n", " ")
    assert "Traceback" not in ended.stderr
    assert site.passwords["reader"] not in ended.stderr
