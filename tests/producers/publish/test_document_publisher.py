"""The durable queue of producers: what was submitted arrives, whatever dies in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from ingest.feed import (
    Acknowledgement,
    Done,
    FeedRecord,
    OutgoingRecord,
    Partition,
    PublishFailure,
    ensure_topics,
    open_poller,
    open_publisher,
)
from ingest.runtime.metrics import Metrics
from ingest.runtime.settings import Settings
from producers.publish.durable_queue import DurableQueue
from producers.publish.errors import QueueError, QueueFull
from producers.publish.headers import cloud_event_headers
from producers.publish.messages import QueuedMessage
from producers.publish.publisher import DocumentPublisher
from schemas.codec.messages import EncodeError

OID = "1.2.250.1.213.1.4.10"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def archive(patient: int, unique_id: str = "1.2.3^1") -> dict[str, Any]:
    """An ArchiveDocument of a test patient."""
    return {
        "provenance": {
            "software": {"id": "soft-1", "name": "Soft", "version": "1", "approval": None},
            "actor": {
                "id": "1.2.250.1.71.4.2.1^801234567890",
                "name": None,
                "roleCode": "10",
                "organisationId": None,
                "organisationName": None,
                "sectorCode": None,
            },
            "authenticationMode": "DIRECTE",
            "purposeOfUse": "normal",
            "channel": "DIRECT",
            "occurredAt": 1_700_000_000_000,
        },
        "ins": {"oid": OID, "matricule": f"{patient:015d}", "status": "QUALIFIEE"},
        "uniqueId": unique_id,
        "reason": None,
    }


@pytest.fixture
def settings(database: str) -> Settings:
    made = Settings(database_dsn=SecretStr(database), topic_partitions=4)
    ensure_topics(made)
    return made


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite"


class Slow:
    """A publisher that answers when the test says."""

    def __init__(self) -> None:
        self.given: list[tuple[OutgoingRecord, Done]] = []
        self.arrived = threading.Condition()

    def publish(self, record: OutgoingRecord, done: Done) -> None:
        with self.arrived:
            self.given.append((record, done))
            self.arrived.notify_all()

    def publish_many(self, records: Any, done: Done) -> None:
        for record in records:
            self.publish(record, done)

    def wait(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.given) >= count, 10)

    def answer(self, at: int) -> None:
        self.given[at][1](Acknowledgement(Partition("documents", 0), at, 0))

    def flush(self, timeout_seconds: float) -> bool:
        return True

    def unacknowledged(self) -> int:
        return len(self.given)

    def close(self, timeout_seconds: float = 10.0) -> None: ...


def everything(settings: Settings, count: int) -> Iterator[FeedRecord]:
    poller = open_poller(
        settings,
        ["documents"],
        group=None,
        resume=lambda asked: {a.partition: 0 for a in asked},
        client_id="test",
    )
    end = time.monotonic() + 20
    while count > 0:
        assert time.monotonic() < end
        for polled in poller.poll(0.2, 1000, 1 << 25):
            count -= len(polled.records)
            yield from polled.records
    poller.close()


def test_submitted_messages_arrive_with_their_headers_and_ids(
    settings: Settings, queue: Path
) -> None:
    publisher = DocumentPublisher(settings, queue)
    ids = [publisher.submit(archive(n % 3), "ArchiveDocument", traceparent=TRACE) for n in range(9)]
    assert publisher.flush(20)
    assert publisher.pending() == 0
    found = publisher.submission(ids[0])
    publisher.close()
    records = list(everything(settings, 9))
    assert {dict(r.headers)["ce_id"] for r in records} == {str(i).encode() for i in ids}
    headers = dict(records[0].headers)
    assert headers["ce_source"] == b"soft-1"
    assert headers["ce_type"] == b"ArchiveDocument"
    assert headers["ce_time"] == b"2023-11-14T22:13:20.000Z"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/avro"
    assert headers["traceparent"] == TRACE.encode()
    assert {r.key for r in records} == {f"{OID}|{n:015d}".encode() for n in range(3)}
    assert found is not None
    assert found.state == "acknowledged"
    assert found.offset is not None


def test_its_metrics_show_what_waits_and_since_when(queue: Path) -> None:
    metrics, slow = Metrics(CollectorRegistry()), Slow()

    def value(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(f"histoire_publisher_{name}", labels) or 0

    publisher = DocumentPublisher(slow, queue, metrics=metrics)
    before = time.time()
    publisher.submit(archive(1), "ArchiveDocument")
    slow.wait(1)
    publisher.submit(archive(2), "ArchiveDocument")
    slow.wait(2)
    end = time.monotonic() + 10
    while value("queue_messages") != 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert before <= value("oldest_timestamp_seconds") <= time.time()
    slow.answer(0)
    slow.given[1][1](PublishFailure("not_authorised", "no"))
    publisher.close()
    publisher_now = value("acknowledged_total", topic="documents")
    assert (publisher_now, value("failures_total", code="not_authorised")) == (1, 1)


def test_a_message_that_is_none_is_refused_before_it_is_queued(
    settings: Settings, queue: Path
) -> None:
    publisher = DocumentPublisher(settings, queue)
    with pytest.raises(EncodeError):
        publisher.submit({**archive(1), "uniqueId": None}, "ArchiveDocument")
    with pytest.raises(ValueError, match="traceparent"):
        publisher.submit(archive(1), "ArchiveDocument", traceparent="yes")
    assert publisher.pending() == 0
    publisher.close()


def test_the_queue_is_filled_while_the_feed_is_away_and_sent_later(
    settings: Settings, queue: Path
) -> None:
    away = Settings(database_dsn=SecretStr("host=/nonexistent"))
    publisher = DocumentPublisher(away, queue)
    ids = [publisher.submit(archive(1), "ArchiveDocument") for _ in range(5)]
    assert not publisher.flush(0.2)
    assert publisher.pending() == 5
    publisher.close(0)
    again = DocumentPublisher(settings, queue)
    assert again.flush(20)
    again.close()
    found = [dict(r.headers)["ce_id"] for r in everything(settings, 5)]
    assert found == [str(i).encode() for i in ids]


def test_a_full_queue_raises_and_takes_more_once_something_was_answered(queue: Path) -> None:
    slow = Slow()
    publisher = DocumentPublisher(slow, queue, max_messages=3)
    for _ in range(3):
        publisher.submit(archive(1), "ArchiveDocument")
    with pytest.raises(QueueFull):
        publisher.submit(archive(1), "ArchiveDocument")
    slow.wait(3)
    slow.answer(0)
    end = time.monotonic() + 10
    while publisher.pending() == 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    publisher.submit(archive(1), "ArchiveDocument")
    publisher.close(0)


def test_a_blocking_submit_waits_for_room(queue: Path) -> None:
    slow = Slow()
    publisher = DocumentPublisher(slow, queue, max_messages=1, block=True)
    publisher.submit(archive(1), "ArchiveDocument")
    second = threading.Thread(target=publisher.submit, args=(archive(1), "ArchiveDocument"))
    second.start()
    slow.wait(1)
    second.join(0.2)
    assert second.is_alive()
    slow.answer(0)
    second.join(10)
    assert not second.is_alive()
    publisher.close(0)


def test_one_document_is_held_back_and_the_others_go_on(queue: Path) -> None:
    slow = Slow()
    publisher = DocumentPublisher(slow, queue)
    assert publisher.hold("1.2.3^held") == 0
    held = publisher.submit(archive(1, "1.2.3^held"), "ArchiveDocument")
    other = publisher.submit(archive(1, "1.2.3^free"), "ArchiveDocument")
    slow.wait(1)
    assert dict(slow.given[0][0].headers)["ce_id"] == str(other).encode()
    assert publisher.pending() == 1
    state = publisher.submission(held)
    assert state is not None
    assert state.state == "held"
    assert publisher.release("1.2.3^held") == 1
    slow.wait(2)
    assert dict(slow.given[1][0].headers)["ce_id"] == str(held).encode()
    slow.answer(0)
    slow.answer(1)
    assert publisher.flush(10)
    publisher.close()


def test_a_refused_message_is_told_and_not_tried_again(settings: Settings, queue: Path) -> None:
    tight = Settings.model_validate({**settings.model_dump(), "topic_prefix": "nowhere-"})
    publisher = DocumentPublisher(open_publisher(tight, client_id="test"), queue)
    refused = publisher.submit(archive(1), "ArchiveDocument")
    assert publisher.flush(20)
    found = publisher.submission(refused)
    assert found is not None
    assert (found.state, found.code) == ("refused", "no_such_topic")
    assert publisher.forget(time.time() + 1) == 1
    assert publisher.submission(refused) is None
    publisher.close()


def test_a_message_id_of_the_caller_is_kept_and_taken_once(queue: Path) -> None:
    publisher = DocumentPublisher(Slow(), queue)
    mine = UUID(int=7)
    message = {**archive(1), "messageId": mine.bytes}
    assert publisher.submit(message, "ArchiveDocument") == mine
    with pytest.raises(QueueError, match="already"):
        publisher.submit(message, "ArchiveDocument")
    publisher.close(0)


def test_a_queue_belongs_to_one_process_and_to_its_owner_only(queue: Path) -> None:
    publisher = DocumentPublisher(Slow(), queue)
    assert queue.stat().st_mode & 0o077 == 0
    with pytest.raises(QueueError, match="another process"):
        DocumentPublisher(Slow(), queue)
    publisher.close(0)
    queue.write_bytes(b"not a database" * 100)
    with pytest.raises(QueueError, match="can't be used"):
        DocumentPublisher(Slow(), queue)


def queued(number: int, schema_name: str = "DepositDocument") -> QueuedMessage:
    record = OutgoingRecord("documents", f"{OID}|{number:015d}".encode(), b"a name", ())
    return QueuedMessage(UUID(int=number).bytes, schema_name, f"1.2.3^{number}", record)


def test_what_was_answered_says_no_more_whose_it_is(queue: Path) -> None:
    kept = DurableQueue(queue)
    kept.add([queued(1), queued(2), queued(3)], 0.0)
    refusal = PublishFailure("too_large", "")
    kept.settle([(1, Acknowledgement(Partition("documents", 0), 7, 0)), (2, refusal)])
    for file in queue.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name
    kept.close()
    data = b"".join(file.read_bytes() for file in queue.parent.iterdir())
    assert [f"{OID}|{n:015d}".encode() in data for n in (1, 2, 3)] == [False, False, True]
    assert data.count(b"a name") == 1


def test_keys_that_an_older_file_kept_are_cleared(queue: Path) -> None:
    kept = DurableQueue(queue)
    kept.add([queued(1), queued(2)], 0.0)
    kept.settle([(1, Acknowledgement(Partition("documents", 0), 7, 0))])
    kept.close()
    with sqlite3.connect(queue) as file:
        file.execute("update message set key = ? where seq = 1", (queued(1).feed_record.key,))
        file.execute("pragma user_version = 0")
    file.close()
    kept = DurableQueue(queue)
    assert [record.key for _, record in kept.waiting_after(0, 9)] == [queued(2).feed_record.key]
    kept.close()
    assert queued(1).feed_record.key not in queue.read_bytes()


def test_a_forgotten_deposit_is_still_known_as_submitted(queue: Path) -> None:
    kept = DurableQueue(queue)
    kept.add([queued(1), queued(2), queued(3, "ArchiveDocument"), queued(4)], 100.0)
    place = Acknowledgement(Partition("documents", 0), 7, 0)
    kept.settle([(1, place), (2, PublishFailure("too_large", "")), (3, place)])
    assert kept.forget(100.0) == 0
    assert kept.forget(100.1) == 3
    assert [kept.submission(UUID(int=n)) is None for n in (1, 2, 3, 4)] == [True, True, True, False]
    found = [kept.live_deposit(f"1.2.3^{n}") for n in (1, 2, 3, 4)]
    assert found == [UUID(int=1), None, None, UUID(int=4)]
    kept.close()
    assert b"1.2.3^1" not in queue.read_bytes()


def test_old_answers_are_forgotten_by_themselves(queue: Path) -> None:
    slow = Slow()
    publisher = DocumentPublisher(slow, queue)
    old = publisher.submit(archive(1), "ArchiveDocument")
    slow.wait(1)
    slow.answer(0)
    assert publisher.flush(10)
    publisher.close()
    publisher = DocumentPublisher(slow, queue)
    assert publisher.submission(old) is not None
    publisher.close()
    publisher = DocumentPublisher(slow, queue, remembered_days=0)
    end = time.monotonic() + 10
    while publisher.submission(old) is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    publisher.close()


def test_headers_refuse_an_id_that_is_none() -> None:
    with pytest.raises(ValueError, match="16"):
        cloud_event_headers(b"short", "ArchiveDocument", "soft", 0)


SUBMIT = """
import sys
from pathlib import Path
from pydantic import SecretStr
sys.path.insert(0, {root!r})
from tests.producers.publish.test_document_publisher import archive
from ingest.runtime.settings import Settings
from producers.publish.publisher import DocumentPublisher
settings = Settings(database_dsn=SecretStr({dsn!r}), topic_partitions=4)
publisher = DocumentPublisher(settings, Path({queue!r}))
n = 0
while True:
    print(n % 5, publisher.submit(archive(n % 5), "ArchiveDocument"), flush=True)
    n += 1
