"""Names, helps and labels of all metrics, and the endpoint."""

from __future__ import annotations

import re
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ingest.runtime.console import CommandError
from ingest.runtime.metrics import Metrics, serve

WRONG_UNITS = re.compile(r"_(ms|milliseconds|minutes|hours|kb|mb|kib|mib|percent)(_|$)")
LABELS = {
    *("topic", "partition", "outcome", "code", "stage", "step", "kind", "projection", "service"),
    *("result", "by", "rule", "name", "loop", "le", "process", "what", "state"),
    "acknowledgement",
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def test_every_name_keeps_the_conventions_and_has_a_help(metrics: Metrics) -> None:
    families = [f for f in metrics.registry.collect() if f.name.startswith("histoire_")]
    assert len(families) > 40
    for family in families:
        assert re.fullmatch(r"histoire(_[a-z][a-z0-9]*)+", family.name), family.name
        assert len(family.documentation) > 15, family.name
        assert not WRONG_UNITS.search(family.name), family.name
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_total")), family.name
        if family.type == "histogram":
            assert family.name.endswith("_seconds"), family.name
        if "timestamp" in family.name:
            assert family.name.endswith("_timestamp_seconds"), family.name


def test_counters_end_in_total_and_gauges_do_not(metrics: Metrics) -> None:
    text = generate_latest(metrics.registry).decode()
    types = re.findall(r"^# TYPE (histoire_\w+) (\w+)$", text, re.MULTILINE)
    assert types
    for name, kind in types:
        assert name.endswith("_total") == (kind == "counter"), name


def test_labels_are_from_the_closed_set_of_names(metrics: Metrics) -> None:
    declared = [metric for metric in vars(metrics).values() if hasattr(metric, "_labelnames")]
    assert len(declared) > 40
    for metric in declared:
        assert set(metric._labelnames) <= LABELS, metric


def test_two_processes_in_one_do_not_disturb_each_other() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.messages.labels("documents", "rejected", "ins_key_wrong").inc(3)
    labels = {"topic": "documents", "outcome": "rejected", "code": "ins_key_wrong"}
    assert first.registry.get_sample_value("histoire_messages_total", labels) == 3
    assert second.registry.get_sample_value("histoire_messages_total", labels) is None


def test_the_endpoint_serves_until_closed_and_a_taken_port_is_said(metrics: Metrics) -> None:
    metrics.fenced_batches.inc()
    metrics.build.info({"version": "1"})
    endpoint = serve(metrics.registry, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}/metrics") as answer:
            text = answer.read().decode()
        assert "histoire_fenced_batches_total 1.0" in text
        assert 'histoire_build_info{version="1"} 1.0' in text
        assert "_created" not in text
        with pytest.raises(CommandError, match="another program listens there"):
            serve(metrics.registry, "127.0.0.1", endpoint.port)
    finally:
        endpoint.close()
    serve(metrics.registry, "127.0.0.1", endpoint.port).close()
