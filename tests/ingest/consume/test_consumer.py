"""The loop over the embedded feed, end to end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from ingest.batch.write import BatchWriter
from ingest.consume.consumer import Consumer
from ingest.consume.metrics import IngestionMetrics
from ingest.consume.rejection_limit import RejectionLimit, TooManyRejections
from ingest.eventstore import EventStore
from ingest.eventstore.append_batch import SourceOffsets
from ingest.feed import (
    Assignment,
    FeedMismatch,
    FeedRecordIdentity,
    FeedUnavailable,
    OutgoingRecord,
    Partition,
    PartitionsHalted,
    topic_facts,
    trim,
)
from ingest.read.arrivals import Arrival, read_partition, source_of
from ingest.read.offsets import (
    OffsetNotAcceptable,
    PartitionOffsets,
    StoredOffsets,
    accept_offset,
    offset_misfit,
    offsets_of,
)
from ingest.read.service_wait import is_passing_failure, wait_for_services, without_waiting
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.metrics import Metrics
from tests.ingest.feed_messages import (
    ANNA,
    BRUNO,
    CONTEXT,
    deposit,
    dicom,
    feed_record,
    key_of,
    mask,
    record_message,
    unique_id,
)
from tests.ingest.ingest_site import Site


def garbage(count: int, key: bytes = b"k") -> list[OutgoingRecord]:
    return [OutgoingRecord("documents", key, b"garbage") for _ in range(count)]


def test_everything_on_the_feed_gets_exactly_one_answer(site: Site) -> None:
    messages = [
        *(deposit(n, matricule=(ANNA, BRUNO)[n % 2]) for n in range(200)),
        record_message("ActivateRecord"),
        mask(2),
        mask(999),
    ]
    site.publish(*messages, *messages[:50])
    site.publish_records(*garbage(3))
    site.ingest(records=60)
    balance = site.balance()
    assert balance["fetched"] == len(messages) + 50 + 3
    assert balance["fetched"] == sum(
        balance[kind] for kind in ("accepted", "duplicate", "unchanged", "rejected")
    )
    assert balance["duplicate"] == 50
    assert balance["events"] == len(site.events())
    assert {letter.code for letter in site.store.dead_letters.page()} == {
        "not_single_object",
        "target_unknown",
    } or balance["rejected"] == 5
    assert site.names().count("document_submitted") == 200


def test_it_goes_on_where_it_stopped_and_reads_nothing_twice(site: Site) -> None:
    site.publish(*(deposit(n) for n in range(30)))
    site.ingest()
    site.publish(*(deposit(n) for n in range(30, 50)))
    site.ingest()
    assert site.balance()["accepted"] == 50
    assert site.balance()["duplicate"] == 0


def test_run_once_is_one_poll_and_one_transaction(site: Site) -> None:
    site.publish(deposit(1), deposit(2))
    poller = site.poller()
    consumer = site.consumer(poller)
    written = None
    while written is None:
        written = consumer.run_once()
    assert sum(len(part.records) for part in written.parts) == 2
    poller.close()


def test_a_stop_ends_the_loop_after_the_batch_under_way(site: Site) -> None:
    site.publish(*(deposit(n) for n in range(500)))
    poller = site.poller()
    stop = StopSignal()
    consumer = site.consumer(poller, records=20)
    consumer.run(stop, on_messages=lambda _: stop.set())
    poller.close()
    balance = site.balance()
    assert 0 < balance["fetched"] < 500
    assert balance["fetched"] == balance["accepted"]
    assert balance["events"] == len(site.events())
    site.ingest()
    assert site.balance()["accepted"] == 500
    assert site.balance()["duplicate"] == 0


def test_two_consumers_of_one_group_store_everything_once(site: Site) -> None:
    site.publish(
        *(deposit(n, matricule=(ANNA, BRUNO)[n % 2]) for n in range(300)),
        *(record_message("DeclareIdentity") for _ in range(20)),
    )
    stop = StopSignal()

    def work() -> None:
        with EventStore.open(site.settings) as store:
            poller = site.poller(store)
            consumer: Consumer = site.consumer(poller, records=10, writer=site.writer(store))
            while not stop.is_set():
                consumer.run_once()
            poller.close()

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work) for _ in range(2)]
        for _ in range(400):
            if site.balance().get("fetched") == 320 or any(w.done() for w in working):
                break
            stop.wait(0.05)
        stop.set()
        for future in working:
            future.result()
    balance = site.balance()
    assert (balance["fetched"], balance["accepted"], balance["duplicate"]) == (320, 320, 0)
    assert site.store.auditing.verify_streams() == []


def test_what_another_owner_left_of_a_lost_batch_is_read_again(site: Site) -> None:
    """Fenced out of its own batch, a consumer goes on where the store stands, not where it had
    read to: what the other owner did not write would be passed over.
    """
    site.publish(deposit(1), deposit(2), deposit(3))

    class Overtaken(RejectionLimit):
        """Between our decision and our commit another owner writes the first message."""

        overtaken = False

        def check(self, arrivals: Sequence[Arrival]) -> None:
            if not self.overtaken:
                self.overtaken = True
                other = site.poller(group="other")
                polled = other.poll(5, 1, 1024 * 1024)
                parts = [read_partition(part, other.cluster_id, CONTEXT) for part in polled]
                assert sum(len(part.records) for part in parts) == 1
                assert not site.writer().write(parts).lost
                other.close()

    poller = site.poller()
    consumer = site.consumer(poller, rejections=Overtaken(2000, 0.5))
    lost = None
    while lost is None:
        lost = consumer.run_once()
    assert [part.partition for part in lost.lost] == sorted(
        poller.owned() & {lost.lost[0].partition}
    )
    consumer.run(StopSignal(), until_idle=True)
    poller.close()
    balance = site.balance()
    assert (balance["fetched"], balance["accepted"], balance["duplicate"]) == (3, 3, 0)
    assert site.names().count("document_submitted") == 3


def test_a_database_that_goes_away_again_and_again_is_waited_for(site: Site) -> None:
    site.publish(*(deposit(n, content=dicom(b"%d" % n)) for n in range(120)))
    stop, done = StopSignal(), threading.Event()
    assert site.settings.database_dsn is not None
    dsn = site.settings.database_dsn.get_secret_value()

    def cut() -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            while not done.wait(0.2):
                conn.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                    " and application_name like 'histoire-%'"
                )

    writer = BatchWriter(site.store, CONTEXT, SystemClock(), wait_for_services(stop))
    poller = site.poller()
    consumer = site.consumer(poller, records=10, writer=writer)
    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(cut)
        try:
            ingested = 0

            def count(messages: int) -> None:
                nonlocal ingested
                ingested += messages
                if ingested >= 60:
                    done.set()

            consumer.run(stop, until_idle=True, on_messages=count)
        finally:
            done.set()
            cutting.result()
    poller.close()
    balance = site.balance()
    assert (balance["fetched"], balance["accepted"], balance["duplicate"]) == (120, 120, 0)
    assert site.names().count("document_submitted") == 120
    assert site.store.auditing.verify_streams() == []


# The limit of rejections


def test_too_many_rejections_stop_the_consumer_and_nothing_of_the_batch_is_committed(
    site: Site,
) -> None:
    site.publish_records(*garbage(11))
    with pytest.raises(TooManyRejections) as stopped:
        site.ingest(rejections=RejectionLimit(20, 0.5))
    assert stopped.value.codes == {"not_single_object": 11}
    assert len(stopped.value.examples) == 5
    assert all("(not_single_object)" in place for place in stopped.value.examples)
    assert site.balance()["fetched"] == 0
    site.ingest(rejections=RejectionLimit(20, 0.5, accepted=5))
    assert site.balance()["rejected"] == 11


def test_rejections_are_counted_over_the_last_messages_only(site: Site) -> None:
    limit = RejectionLimit(4, 0.5)
    for _ in range(5):
        site.publish_records(*garbage(2, key_of(deposit(0)[1])))
        site.publish(deposit(1), deposit(2))
        site.ingest(rejections=limit)
    assert site.balance()["rejected"] == 10


def test_rejections_let_through_are_used_up(site: Site) -> None:
    limit = RejectionLimit(4, 0.5, accepted=3)
    site.publish_records(*garbage(5))
    site.ingest(rejections=limit)
    site.publish_records(*garbage(1))
    with pytest.raises(TooManyRejections):
        site.ingest(rejections=limit)
    assert site.balance()["rejected"] == 5


def test_a_service_that_is_away_is_waited_for() -> None:
    """The home of document bytes is a file system: its faults are passing, never a rejection."""
    assert is_passing_failure(OSError("away"))
    assert is_passing_failure(FeedUnavailable("away"))
    assert not is_passing_failure(ValueError("ours"))


# Positions


def fake(log_start: int = 0, log_end: int = 10, topic_id: str = "t", **record: int) -> Assignment:
    identity = {"leader_epoch": 1, "timestamp_ms": 99, **record}
    return Assignment(
        Partition("documents", 0),
        "c",
        topic_id,
        log_start,
        log_end,
        lambda offset: FeedRecordIdentity(
            offset, identity["leader_epoch"], identity["timestamp_ms"]
        ),
    )


STORED = SourceOffsets("c/documents/0", "t", 5, 0, 4, 1, 99, 5, 0, 0, 0, 5, 0)


def test_a_position_that_fits() -> None:
    assert offset_misfit(STORED, fake()) is None
    assert offset_misfit(STORED, fake(log_start=5)) is None


@pytest.mark.parametrize(
    "assignment",
    [
        fake(topic_id="other"),
        fake(log_end=4),
        fake(log_start=6),
        fake(leader_epoch=2),
        fake(timestamp_ms=98),
        replace(fake(), identity_at=lambda offset: None),
    ],
)
def test_a_position_that_does_not_fit_says_why(assignment: Assignment) -> None:
    sentence = offset_misfit(STORED, assignment)
    assert sentence is not None
    assert sentence.endswith(".")


def test_a_log_that_was_cut_before_it_was_ever_read_halts(site: Site) -> None:
    resume = StoredOffsets(site.store, without_waiting)
    with pytest.raises(FeedMismatch, match="histoire positions accept documents/0"):
        resume([fake(log_start=3)])
    assert site.store.sources.all() == {}


def test_the_row_of_a_partition_is_inserted_at_its_first_assignment(site: Site) -> None:
    resume = StoredOffsets(site.store, without_waiting)
    assert resume([fake()]) == {Partition("documents", 0): 0}
    assert site.store.sources.all()["c/documents/0"].topic_id == "t"


def position_on_feed(site: Site, partition: Partition) -> PartitionOffsets:
    positions = offsets_of(site.store.sources.all(), topic_facts(site.settings).values())
    return next(position for position in positions if position.partition == partition)


def test_a_gap_is_accepted_with_a_reason_and_counted_as_holes(site: Site) -> None:
    (first, *_) = site.publish(*(deposit(n) for n in range(5)))
    position = position_on_feed(site, first.partition)
    assert position.log_end == 5
    # The feed lost its first messages before anybody read them.
    trim(site.settings, -1.0, {first.partition: 3})
    position = position_on_feed(site, first.partition)
    assert position.log_start == 3
    assert position.misfit is not None
    with pytest.raises(FeedMismatch):
        site.ingest()
    assert accept_offset(site.store, position, reason="tested", by="me") == 3
    site.ingest()
    assert site.balance()["accepted"] == 2
    assert position_on_feed(site, first.partition).misfit is None


def lose(site: Site, partition: Partition, offset: int) -> None:
    """The embedded feed has no message at this offset, as after a producer's transaction."""
    assert site.settings.database_dsn is not None
    with psycopg.connect(site.settings.database_dsn.get_secret_value(), autocommit=True) as conn:
        conn.execute(
            "delete from feed.record r using feed.topic t where r.topic = t.number and t.name = %s"
            ' and r.partition = %s and r."offset" = %s',
            (partition.topic, partition.number, offset),
        )


