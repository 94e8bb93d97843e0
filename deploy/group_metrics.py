"""One metrics endpoint for the whole group: each child's metrics with a label `process`."""

import urllib.request
from collections.abc import Iterable, Mapping
from urllib.error import URLError

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

SCRAPE_SECONDS = 2.0
"""A child that is too busy to answer is left out of this scrape, and that shows."""


class ChildrenCollector(Collector):
    """Asks every child's endpoint when it is asked itself; keeps nothing."""

    def __init__(self, ports: Mapping[str, int], registry: CollectorRegistry) -> None:
        self._ports = ports
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: what there is depends on the children."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The families of all children, merged by name, each sample labelled with its process."""
        merged: dict[str, Metric] = {}
        for process, port in self._ports.items():
            for family in _families(port):
                target = merged.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    target.add_sample(
                        sample.name, {**sample.labels, "process": process}, sample.value
                    )
        return merged.values()


def samples_of(port: int, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and values of one metric on an endpoint of this machine; empty when none answers."""
    return [
        (dict(sample.labels), sample.value)
        for family in _families(port)
        for sample in family.samples
        if sample.name == name
    ]


def _families(port: int) -> list[Metric]:
    # Loopback only, and the port is one we gave to a child of our own.
    address = f"http://127.0.0.1:{port}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=SCRAPE_SECONDS) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError, ConnectionError):
        return []
    return list(text_string_to_metric_families(text))
