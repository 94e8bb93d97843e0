"""What is past its retention goes, and nothing that is still needed: through the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from pydantic import SecretStr

from deploy.cli import run
from ingest.eventstore.append_batch import NewContent
from ingest.feed import OutgoingRecord, open_publisher, topic_facts
from ingest.runtime.console import Exit
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.upkeep.relay import Relay
from ingest.upkeep.sweep import DAY, HOUR
from tests.ingest.feed_messages import deposit, dicom, feed_record, key_of, mask, partition_for
from tests.ingest.ingest_site import Message, Site

OLD_MS = int((time.time() - 40 * DAY) * 1000)
Commands = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def histoire(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Commands:
    """The lines that a command of the whole system prints with --json."""
    settings = site.settings
    assert isinstance(settings.database_dsn, SecretStr)
    monkeypatch.setenv("HISTOIRE_DATABASE_DSN", settings.database_dsn.get_secret_value())
    monkeypatch.setenv("HISTOIRE_HOME", str(settings.home))
    monkeypatch.setenv("HISTOIRE_MASTER_KEY_FILE", str(settings.master_key_path))
    monkeypatch.setenv("HISTOIRE_TOPIC_PARTITIONS", str(settings.topic_partitions))
    monkeypatch.setenv("HISTOIRE_METRICS_PORT", "0")

    def command(*arguments: str, code: int = Exit.OK) -> list[dict[str, Any]]:
        capsysbinary.readouterr()
        ended = run([*arguments, "--json"])
        told = capsysbinary.readouterr()
        assert ended == code, told.err.decode()
        return [orjson.loads(line) for line in told.out.splitlines()]

    return command


@pytest.fixture
def database(site: Site) -> Iterator[psycopg.Connection[Any]]:
    assert site.settings.database_dsn is not None
    dsn = site.settings.database_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield conn


def publish(site: Site, *messages: Message, at_ms: int | None = OLD_MS) -> None:
    records = []
    for message in messages:
        found = feed_record(message)
        topic = partition_for(message).topic
        key = key_of(message[1])
        records.append(OutgoingRecord(topic, key, found.value or b"", found.headers, at_ms))
    site.publish_records(*records)


def on_feed(database: psycopg.Connection[Any], topic: str) -> int:
    row = database.execute(
        "select count(*) from feed.record r join feed.topic t on t.number = r.topic"
        " where t.name = %s",
        (topic,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def relayed(site: Site) -> int:
    publisher = open_publisher(site.settings, client_id="relay")
    count = Relay(site.store, publisher, "test", SystemClock()).run(StopSignal(), until_idle=True)
    publisher.close()
    return count


def test_read_records_go_and_unread_ones_stay(
    site: Site, histoire: Commands, database: psycopg.Connection[Any]
) -> None:
    publish(site, deposit(1), deposit(2), mask(1))
    site.ingest()
    publish(site, deposit(3), deposit(4))  # as old, but behind the position
    done = histoire("housekeeping")[0]
    assert (done["feed_records"], done["faults"]) == (3, {})
    assert on_feed(database, "documents") == 2
    assert histoire("housekeeping")[0]["feed_records"] == 0
    site.ingest()
    assert len(site.events()) == 5 + len({event.record for event in site.events()})
    assert relayed(site) == 5
    assert (site.balance()["fetched"], site.balance()["holes"]) == (5, 0)
    assert histoire("housekeeping")[0]["feed_records"] == 2
    site.ingest()
    assert (site.balance()["fetched"], site.balance()["holes"]) == (5, 0)


def test_what_is_recent_stays_though_it_was_read(
    site: Site, histoire: Commands, database: psycopg.Connection[Any]
) -> None:
    publish(site, deposit(1), deposit(2), at_ms=None)
    site.ingest()
    assert histoire("housekeeping")[0]["feed_records"] == 0
    assert on_feed(database, "documents") == 2


def test_nothing_goes_where_nobody_reads_or_the_position_is_of_another_log(
    site: Site, histoire: Commands, database: psycopg.Connection[Any]
) -> None:
    publish(site, deposit(1), deposit(2))
    assert histoire("housekeeping")[0]["feed_records"] == 0
    site.ingest()
    database.execute("update source_position set topic_id = 'the topic before'")
    assert histoire("housekeeping")[0]["feed_records"] == 0
    assert on_feed(database, "documents") == 2


def test_answers_go_after_their_own_retention(
    site: Site, histoire: Commands, database: psycopg.Connection[Any]
) -> None:
    publish(site, deposit(1), deposit(2), at_ms=None)
    site.ingest()
    assert relayed(site) == 2
    publish(site, deposit(3), at_ms=None)
    site.ingest()
    database.execute("update outcome_batch set created_at = created_at - interval '31 days'")
    assert histoire("housekeeping")[0]["outcome_batches"] == 0, "only what was published"
    weeks = "update feed.record set timestamp_ms = timestamp_ms - 1000 * 86400 * %s::bigint"
    database.execute(weeks, (20,))
    database.execute("update outcome_batch set published_at = published_at - interval '31 days'")
    published = site.store.outcomes.unpublished(10)
    done = histoire("housekeeping")[0]
    assert done["feed_records"] == 3, "of documents; outcomes stay longer"
    assert done["outcome_batches"] >= 1
    assert site.store.outcomes.unpublished(10) == published != []
    assert on_feed(database, "outcomes") == 2
    database.execute(weeks, (11,))
    assert histoire("housekeeping")[0]["feed_records"] == 2
    assert relayed(site) == 1
    assert sum(topic_facts(site.settings)["outcomes"].log_end) == 3


def test_orphaned_bytes_go_in_two_sweeps_an_hour_apart(site: Site, histoire: Commands) -> None:
    publish(site, deposit(1, content=dicom()), at_ms=None)
    site.ingest()
    record = site.events()[-1].record
    orphan = b"of a batch that was refused"
    site.store.contents.put([NewContent(record, sha256(orphan).digest(), orphan)])
    folder = site.settings.home / "content"
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(before) == 2
    assert histoire("housekeeping")[0]["content_orphans"] == 0, "younger than a day"
    assert histoire("housekeeping")[0]["content_orphans"] is None, "not due"
    for path in before:
        os.utime(path, (time.time() - DAY - 600,) * 2)
    aged(site.settings.home, HOUR + 1)  # the files lie between this sweep and the one before
    assert histoire("housekeeping")[0]["content_orphans"] == 0, "set aside"
    assert site.store.contents.get(record, sha256(orphan).digest()) == orphan
    assert histoire("housekeeping")[0]["content_orphans"] is None, "not due"
    aged(site.settings.home, HOUR + 1)
    assert histoire("housekeeping")[0]["content_orphans"] == 1
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1
    assert site.store.contents.get(record, sha256(dicom()).digest()) == dicom()


def aged(home: Path, seconds: float) -> None:
    state = home / "sweep.json"
    said = {name: at - seconds for name, at in orjson.loads(state.read_bytes()).items()}
    state.write_bytes(orjson.dumps(said))


def test_a_step_that_fails_is_told_and_the_others_are_done(site: Site, histoire: Commands) -> None:
    publish(site, deposit(1))
    site.ingest()
    (site.settings.home / "sweep.lock").mkdir()
    done = histoire("housekeeping", code=Exit.FAILED)[0]
    assert done == {
        "feed_records": 1,
        "outcome_batches": 0,
        "faults": {"content_orphans": "IsADirectoryError"},
    }


@pytest.mark.usefixtures("histoire")
def test_the_relay_does_it_by_itself(site: Site, database: psycopg.Connection[Any]) -> None:
    publish(site, deposit(1), deposit(2))
    site.ingest()
    command = [sys.executable, "-m", "deploy.cli", "relay", "--metrics-port", "0"]
    relay = subprocess.Popen(command, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while on_feed(database, "documents"):
        assert time.monotonic() < end
        assert relay.poll() is None
        time.sleep(0.05)
    while site.store.outcomes.unpublished(1) and time.monotonic() < end:
        time.sleep(0.05)
    relay.send_signal(signal.SIGTERM)
    _, said = relay.communicate(timeout=60)
    assert relay.returncode == 0
    (line,) = [line for line in said.splitlines() if b"housekeeping" in line]
    told = orjson.loads(line)
    assert told["event"] == "housekeeping_done"
    assert told["total"]["feed_records"] == 2
    assert on_feed(database, "outcomes") == 2