def test_one_halted_partition_leaves_the_others_and_goes_on_once_its_gap_is_accepted(
    site: Site,
) -> None:
    sent = site.publish(*(deposit(n, matricule=ANNA) for n in range(5)))
    site.publish(*(record_message("DeclareIdentity") for _ in range(5)))
    partition = sent[0].partition
    lose(site, partition, 2)
    metrics = Metrics(CollectorRegistry())
    report = IngestionMetrics(metrics, site.store, SystemClock())
    with pytest.raises(PartitionsHalted) as halted:
        site.ingest(report=report)
    assert halted.value.halts.keys() == {partition}
    name = f"{partition.topic}/{partition.number}"
    assert f"histoire positions accept {name} --to 3" in str(halted.value)
    labels = {"topic": partition.topic, "partition": str(partition.number)}
    assert metrics.registry.get_sample_value("histoire_source_halted", labels) == 1
    assert site.balance()["accepted"] == 7

    position = position_on_feed(site, partition)
    for refused in (1, 6):
        with pytest.raises(OffsetNotAcceptable):
            accept_offset(site.store, position, reason="tested", by="me", to=refused)
    assert accept_offset(site.store, position, reason="tested", by="me", to=3) == 3
    site.ingest()
    balance = site.balance()
    assert (balance["accepted"], balance["holes"], balance["fetched"]) == (9, 1, 10)


