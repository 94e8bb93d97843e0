"""Rights in the database: each process can do its work as its own user, and nothing else.

On a server of its own, since roles belong to the whole server.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent, Tracking
from psycopg import conninfo, errors
from pydantic import SecretStr

from ingest.eventstore import EventStore
from ingest.eventstore.library.recorder import HistoireRecorder
from ingest.eventstore.tables.rights import ROLES
from ingest.runtime.postgres.embedded import start_embedded, stop_embedded
from ingest.runtime.settings import Settings
from projections.all_projections import PROJECTIONS, remove_erased_from_projections
from tests.deploy.site_of_roles import MAKER, RoleSite, make_database, make_user, whole_path
from tests.homes import new_home

pytestmark = pytest.mark.system
FORBIDDEN = {
    "ingestor": (
        "select 1 from projection.live",
        "select 1 from projection.statistics_1_document",
        "update event set state = ''",
        "delete from event",
        "truncate event",
        "insert into event_00000 select * from event",
        "update event_00000 set state = ''",
        "update stream set record = 1",
        "update dead_letter set source_offset = 0",
        "delete from dead_letter",
        "delete from applied_message",
        "update identity set record = 1",
        "delete from stream",
        "select 1 from outcome_batch",
        "update record_key set wrapped = null, erased_at = now()",
        "delete from record_key",
        "update erasure_count set erasures = 0",
        "create table public.mine (a int)",
    ),
    "relay": (
        "select 1 from event",
        "select 1 from identity",
        "select 1 from record_key",
        "select 1 from dead_letter",
        "select 1 from projection.live",
        "insert into outcome_batch (source, payload, created_at) values ('', '', now())",
        "update outcome_batch set payload = ''",
    ),
    "projector": (
        "insert into event select * from event",
        "update event set state = ''",
        "delete from event",
        "update stream set version = 0",
        "update log_head set position = 0",
        "select 1 from identity",
        "select 1 from dead_letter",
        "insert into applied_message values (gen_random_uuid(), '', 0)",
        "update record_key set wrapped = null, erased_at = now()",
        "update source_position set next_offset = 0",
        "create table public.mine (a int)",
        "drop schema projection cascade",
        "alter table event disable trigger all",
    ),
    "reader": (
        "select 1 from event",
        "select 1 from stream",
        "select 1 from dead_letter",
        "select wrapped from record_key",
        "select 1 from feed.record",
        "select 1 from outcome_batch",
        "delete from projection.statistics_1_document",
        "update projection.live set build = 1",
        "insert into projection.forgotten values (1)",
        "create table projection.mine (a int)",
        "create table public.mine (a int)",
    ),
    "auditor": (
        "update event set state = ''",
        "insert into event select * from event",
        "delete from projection.statistics_1_document",
        "update source_position set accepted = 0",
        "update outcome_batch set published_at = now()",
        "create table projection.mine (a int)",
    ),
    "producer": (
        "select 1 from event",
        "select 1 from identity",
        "select 1 from store_secret",
        "select 1 from projection.live",
        "update feed.record set value = ''",
        "insert into feed.topic (name, partitions) values ('mine', 1)",
    ),
    "library": (
        "update event set state = ''",
        "delete from event",
        "update stream set record = 1",
        "select 1 from identity",
        "select 1 from dead_letter",
        "select 1 from projection.live",
        "insert into record_key values (1, '', null)",
    ),
    "eraser": (
        "insert into event select * from event",
        "update event set state = ''",
        "delete from event",
        "delete from record_key",
        "insert into record_key values (1, '', null)",
        "select 1 from outcome_batch",
    ),
    "keeper": (
        "update event set state = ''",
        "insert into event select * from event",
        "delete from event",
        "select 1 from identity",
        "select 1 from dead_letter",
        "select 1 from projection.live",
        "update source_position set next_offset = 0",
        "update outcome_batch set payload = ''",
        "update record_key set wrapped = null, erased_at = now()",
    ),
    MAKER: (
        "update event set state = ''",
        "delete from event",
        "truncate event",
        "update event_00000 set state = ''",
        "delete from event_00000",
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """DSN of a superuser on a server without any role of ours."""
    home = new_home()
    try:
        yield conninfo.make_conninfo(start_embedded(home), dbname="postgres")
    finally:
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def site(server: str, tmp_path_factory: pytest.TempPathFactory) -> RoleSite:
    """Migrated by a user who may create roles and is no superuser; the whole path has run."""
    with psycopg.connect(server, autocommit=True) as conn:
        make_user(conn, MAKER, create_role=True)
        make_database(conn, "site", MAKER)
    site = RoleSite(
        tmp_path_factory.mktemp("home"), conninfo.make_conninfo(server, dbname="site", user=None)
    )
    migrated = site.run(MAKER, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert "rights" not in migrated.stderr
    site.make_users(server)
    return site


def test_every_process_does_its_work_as_its_own_user(site: RoleSite) -> None:
    assert whole_path(site) >= 10


def test_a_replay_by_another_member_switches_and_readers_go_on(site: RoleSite) -> None:
    with psycopg.connect(site.dsn_of("postgres"), autocommit=True) as conn:
        make_user(conn, "rebuilder")
        conn.execute("grant histoire_project to rebuilder")
    site.done("rebuilder", "replay", "timeline", "--workers", "2")
    # The first build is dropped, indexed and made by users who did not make it.
    site.done("projector", "replay", "timeline", "--workers", "1")
    site.done("reader", "statistics")
    with site.connect(MAKER) as conn:
        owners = conn.execute(
            "select distinct tableowner from pg_tables where schemaname = 'projection'"
        ).fetchall()
    assert owners == [("histoire_project",)]
    assert "up to date" in site.done(MAKER, "migrate")


@pytest.mark.parametrize("user", FORBIDDEN)
def test_what_a_user_must_not_do_is_refused(site: RoleSite, user: str) -> None:
    with site.connect(user) as conn:
        for statement in FORBIDDEN[user]:
            with pytest.raises(psycopg.Error) as caught:
                conn.execute(statement.encode())
            assert isinstance(caught.value, errors.InsufficientPrivilege), statement


def test_no_statement_of_the_list_is_refused_for_another_reason(site: RoleSite) -> None:
    """A misspelt table would be refused to everybody: as a superuser each gets further."""
    with psycopg.connect(site.dsn_of("postgres")) as conn:
        for statement in {s for statements in FORBIDDEN.values() for s in statements}:
            try:
                conn.execute(statement.encode())
            except psycopg.Error as refused:
                known = isinstance(refused, errors.IntegrityError) or "never changed" in str(
                    refused
                )
            else:
                known = True
            assert known, statement
            conn.rollback()


def test_the_trigger_holds_where_rights_do_not(site: RoleSite) -> None:
    with psycopg.connect(site.dsn_of("postgres"), autocommit=True) as conn:
        for statement in ("delete from event", "update event_00000 set state = ''"):
            with pytest.raises(errors.InsufficientPrivilege, match="never changed"):
                conn.execute(statement.encode())


def test_the_wrong_user_is_told_what_to_do(site: RoleSite) -> None:
    ended = site.run("reader", "project", "--until-idle")
    assert ended.returncode == 2, ended.stderr
    assert "PostgreSQL refuses this user a right: permission denied" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_erasure_is_its_role_alone_and_needs_no_other(site: RoleSite) -> None:
    def settings(user: str) -> Settings:
        return Settings(home=site.home, database_dsn=SecretStr(site.dsn_of(user)))

    with EventStore.open(settings("eraser")) as store:
        record = store.reading.max_record()
        assert store.erase(record)
        remove_erased_from_projections(site.dsn_of("eraser"), store, [record])
    with site.connect("reader") as conn:
        query = "select count(*) from projection.live l join projection.forgotten on true"
        assert conn.execute(query).fetchone() == (len(PROJECTIONS),)
    with (
        EventStore.open(settings("ingestor")) as store,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        store.erase(1)


def test_housekeeping_has_a_role_of_its_own(site: RoleSite) -> None:
    dsn = SecretStr(site.dsn_of("keeper"))
    with EventStore.open(Settings(home=site.home, database_dsn=dsn)) as store:
        later = datetime.now(UTC) + timedelta(days=1)
        assert store.sources.all()
        assert store.outcomes.purge(later) > 0
        assert store.sweep_contents(later) == 0  # every file belongs to an event


def test_the_librarys_recorder_writes_under_its_own_role(site: RoleSite) -> None:
    dsn = SecretStr(site.dsn_of("library"))
    with EventStore.open(Settings(home=site.home, database_dsn=dsn)) as store:
        recorder = HistoireRecorder(store, "notes")
        stream = uuid.uuid4()
        stored = [StoredEvent(stream, n, "notes:Written", b"{}") for n in (1, 2)]
        positions = recorder.insert_events(stored, tracking=Tracking("notes", 1))
        assert positions is not None
        read = recorder.select_notifications(positions[0], 10)
        assert [found.originator_version for found in read] == [1, 2]
        assert recorder.max_tracking_id("notes") == 1


def test_without_the_right_to_create_roles_migrate_says_so_and_the_script_repairs_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = new_home()
    try:
        superuser = conninfo.make_conninfo(start_embedded(home), dbname="postgres")
        with psycopg.connect(superuser, autocommit=True) as conn:
            make_user(conn, MAKER)
            make_database(conn, "site", MAKER)
        site = RoleSite(
            tmp_path_factory.mktemp("plain"),
            conninfo.make_conninfo(superuser, dbname="site", user=None),
        )
        first = site.run(MAKER, "migrate")
        assert first.returncode == 0, first.stderr
        assert "histoire_ingest" in first.stderr
        assert "--print-roles" in first.stderr

        script = site.done(MAKER, "migrate", "--print-roles")
        assert all(role in script for role in ROLES)
        with psycopg.connect(superuser, autocommit=True) as conn:
            conn.execute(script.encode())
            conn.execute(script.encode())
        again = site.run(MAKER, "migrate")
        assert again.returncode == 0
        assert "--print-roles" not in again.stderr
        site.make_users(superuser)
        assert whole_path(site) >= 10
    finally:
        stop_embedded(home)
        shutil.rmtree(home, ignore_errors=True)
