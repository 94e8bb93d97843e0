"""The group's endpoint: every process once, under its name, and one that is frozen shows."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deploy.group.metrics import ChildrenCollector
from ingest.runtime.metrics import Metrics, serve


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_each_process_has_its_label_and_a_silent_one_shows(silent: int) -> None:
    child, supervisor = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    child.batches.inc(3)
    supervisor.process_up.labels("ingest-1").set(1)
    supervisor.build.info({"version": "1"})
    endpoint = serve(child.registry, "127.0.0.1", 0)
    group = CollectorRegistry()
    ports = {"ingest-1": endpoint.port, "project": silent}
    ChildrenCollector(ports, supervisor.registry, group)
    try:
        text = generate_latest(group).decode()
    finally:
        endpoint.close()
    values = dict(re.findall(r"^(histoire_\S+) (\S+)$", text, re.MULTILINE))
    assert values['histoire_batches_total{process="ingest-1"}'] == "3.0"
    assert values['histoire_process_up{process="ingest-1"}'] == "1.0"
    assert values['histoire_process_answering{process="ingest-1"}'] == "1.0"
    assert values['histoire_process_answering{process="project"}'] == "0.0"
    assert values['histoire_build_info{process="supervisor",version="1"}'] == "1.0"
    assert 'histoire_log_position{process="supervisor"}' not in values
    types = Counter(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert max(types.values()) == 1, "a family stands once, whatever number of processes has it"