class SlowClock(SystemClock):
    """An hour passes whenever the test says so."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def test_a_running_process_goes_on_with_a_partition_whose_gap_was_accepted(site: Site) -> None:
    sent = site.publish(*(deposit(n, matricule=ANNA) for n in range(3)))
    site.publish(*(record_message("DeclareIdentity") for _ in range(3)))
    partition = sent[0].partition
    lose(site, partition, 1)
    clock = SlowClock()
    metrics = Metrics(CollectorRegistry())
    poller = site.poller()
    consumer = site.consumer(
        poller, clock=clock, report=IngestionMetrics(metrics, site.store, clock)
    )

    def gauge() -> float | None:
        labels = {"topic": partition.topic, "partition": str(partition.number)}
        return metrics.registry.get_sample_value("histoire_source_halted", labels)

    def run_until(accepted: int) -> None:
        for _ in range(50):
            consumer.run_once()
            if site.balance()["accepted"] == accepted:
                return
        raise AssertionError(site.balance())

    run_until(4)
    assert gauge() == 1
    clock.ahead += 61
    assert consumer.run_once() is None or gauge() == 1
    accept_offset(site.store, position_on_feed(site, partition), reason="tested", by="me", to=2)
    clock.ahead += 61
    run_until(5)
    assert gauge() == 0
    poller.close()


def test_a_process_all_of_whose_partitions_are_halted_ends(site: Site) -> None:
    for fact in topic_facts(site.settings).values():
        for number in range(fact.partitions):
            source = source_of(fact.cluster_id, Partition(fact.topic, number))
            site.store.sources.insert(source, "the topic that was there before", 0)
    poller = site.poller()
    with pytest.raises(PartitionsHalted, match="made anew") as halted:
        site.consumer(poller).run(StopSignal())
    assert halted.value.halts.keys() == poller.owned()
    poller.close()


def test_metrics_tell_what_was_stored(site: Site) -> None:
    metrics = Metrics(CollectorRegistry())
    site.publish(deposit(1), deposit(1), mask(7), deposit(2, replaces=unique_id(1)))
    report = IngestionMetrics(metrics, site.store, SystemClock())
    site.ingest(report=report)

    def value(metric: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"histoire_{metric}", labels)

    count = {"topic": "documents"}
    assert value("messages_total", outcome="accepted", code="", **count) == 2
    assert value("messages_total", outcome="duplicate", code="", **count) == 1
    assert value("messages_total", outcome="rejected", code="target_unknown", **count) == 1
    assert value("events_total", name="document_replaced") == 1
    assert value("dead_letters_waiting", code="target_unknown") == 1


def test_the_key_of_a_message_is_what_its_partition_is_made_of(site: Site) -> None:
    message = deposit(1)
    wrong = OutgoingRecord(
        "documents", b"another key", feed_record(message).value or b"", feed_record(message).headers
    )
    site.publish_records(wrong)
    site.ingest()
    (letter,) = site.store.dead_letters.page()
    assert letter.code == "key_mismatch"
