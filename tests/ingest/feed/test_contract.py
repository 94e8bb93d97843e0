"""What both feeds keep: the embedded log and Kafka behind the same two interfaces."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Sequence

import pytest

from ingest.feed import (
    Acknowledgement,
    Assignment,
    FeedMismatch,
    OutgoingRecord,
    Partition,
    PartitionsHalted,
    Poller,
    check_topics,
    ensure_topics,
    partition_of,
    topic_facts,
)
from ingest.runtime.settings import Settings
from tests.ingest.feed.feed_under_test import (
    PARTITIONS,
    Answers,
    Feed,
    Positions,
    poll_until,
    record,
    wait_for,
)

MIB = 1024 * 1024


def poll_for_ever(poller: Poller) -> None:
    for _ in range(600):
        poller.poll(0.2, 10, MIB)


def test_records_of_a_key_arrive_in_order_at_the_acknowledged_offsets(feed: Feed) -> None:
    sent = [record(f"key-{n % 17}", b"%d" % n) for n in range(1000)]
    answers = Answers()
    publisher = feed.publisher()
    publisher.publish_many(sent, answers)
    assert publisher.flush(30)
    assert publisher.unacknowledged() == 0
    acks = answers.acknowledged()
    assert len(acks) == len(sent)
    by_partition = defaultdict(list)
    for ack in acks:
        by_partition[ack.partition].append(ack.offset)
    for offsets in by_partition.values():  # gapless, and answered in the order of the partition
        assert offsets == list(range(len(offsets)))

    found = poll_until(feed.poller(Positions()), len(sent))
    for partition, records in found.items():
        expected = [r for r in sent if partition_of(r.key, PARTITIONS) == partition.number]
        assert [(r.key, r.value) for r in records] == [(r.key, r.value) for r in expected]


def test_an_acknowledgement_names_the_place_of_its_record(feed: Feed) -> None:
    sent = [record(f"k{n}", b"v%d" % n) for n in range(50)]
    acks = feed.publish(sent)
    found = poll_until(feed.poller(Positions()), len(sent))
    places = {(p, r.offset): r for p, records in found.items() for r in records}
    for outgoing, ack in zip(sent, acks, strict=True):
        there = places[ack.partition, ack.offset]
        assert (there.key, there.value) == (outgoing.key, outgoing.value)
        assert there.timestamp_ms == ack.timestamp_ms
        assert ack.partition.number == partition_of(outgoing.key, PARTITIONS)


def test_headers_and_timestamps_are_kept_duplicates_and_empty_values_too(feed: Feed) -> None:
    headers = (
        ("ce_id", b"1"),
        ("nom_accentué", "é".encode()),
        ("twice", b"a"),
        ("twice", b"b"),
        ("empty", b""),
        ("", b"no name"),
    )
    sent = [
        OutgoingRecord("documents", b"k", b"v", headers, 1_700_000_000_123),
        OutgoingRecord("documents", b"k", b"", (), 1_600_000_000_000),
    ]
    feed.publish(sent)
    (records,) = poll_until(feed.poller(Positions()), 2).values()
    assert [(r.headers, r.value) for r in records] == [(headers, b"v"), ((), b"")]
    if feed.embedded:
        assert [r.timestamp_ms for r in records] == [1_700_000_000_123, 1_600_000_000_000]
    else:  # the broker's time: else retention would remove them at once
        assert min(r.timestamp_ms for r in records) > 1_790_000_000_000


def test_the_largest_record_passes_and_a_larger_one_is_refused_alone(feed: Feed) -> None:
    largest = bytes(range(256)) * (8 * MIB // 256)
    too_large = b"x" * (feed.settings.max_message_bytes + 1)
    answers = Answers()
    publisher = feed.publisher()
    publisher.publish(record("k", b"before"), answers)
    publisher.publish(record("k", too_large), answers)
    publisher.publish(record("k", largest), answers)
    publisher.publish(record("k", b"after"), answers)
    assert publisher.flush(60)
    assert answers.codes() == ["too_large"]
    assert [a.offset for a in answers.acknowledged()] == [0, 1, 2]
    (records,) = poll_until(feed.poller(Positions()), 3).values()
    assert [r.value for r in records] == [b"before", largest, b"after"]


@pytest.mark.parametrize(
    ("outgoing", "code"),
    [
        (OutgoingRecord("documents", b"", b"v"), "empty_key"),
        (OutgoingRecord("documents", b"k", b"v", (), -1), "bad_timestamp"),
        (OutgoingRecord("documents", b"k", b"v", (), 4_102_444_800_000), "bad_timestamp"),
        (OutgoingRecord("nowhere", b"k", b"v"), "no_such_topic"),
        (OutgoingRecord("documents", b"k", b"v", (("x" * 300, b""),)), "bad_headers"),
        (OutgoingRecord("documents", b"k", b"v", (("absent", None),)), "bad_headers"),
    ],
)
def test_what_no_feed_takes_is_refused_with_its_code(
    feed: Feed, outgoing: OutgoingRecord, code: str
) -> None:
    answers = Answers()
    publisher = feed.publisher()
    publisher.publish(outgoing, answers)
    publisher.publish(record("k"), answers)
    assert publisher.flush(30)
    assert answers.codes() == [code]
    assert len(answers.acknowledged()) == 1


def test_a_closed_publisher_answers_closed(feed: Feed) -> None:
    publisher = feed.publisher()
    publisher.close()
    answers = Answers()
    publisher.publish(record("k"), answers)
    assert answers.codes() == ["closed"]


def test_many_threads_publish_at_once_and_nothing_is_lost(feed: Feed) -> None:
    publisher = feed.publisher()
    answers = [Answers() for _ in range(4)]

    def send(worker: int) -> None:
        for n in range(300):
            publisher.publish(record(f"w{worker}", b"%d" % n), answers[worker])

    threads = [threading.Thread(target=send, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert publisher.flush(30)
    assert [len(a.acknowledged()) for a in answers] == [300] * 4
    found = poll_until(feed.poller(Positions()), 1200)
    for worker in range(4):
        mine = [
            r.value for records in found.values() for r in records if r.key == f"w{worker}".encode()
        ]
        assert mine == [b"%d" % n for n in range(300)]


def test_a_poller_resumes_from_the_offsets_it_is_told(feed: Feed) -> None:
    acks = feed.publish([record("k", b"%d" % n) for n in range(10)])
    partition = acks[0].partition
    positions = Positions({partition: 7})
    found = poll_until(feed.poller(positions), 3)
    assert [r.value for r in found[partition]] == [b"7", b"8", b"9"]
    assert {a.partition for a in positions.asked} == {
        Partition("documents", n) for n in range(PARTITIONS)
    }


def test_an_assignment_tells_what_the_log_holds(feed: Feed) -> None:
    ack = feed.publish([record("k", b"%d" % n) for n in range(3)])[-1]
    facts = topic_facts(feed.settings)["documents"]
    positions = Positions()
    poller = feed.poller(positions)
    poll_until(poller, 3)
    told = next(a for a in positions.asked if a.partition == ack.partition)
    assert (told.log_start, told.log_end) == (0, 3)
    assert told.cluster_id == poller.cluster_id == facts.cluster_id
    assert told.topic_id == facts.topic_id
    assert facts.log_end[ack.partition.number] == 3
    found = told.identity_at(ack.offset)
    assert found is not None
    assert (found.offset, found.timestamp_ms) == (ack.offset, ack.timestamp_ms)
    assert told.identity_at(3) is None


def test_seek_again_asks_resume_and_reads_again(feed: Feed) -> None:
    acks = feed.publish([record("k", b"%d" % n) for n in range(5)])
    positions = Positions()
    poller = feed.poller(positions)
    poll_until(poller, 5)
    positions.at[acks[0].partition] = 3
    positions.asked.clear()
    poller.seek_again([acks[0].partition])
    found = poll_until(poller, 2)
    assert [r.offset for r in found[acks[0].partition]] == [3, 4]
    assert [a.partition for a in positions.asked] == [acks[0].partition]


def test_what_resume_raises_reaches_the_caller_and_it_is_asked_again(feed: Feed) -> None:
    feed.publish([record("k")])
    raising = True

    def resume(assignments: object) -> dict[Partition, int]:
        if raising:
            raise FeedMismatch("the topic is another one")
        return dict.fromkeys((Partition("documents", n) for n in range(PARTITIONS)), 0)

    poller = feed.poller(resume)
    for _ in range(2):
        with pytest.raises(FeedMismatch, match="another one"):
            poll_for_ever(poller)
    assert poller.owned() == {Partition("documents", n) for n in range(PARTITIONS)}
    raising = False
    assert sum(map(len, poll_until(poller, 1).values())) == 1


def test_a_position_outside_the_log_halts(feed: Feed) -> None:
    ack = feed.publish([record("k")])[0]
    poller = feed.poller(Positions({ack.partition: 5}))
    with pytest.raises(FeedMismatch, match=f"documents/{ack.partition.number}"):
        poll_for_ever(poller)


def test_a_halted_partition_is_set_aside_and_loses_nothing_of_the_others(feed: Feed) -> None:
    acks = feed.publish([record(f"k{n}", b"%d" % n) for n in range(40)])
    halted = acks[0].partition
    reasons = {halted: "a person must decide"}

    def resume(assignments: Sequence[Assignment]) -> dict[Partition, int]:
        partitions = [assignment.partition for assignment in assignments]
        if reasons and halted in partitions:
            raise PartitionsHalted(dict(reasons))
        return dict.fromkeys(partitions, 0)

    poller = feed.poller(resume)
    with pytest.raises(PartitionsHalted):
        poll_for_ever(poller)
    others = sum(ack.partition != halted for ack in acks)
    found = poll_until(poller, others)
    assert halted not in found
    assert halted in poller.owned()
    assert poller.end_offsets()[halted] == len(acks) - others
    reasons.clear()
    poller.seek_again([halted])
    found = poll_until(poller, len(acks) - others)
    assert found.keys() == {halted}
    poller.set_aside([halted])
    more = feed.publish([record("k0"), *(record(f"k{n}") for n in range(40))])
    expected = sum(ack.partition != halted for ack in more)
    assert halted not in poll_until(poller, expected)


def test_a_poll_is_bounded_by_records_and_by_bytes(feed: Feed) -> None:
    feed.publish([record(f"k{n}", b"x" * 10_000) for n in range(60)])
    poller = feed.poller(Positions())
    seen = 0
    while seen < 20:
        got = [len(p.records) for p in poller.poll(0.2, 7, MIB)]
        assert sum(got) <= 7
        seen += sum(got)
    while seen < 58:
        got = [len(p.records) for p in poller.poll(0.2, 100, 25_000)]
        assert sum(got) <= 2
        seen += sum(got)
    for _ in range(200):  # at least one record, however small the bound
        got = [len(p.records) for p in poller.poll(0.2, 100, 1)]
        assert sum(got) <= 1
        seen += sum(got)
        if seen == 60:
            break
    assert seen == 60
    assert poller.poll(0.1, 100, MIB) == []


def test_every_partition_gets_its_turn(feed: Feed) -> None:
    busy = "k0"
    quiet = next(
        f"k{n}"
        for n in range(1, 99)
        if partition_of(b"k%d" % n, PARTITIONS) != partition_of(b"k0", PARTITIONS)
    )
    noise = random.Random(7)
    feed.publish([record(busy, noise.randbytes(1000)) for _ in range(3000)] + [record(quiet)])
    poller = feed.poller(Positions())
    seen: list[bytes | None] = []
    while quiet.encode() not in seen:
        seen += [r.key for p in poller.poll(0.2, 200, MIB) for r in p.records]
    assert len(seen) < 2000


def test_end_offsets_from_another_thread(feed: Feed) -> None:
    ack = feed.publish([record("k") for _ in range(4)])[0]
    poller = feed.poller(Positions())
    poll_until(poller, 4)
    ends: list[dict[Partition, int]] = []
    thread = threading.Thread(target=lambda: ends.append(dict(poller.end_offsets())))
    thread.start()
    poller.poll(0.2, 10, MIB)
    thread.join()
    assert ends[0].keys() == poller.owned()
    assert ends[0][ack.partition] == 4
    poller.commit_courtesy({ack.partition: 4})
    assert poller.poll(0.2, 10, MIB) == []


def test_without_a_group_a_poller_reads_everything_beside_the_others(feed: Feed) -> None:
    feed.publish([record(f"k{n}") for n in range(20)] + [record("p", topic="patients")])
    first = feed.poller(Positions(), topics=("documents", "patients"), group=None)
    second = feed.poller(Positions(), topics=("documents", "patients"), group=None)
    for poller in (first, second):
        assert sum(map(len, poll_until(poller, 21).values())) == 21
        assert len(poller.owned()) == 2 * PARTITIONS


def test_two_members_share_the_partitions_and_one_takes_over_from_a_closed_one(
    feed: Feed,
) -> None:
    everything = {Partition("documents", n) for n in range(PARTITIONS)}
    first = feed.poller(Positions())
    wait_for(lambda: first.poll(0.1, 10, MIB) == [] and first.owned() == everything)
    second = feed.poller(Positions())

    def shared() -> bool:
        first.poll(0.1, 10, MIB)
        second.poll(0.1, 10, MIB)
        return (len(first.owned()), len(second.owned())) == (2, 2)

    wait_for(shared)
    assert first.owned() | second.owned() == everything
    first.close()
    wait_for(lambda: second.poll(0.1, 10, MIB) == [] and second.owned() == everything)


def test_topics_are_created_once_and_another_partition_count_is_refused(feed: Feed) -> None:
    before = topic_facts(feed.settings)
    assert set(before) == {"documents", "patients", "registry", "outcomes", "notifications"}
    fed = ("documents", "patients", "registry")
    assert [before[topic].partitions for topic in fed] == [PARTITIONS] * 3
    ensure_topics(feed.settings)
    assert topic_facts(feed.settings) == before
    other = Settings.model_validate({**feed.settings.model_dump(), "topic_partitions": 5})
    with pytest.raises(FeedMismatch, match="4 partitions"):
        ensure_topics(other)


def test_topics_are_only_looked_at_by_those_who_use_them(feed: Feed) -> None:
    check_topics(feed.settings, ["documents", "outcomes"])
    elsewhere = Settings.model_validate({**feed.settings.model_dump(), "topic_prefix": "nowhere-"})
    with pytest.raises(FeedMismatch, match=r"topic documents does not exist.*histoire migrate"):
        check_topics(elsewhere, ["documents"])
    assert topic_facts(elsewhere) == {}


def test_a_publisher_is_full_until_it_is_answered(feed: Feed) -> None:
    """Back-pressure: a slow `done` holds the feed back, and memory with it."""
    publisher = feed.publisher()
    gate = threading.Event()
    most = 0

    def slow(answer: object) -> None:
        assert isinstance(answer, Acknowledgement)
        gate.wait(30)

    def send() -> None:
        publisher.publish_many([record("k", b"x" * MIB) for _ in range(150)], slow)

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(20):
        sender.join(0.05)
        most = max(most, publisher.unacknowledged())
    assert sender.is_alive()
    assert 10 < most < 100
    gate.set()
    sender.join(60)
    assert publisher.flush(60)


def test_a_recreated_topic_is_another_topic(feed: Feed) -> None:
    feed.publish([record("k")])
    before = topic_facts(feed.settings)["documents"]
    feed.recreate("documents")
    after = topic_facts(feed.settings)["documents"]
    assert after.topic_id != before.topic_id
    assert after.cluster_id == before.cluster_id
    assert set(after.log_end) == {0}
    positions = Positions()
    feed.publish([record("k", b"new")])
    (records,) = poll_until(feed.poller(positions), 1).values()
    assert records[0].value == b"new"
    assert {a.topic_id for a in positions.asked} == {after.topic_id}


def test_what_retention_removed_is_told_and_a_position_there_halts(feed: Feed) -> None:
    partition = feed.publish([record("k", b"%d" % n) for n in range(10)])[0].partition
    feed.cut_below(partition, 6)
    facts = topic_facts(feed.settings)["documents"]
    assert (facts.log_start[partition.number], facts.log_end[partition.number]) == (6, 10)

    stale = feed.poller(Positions({partition: 5}), group=None)
    with pytest.raises(FeedMismatch, match="retention"):
        poll_for_ever(stale)

    positions = Positions({partition: 6})
    found = poll_until(feed.poller(positions, group=None), 4)
    assert [r.offset for r in found[partition]] == [6, 7, 8, 9]
    told = next(a for a in positions.asked if a.partition == partition)
    assert (told.log_start, told.log_end) == (6, 10)
    assert told.identity_at(5) is None


def test_a_publisher_goes_on_after_its_topic_was_recreated(feed: Feed) -> None:
    publisher = feed.publisher()
    answers = Answers()
    publisher.publish(record("k", b"old"), answers)
    assert publisher.flush(30)
    feed.recreate("documents")
    publisher.publish(record("k", b"new"), answers)
    assert publisher.flush(60)
    assert [a.offset for a in answers.acknowledged()] == [0, 0]
