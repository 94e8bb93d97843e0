"""What only Kafka has: brokers that die, batches that are refused, and the library's traps."""

from __future__ import annotations

import gc
import logging
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import MessageSizeTooLargeError

from deploy.broker import BrokerHandle, start_broker, stop_broker
from ingest.feed import (
    FeedMismatch,
    FeedUnavailable,
    Partition,
    PartitionsHalted,
    ensure_topics,
    open_publisher,
    topic_facts,
)
from ingest.feed.kafka.connection import admin_client
from ingest.feed.kafka.publisher import KafkaPublisher
from ingest.runtime.settings import Settings
from tests.homes import new_home
from tests.ingest.feed.feed_under_test import (
    Answers,
    Feed,
    Positions,
    kafka_settings,
    poll_until,
    record,
    wait_for,
)
from tests.missing import need_java
from tests.shared_kafka import kafka_libraries

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka_feed(broker: str) -> Iterator[Feed]:
    settings = kafka_settings(broker)
    ensure_topics(settings)
    feed = Feed(settings)
    yield feed
    feed.close()


@pytest.fixture
def own_broker(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokerHandle]:
    """A broker that this test may kill."""
    need_java()
    home = new_home()
    # Captured log records would keep the errors of lost connections, and their sockets, alive.
    monkeypatch.setattr(logging.getLogger("kafka"), "propagate", False)
    try:
        yield start_broker(home, port=0, lib=kafka_libraries(pytestconfig))
    finally:
        stop_broker(home)
        shutil.rmtree(home, ignore_errors=True)


def configure(feed: Feed, topic: str, **configs: str) -> None:
    name = feed.settings.topic_prefix + topic
    wanted = {key.replace("_", "."): value for key, value in configs.items()}
    with admin_client(feed.settings, "test") as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, wanted)])

        def applied() -> bool:
            asked = ConfigResource(ConfigResourceType.TOPIC, name)
            found = admin.describe_configs([asked], config_filter="all")["topic"][name]
            return all(found[key]["value"] == value for key, value in wanted.items())

        wait_for(applied)


def check_nothing_lost(feed: Feed, answers: Answers, keys: int, count: int) -> None:
    """Every record acknowledged where it is, and each key's first occurrences in order."""
    assert answers.codes() == []
    assert len(answers.acknowledged()) == count
    written = sum(topic_facts(feed.settings)["documents"].log_end)  # some perhaps twice
    found = poll_until(feed.poller(Positions(), group=None), written)
    for key in range(keys):
        mine = [
            int(r.value or b"")
            for records in found.values()
            for r in records
            if r.key == b"key-%d" % key
        ]
        assert list(dict.fromkeys(mine)) == list(range(key, count, keys))


def test_nothing_is_lost_when_the_broker_is_killed_and_when_it_hangs(
    own_broker: BrokerHandle,
) -> None:
    settings = kafka_settings(own_broker.bootstrap)
    ensure_topics(settings)
    feed = Feed(settings)
    publisher = KafkaPublisher(settings, "test-publisher", stall_seconds=3)
    feed.opened.append(publisher)
    count, keys = 6000, 20
    answers = Answers()
    sent = threading.Semaphore(0)

    def send() -> None:
        for n in range(count):
            publisher.publish(record(f"key-{n % keys}", b"%d" % n), answers)
            sent.release()
            time.sleep(0.0005)

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(1000):
        sent.acquire()
    os.kill(own_broker.pids[1], signal.SIGKILL)
    again = start_broker(own_broker.home, port=0)
    for _ in range(1000):
        sent.acquire(timeout=10)
    os.kill(again.pids[1], signal.SIGSTOP)
    time.sleep(6)
    os.kill(again.pids[1], signal.SIGCONT)
    sender.join(120)
    assert publisher.flush(120)
    check_nothing_lost(feed, answers, keys, count)
    feed.close()


def test_a_record_only_the_broker_refuses_fails_alone_and_the_others_go_through(
    kafka_feed: Feed,
) -> None:
    """The first refused batch kills the producer for good (thing 2): it is renewed."""
    configure(kafka_feed, "documents", max_message_bytes="10000")
    publisher = kafka_feed.publisher()
    answers, refused = Answers(), Answers()
    too_large = random.Random(1).randbytes(50_000)
    for n in range(300):
        publisher.publish(record(f"key-{n % 10}", b"%d" % n), answers)
        if n in (100, 200):
            publisher.publish(record("key-0", too_large), refused)
    assert publisher.flush(60)
    assert refused.codes() == ["too_large", "too_large"]
    check_nothing_lost(kafka_feed, answers, 10, 300)