"""


def test_kill_9_with_the_queue_half_sent_loses_nothing_and_keeps_ids_and_order(
    settings: Settings, queue: Path
) -> None:
    dsn = settings.database_dsn
    assert dsn is not None
    script = SUBMIT.format(
        root=str(Path(__file__).parents[3]), dsn=dsn.get_secret_value(), queue=str(queue)
    )
    told: list[tuple[int, str]] = []
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(150):
            patient, message_id = child.stdout.readline().split()
            told.append((int(patient), message_id))
        os.kill(child.pid, signal.SIGKILL)
        rest = [line.split() for line in child.stdout.read().splitlines() if line.count("-") == 4]
        told += [
            (int(patient), message_id) for patient, message_id in rest if len(message_id) == 36
        ]
        child.wait()
        child.stdout.close()
    publisher = DocumentPublisher(settings, queue)
    assert publisher.flush(30)
    states = {publisher.submission(UUID(message_id)) for _, message_id in told}
    assert {s.state if s else None for s in states} == {"acknowledged"}
    publisher.close()
    written = sum(1 for _ in everything(settings, len(told)))
    assert written >= len(told)
    for number in range(5):
        key = f"{OID}|{number:015d}".encode()
        sent = [message_id for p, message_id in told if p == number]
        found = [
            dict(r.headers)["ce_id"] or b"" for r in everything(settings, written) if r.key == key
        ]
        arrived = [i for i in dict.fromkeys(id_.decode() for id_ in found) if i in set(sent)]
        assert arrived == sent
