"""One metrics endpoint for the whole group: each process's metrics with a label `process`."""

import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.error import URLError

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

SCRAPE_SECONDS: Final = 2.0
"""A child too busy to answer is missing in this scrape; `histoire_process_answering` shows it."""
SUPERVISOR: Final = "supervisor"
SUPERVISOR_ONLY: Final = ("histoire_process_", "histoire_build")
"""Prefixes of the metrics that only the supervisor has."""
ANSWERING: Final = "histoire_process_answering"


class ChildrenCollector(Collector):
    """Asks the endpoint of every child whenever it is asked itself; keeps nothing."""

    def __init__(
        self, ports: Mapping[str, int], supervisor: CollectorRegistry, registry: CollectorRegistry
    ) -> None:
        """Registers itself; `supervisor`: the metrics of the supervisor's own process."""
        self._ports = ports
        self._supervisor = supervisor
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing: which metrics there are depends on the children."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The families of all processes, merged by name, each sample labelled with its process.

        `histoire_process_answering` is 0 for a child that did not answer. A frozen child still is
        a process: without this metric, its own would only be missing.
        """
        answering = GaugeMetricFamily(
            ANSWERING, "1 when the process answered this scrape.", labels=("process",)
        )
        merged: dict[str, Metric] = {}
        _merge(merged, _of_supervisor(self._supervisor), SUPERVISOR)
        with ThreadPoolExecutor(len(self._ports)) as pool:
            answers = pool.map(families, self._ports.values())
            for process, found in zip(self._ports, answers, strict=True):
                answering.add_metric((process,), 1 if found else 0)
                _merge(merged, found, process)
        return [*merged.values(), answering]


def samples_of(port: int, *names: str) -> list[list[tuple[dict[str, str], float]]]:
    """Labels and values of each of these metrics on an endpoint of this machine, asked once.

    All are empty when no endpoint answers.
    """
    # The group itself waits for its children: one that is frozen must not make it seem absent.
    found = families(port, 2 * SCRAPE_SECONDS)
    samples = [sample for family in found for sample in family.samples]
    return [
        [(dict(sample.labels), sample.value) for sample in samples if sample.name == name]
        for name in names
    ]


def families(port: int, seconds: float = SCRAPE_SECONDS) -> list[Metric]:
    """What an endpoint of this machine serves; nothing when it does not answer in time."""
    # Loopback only, and the port is one we gave to a child of our own.
    address = f"http://127.0.0.1:{port}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError, ConnectionError):
        return []
    return list(text_string_to_metric_families(text))


def _merge(merged: dict[str, Metric], found: Iterable[Metric], process: str) -> None:
    for family in found:
        target = merged.setdefault(
            family.name, Metric(family.name, family.documentation, family.type)
        )
        for sample in family.samples:
            # A metric of the supervisor about a child already has the label of the child.
            labels = {"process": process, **sample.labels}
            target.add_sample(sample.name, labels, sample.value)


def _of_supervisor(registry: CollectorRegistry) -> Iterator[Metric]:
    # Through the text, as for children: an Info would have another name otherwise.
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        if family.name.startswith(SUPERVISOR_ONLY) or not family.name.startswith("histoire_"):
            yield family