def test_the_library_still_dies_of_a_refused_batch(kafka_feed: Feed) -> None:
    """When this fails, kafka-python has mended it: the renewal can become simpler."""
    configure(kafka_feed, "documents", max_message_bytes="10000")
    topic = kafka_feed.settings.topic_prefix + "documents"
    producer = KafkaProducer(
        bootstrap_servers=kafka_feed.settings.kafka_bootstrap, delivery_timeout_ms=float("inf")
    )
    large = producer.send(topic, random.Random(1).randbytes(50_000), partition=0)
    wait_for(lambda: large.is_done)
    assert isinstance(large.exception, MessageSizeTooLargeError)
    assert producer._transaction_manager.has_fatal_error()
    small = producer.send(topic, b"small", partition=0)
    wait_for(lambda: small.is_done)
    assert isinstance(small.exception, MessageSizeTooLargeError)
    producer.close(timeout=5)


def test_the_producer_has_no_delivery_time_out(kafka_feed: Feed) -> None:
    """Thing 1: a batch that expires wedges the idempotent producer for ever."""
    publisher = kafka_feed.publisher()
    assert isinstance(publisher, KafkaPublisher)
    config = publisher._producer.config
    assert config["delivery_timeout_ms"] == float("inf")
    assert config["enable_idempotence"] is True
    assert config["acks"] == -1


def test_a_compacted_topic_is_refused(kafka_feed: Feed) -> None:
    configure(kafka_feed, "patients", cleanup_policy="compact")
    with pytest.raises(FeedMismatch, match="patients is compacted"):
        ensure_topics(kafka_feed.settings)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_nobody_at_the_address_is_said_at_once(tmp_path: Path) -> None:
    settings = Settings(kafka_bootstrap="127.0.0.1:1")
    with pytest.raises(FeedUnavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1"):
        open_publisher(settings, client_id="test")


def test_a_poll_without_a_broker_returns_nothing_and_goes_on_afterwards(
    own_broker: BrokerHandle,
) -> None:
    settings = kafka_settings(own_broker.bootstrap)
    ensure_topics(settings)
    feed = Feed(settings)
    feed.publish([record("k", b"before")])
    poller = feed.poller(Positions())
    poll_until(poller, 1)
    gc.disable()
    try:
        os.kill(own_broker.pids[1], signal.SIGKILL)
        assert poller.poll(2, 10, 1000) == []
        before = open_descriptors()
        for _ in range(4):
            assert poller.poll(1, 10, 1000) == []
        # The library's own sockets leave one behind each second.
        assert open_descriptors() <= before + 1
    finally:
        gc.enable()
    assert poller.end_offsets() == {}
    start_broker(own_broker.home, port=0)
    feed.publish([record("k", b"after")])
    (records,) = poll_until(poller, 1, seconds=60).values()
    assert records[0].value == b"after"
    feed.close()


class NotUtf8(str):
    """Text that a client in another encoding would send as the name of a header."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xe9t\xe9"


def send_in_one_batch(feed: Feed, partition: int, headers: list[str]) -> None:
    producer = KafkaProducer(
        bootstrap_servers=feed.settings.kafka_bootstrap, linger_ms=1000, batch_size=1 << 20
    )
    name = feed.settings.topic_prefix + "documents"
    for number, header in enumerate(headers):
        value = b"%d" % number
        producer.send(name, value, key=b"k", partition=partition, headers=[(header, b"")])
    producer.flush()
    producer.close()


def test_a_header_that_is_no_text_halts_its_partition_alone_and_says_where_to_go_on(
    kafka_feed: Feed,
) -> None:
    """The client gives nothing of such a batch after it, and does not even say where it is."""
    send_in_one_batch(kafka_feed, 1, ["fine", "fine", NotUtf8("ete"), "fine"])
    send_in_one_batch(kafka_feed, 1, ["fine", "fine"])
    send_in_one_batch(kafka_feed, 2, ["fine"])
    positions = Positions()
    poller = kafka_feed.poller(positions)
    found: dict[int, list[int]] = {1: [], 2: []}

    def read(count: int) -> None:
        end = time.monotonic() + 30
        while sum(map(len, found.values())) < count:
            assert time.monotonic() < end, found
            for polled in poller.poll(0.2, 100, 1 << 20):
                assert len(polled.records) == polled.next_offset - polled.from_offset
                found[polled.partition.number] += [r.offset for r in polled.records]

    bad = Partition("documents", 1)
    with pytest.raises(PartitionsHalted) as halted:
        read(100)
    assert halted.value.halts.keys() == {bad}
    assert "histoire positions accept documents/1 --to 4 " in str(halted.value)
    send_in_one_batch(kafka_feed, 2, ["fine"])
    read(4)
    assert found == {1: [0, 1], 2: [0, 1]}
    assert bad in poller.owned()
    assert poller.end_offsets()[bad] == 6

    poller.seek_again([bad])
    positions.at[bad] = 2
    with pytest.raises(PartitionsHalted, match="--to 4 "):
        read(100)
    poller.seek_again([bad])
    positions.at[bad] = 4
    read(6)
    assert found == {1: [0, 1, 4, 5], 2: [0, 1]}
