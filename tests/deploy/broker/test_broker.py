"""The local Kafka: start, kill, stop; and what is said when it can't be had."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import (
    BrokerError,
    BrokerLimits,
    MissingProgramError,
    artefacts,
    broker_status,
    start_broker,
    stop_broker,
)
from deploy.broker.layout import make_cluster, node_properties, read_cluster
from tests.homes import new_home
from tests.shared_kafka import kafka_libraries


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = new_home()
    yield folder
    stop_broker(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def lib(pytestconfig: pytest.Config) -> Path:
    return kafka_libraries(pytestconfig)


def exchange(bootstrap: str, topic: str, values: list[bytes]) -> list[bytes]:
    """Send the values, then read the topic from its start."""
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=9 * 1024 * 1024)
    for value in values:
        producer.send(topic, value, partition=0).get(timeout=30)
    producer.close()
    consumer: Any = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="none")
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek(place, 0)
    end = consumer.end_offsets([place])[place]
    found: list[bytes] = []
    while consumer.position(place) < end:
        for records in consumer.poll(1000).values():
            found += [record.value for record in records]
    consumer.close()
    return found


def create_topic(bootstrap: str, topic: str) -> None:
    from kafka.admin import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()


@pytest.mark.kafka
@pytest.mark.java
def test_a_document_of_8_mib_survives_kill_9_and_a_clean_stop(home: Path, lib: Path) -> None:
    broker = start_broker(home, port=0, lib=lib)
    assert start_broker(home, port=0, lib=lib) == broker, "a second start changes nothing"
    create_topic(broker.bootstrap, "documents")
    big = os.urandom(8 * 1024 * 1024 + 512 * 1024)
    assert exchange(broker.bootstrap, "documents", [big]) == [big]

    os.kill(broker.pids[1], signal.SIGKILL)
    again = start_broker(home, port=0, lib=lib)
    assert (again.bootstrap, again.cluster_id) == (broker.bootstrap, broker.cluster_id)
    assert again.pids != broker.pids
    assert exchange(again.bootstrap, "documents", [b"2"]) == [big, b"2"]

    status = broker_status(home)
    assert status.answers
    assert "documents" in status.topics
    with pytest.raises(BrokerError, match="already runs on port"):
        start_broker(home, port=1, lib=lib)

    assert stop_broker(home)
    assert not stop_broker(home)
    status = broker_status(home)
    assert (status.running, status.answers, status.cluster_id) == (False, False, broker.cluster_id)


@pytest.mark.java
def test_a_taken_port_is_said_before_java_is_started(home: Path, lib: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is taken"):
            start_broker(home / "other", port=port, lib=lib)


def test_without_java_or_maven_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="needs Java") as caught:
        artefacts.java()
    assert "Install" in (caught.value.repair or "")
    with pytest.raises(MissingProgramError, match="Maven"):
        artefacts.libraries(tmp_path / "lib")


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.1\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="is version 11"):
        artefacts.java()


def test_what_maven_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] Unknown host x'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(BrokerError, match="Unknown host x"):
        artefacts.libraries(tmp_path / "lib")
    assert not (tmp_path / "lib").exists()


def test_a_cluster_keeps_its_id_and_ports_and_its_number_of_nodes(tmp_path: Path) -> None:
    made = make_cluster(tmp_path, 0, 3)
    assert make_cluster(tmp_path, 0, 3) == made == read_cluster(tmp_path)
    moved = make_cluster(tmp_path, 19_092, 3)
    assert [node.port for node in moved.nodes] == [19_092, 19_093, 19_094]
    assert moved.cluster_id == made.cluster_id
    assert len({node.controller_port for node in moved.nodes}) == 3
    with pytest.raises(BrokerError, match="cluster of 3"):
        make_cluster(tmp_path, 0, 1)


def test_copies_follow_the_number_of_nodes_and_limits_the_largest_message(tmp_path: Path) -> None:
    def properties(nodes: int) -> dict[str, str]:
        folder = tmp_path / str(nodes)
        folder.mkdir()
        cluster = make_cluster(folder, 0, nodes)
        text = node_properties(cluster, cluster.nodes[0], BrokerLimits(max_message_bytes=1_000_000))
        return dict(line.split("=", 1) for line in text.splitlines() if line[:1].isalpha())

    one, three = properties(1), properties(3)
    assert (one["default.replication.factor"], one["min.insync.replicas"]) == ("1", "1")
    assert (three["default.replication.factor"], three["min.insync.replicas"]) == ("3", "2")
    assert int(one["message.max.bytes"]) > 1_000_000
    assert one["replica.fetch.max.bytes"] == one["message.max.bytes"]
    assert one["auto.create.topics.enable"] == "false"
    assert all("://127.0.0.1:" in part for part in one["listeners"].split(","))
