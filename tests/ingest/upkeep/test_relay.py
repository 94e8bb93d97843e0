"""Outcomes on their topic: keyed by software, at least once, the same id when published again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from ingest.eventstore import EventStore
from ingest.feed import FeedRecord, open_poller, open_publisher
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.metrics import Metrics
from ingest.upkeep.relay import Relay, RelayRefused
from schemas.codec.messages import Decoded, decode
from tests.ingest.feed_messages import SOFTWARE, deposit, mask
from tests.ingest.ingest_site import Site


def outcomes(site: Site) -> list[FeedRecord]:
    poller = open_poller(
        site.settings,
        ["outcomes"],
        group=None,
        resume=lambda assignments: {a.partition: 0 for a in assignments},
        client_id="reader",
    )
    try:
        found: list[FeedRecord] = []
        while polled := poller.poll(0.3, 1000, 1_000_000):
            found += [record for part in polled for record in part.records]
        return found
    finally:
        poller.close()


def test_every_outcome_is_published_once_and_marked(site: Site) -> None:
    site.write(deposit(1), deposit(1), mask(9))
    publisher = open_publisher(site.settings, client_id="relay")
    relay = Relay(site.store, publisher, "test", SystemClock())
    assert relay.run(StopSignal(), until_idle=True) == 3
    assert relay.relay_once() == 0
    publisher.close()
    records = outcomes(site)
    assert [record.key for record in records] == [SOFTWARE.encode()] * 3
    decoded = [decode(record.value) for record in records]
    said = [d.datum for d in decoded if isinstance(d, Decoded)]
    assert [(o["status"], o["code"], o["ruleId"]) for o in said] == [
        ("ACCEPTED", None, None),
        ("DUPLICATE", None, None),
        ("REJECTED", "target_unknown", "LIFE-05"),
    ]
    headers = dict(records[0].headers)
    assert headers["ce_id"] == said[0]["outcomeId"].encode()
    assert datetime.fromisoformat((headers["ce_time"] or b"").decode()) == datetime.fromtimestamp(
        said[0]["decidedAt"] / 1000, UTC
    )
    assert "traceparent" not in headers


TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        (TRACE, TRACE),
        (TRACE.upper(), None),
        (TRACE + b"-00", None),
        (b"ff" + TRACE[2:], None),
        (b"00-" + b"0" * 32 + TRACE[35:], None),
        (TRACE[:35] + b"-" + b"0" * 16 + b"-01", None),
        (b"\xff" * 55, None),
        (None, None),
        # A trace may not carry a patient out, neither alone nor among other digits.
        (TRACE[:3] + b"a279035121518989f" + TRACE[20:], None),
        (TRACE[:3] + b"5279035121518989777" + TRACE[22:], None),
    ],
)
def test_the_trace_of_a_message_goes_on_with_its_outcome(
    site: Site, given: bytes | None, passed_on: bytes | None
) -> None:
    parts = site.parts(deposit(1), mask(9))
    for arrival in (arrival for part in parts for arrival in part.records):
        arrival.feed_record = replace(
            arrival.feed_record, headers=(*arrival.feed_record.headers, ("traceparent", given))
        )
    site.writer().write(parts)
    publisher = open_publisher(site.settings, client_id="relay")
    assert Relay(site.store, publisher, "test", SystemClock()).relay_once() == 2
    publisher.close()
    found = [dict(record.headers).get("traceparent") for record in outcomes(site)]
    assert found == [passed_on, passed_on]


def test_an_outcome_published_again_has_the_same_id(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write(deposit(1))
    publisher = open_publisher(site.settings, client_id="relay")

    def cut_off(ids: Iterable[int]) -> None:
        """The process ends between publishing and marking."""
        raise ConnectionError

    with EventStore.open(site.settings) as store:
        monkeypatch.setattr(store.outcomes, "mark_published", cut_off)
        with pytest.raises(ConnectionError):
            Relay(store, publisher, "test", SystemClock()).relay_once()
    assert Relay(site.store, publisher, "test", SystemClock()).relay_once() == 1
    publisher.close()
    found = [dict(record.headers)["ce_id"] for record in outcomes(site)]
    assert len(found) == 2
    assert len(set(found)) == 1


def test_what_cannot_be_published_shows_with_its_age(site: Site) -> None:
    site.write(deposit(1), deposit(2))
    metrics = Metrics(CollectorRegistry())

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(f"histoire_relay_{name}", {"topic": "outcomes"})

    publisher = open_publisher(site.settings, client_id="relay")
    publisher.close()
    relay = Relay(site.store, publisher, "test", SystemClock())
    with pytest.raises(RelayRefused):
        relay.run(StopSignal(), until_idle=True, metrics=metrics)
    (*_, row) = site.store.outcomes.unpublished(10)
    assert value("waiting") == 2
    assert 0 < (value("oldest_timestamp_seconds") or 0) <= row.created_at.timestamp()
    publisher = open_publisher(site.settings, client_id="relay")
    relay = Relay(site.store, publisher, "test", SystemClock())
    relay.run(StopSignal(), until_idle=True, metrics=metrics)
    publisher.close()
    assert (value("waiting"), value("oldest_timestamp_seconds")) == (0, 0)
    assert value("published_total") == 2
