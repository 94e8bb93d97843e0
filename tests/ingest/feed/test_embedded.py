"""What only the embedded log has: retention of ours, sessions that end, one counter for many."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from ingest.feed import (
    FeedMismatch,
    FeedUnavailable,
    OutgoingRecord,
    Partition,
    ensure_topics,
    open_poller,
    open_publisher,
    topic_facts,
)
from ingest.feed.embedded.retention import trim_log
from ingest.runtime.settings import Settings
from tests.ingest.feed.feed_under_test import (
    Answers,
    Feed,
    Positions,
    poll_until,
    record,
    wait_for,
)

HOUR_MS = 3_600_000
MIB = 1024 * 1024
NOW_MS = 1_700_000_000_000


class Then:
    """The clock of that moment."""

    def now(self) -> float:
        return NOW_MS / 1000

    def monotonic(self) -> float:
        return 0.0


def end_sessions(feed: Feed, name: str) -> int:
    with feed.sql() as conn:
        rows = conn.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = %s and datname = current_database()",
            (f"histoire-{name}",),
        ).fetchall()
    return len(rows)


def test_trim_stops_at_the_first_recent_record_and_at_the_offset_given(
    embedded_feed: Feed,
) -> None:
    feed = embedded_feed
    ages = [9, 9, 1, 9, 9]  # hours: what is old behind something recent stays
    partition = feed.publish(
        [
            OutgoingRecord("documents", b"k", b"%d" % n, (), NOW_MS - age * HOUR_MS)
            for n, age in enumerate(ages)
        ]
    )[0].partition
    assert trim_log(feed.settings, 5, {}, clock=Then()) == 0
    assert trim_log(feed.settings, 5, {partition: 1}, clock=Then()) == 1
    assert trim_log(feed.settings, 5, {partition: 100}, clock=Then()) == 1
    facts = topic_facts(feed.settings)["documents"]
    assert facts.log_start[partition.number] == 2
    found = poll_until(feed.poller(Positions({partition: 2})), 3)
    assert [r.value for r in found[partition]] == [b"2", b"3", b"4"]
    with feed.sql() as conn:
        assert conn.execute("select count(*) from feed.record").fetchone() == (3,)


def test_offsets_have_no_gaps_when_many_publishers_share_a_partition(embedded_feed: Feed) -> None:
    publishers = [embedded_feed.publisher() for _ in range(3)]
    answers = Answers()
    for n in range(200):
        publishers[n % 3].publish(record("k", b"%d" % n), answers)
    assert all(p.flush(30) for p in publishers)
    assert sorted(a.offset for a in answers.acknowledged()) == list(range(200))
    (records,) = poll_until(embedded_feed.poller(Positions()), 200).values()
    for mine in range(3):  # the order of each publisher
        values = [int(r.value or b"") for r in records if int(r.value or b"") % 3 == mine]
        assert values == sorted(values)


def test_a_publisher_whose_session_was_ended_loses_nothing(embedded_feed: Feed) -> None:
    publisher = embedded_feed.publisher()
    answers = Answers()
    for n in range(600):
        publisher.publish(record("k", b"%d" % n), answers)
        if n % 200 == 100:
            wait_for(lambda: end_sessions(embedded_feed, "test-publisher") == 1)
    assert publisher.flush(30)
    assert len(answers.acknowledged()) == 600
    (records,) = poll_until(embedded_feed.poller(Positions()), 600).values()
    first_seen = list(dict.fromkeys(r.value for r in records))
    assert first_seen == [b"%d" % n for n in range(600)]


def test_a_poller_whose_session_was_ended_says_so_and_owns_nothing_until_it_is_back(
    embedded_feed: Feed,
) -> None:
    embedded_feed.publish([record("k")])
    positions = Positions()
    poller = embedded_feed.poller(positions)
    poll_until(poller, 1)
    end_sessions(embedded_feed, "test-poller")
    with pytest.raises(FeedUnavailable):
        poller.poll(1, 10, MIB)
    assert poller.owned() == frozenset()
    positions.asked.clear()
    assert sum(map(len, poll_until(poller, 1).values())) == 1
    assert len(positions.asked) == 4


def test_a_killed_member_s_partitions_move(embedded_feed: Feed) -> None:
    first = embedded_feed.poller(Positions())
    wait_for(lambda: first.poll(0.1, 10, MIB) == [] and len(first.owned()) == 4)
    end_sessions(embedded_feed, "test-poller")
    second = embedded_feed.poller(Positions())
    wait_for(lambda: second.poll(0.1, 10, MIB) == [] and len(second.owned()) == 4)


def test_groups_do_not_disturb_each_other(embedded_feed: Feed) -> None:
    embedded_feed.publish([record("k")])
    for group in ("one", "two"):
        poller = embedded_feed.poller(Positions(), group=group)
        assert sum(map(len, poll_until(poller, 1).values())) == 1


def test_a_log_that_was_never_created_is_said_in_a_sentence(database: str) -> None:
    settings = Settings(database_dsn=SecretStr(database))
    with pytest.raises(FeedMismatch, match="migrate"):
        open_publisher(settings, client_id="test")
    with pytest.raises(FeedMismatch, match="migrate"):
        open_poller(settings, ["documents"], group=None, resume=lambda asked: {}, client_id="test")


def test_a_database_that_is_away_is_unavailable(database: str) -> None:
    settings = Settings(database_dsn=SecretStr("host=/nonexistent"))
    with pytest.raises(FeedUnavailable):
        topic_facts(settings)


def test_two_prefixes_are_two_feeds(embedded_feed: Feed) -> None:
    other = Settings.model_validate(
        {**embedded_feed.settings.model_dump(), "topic_prefix": "other-"}
    )
    ensure_topics(other)
    embedded_feed.publish([record("k")])
    assert set(topic_facts(other)["documents"].log_end) == {0}
    assert Partition("documents", 0) in open_and_own(other)


def open_and_own(settings: Settings) -> frozenset[Partition]:
    poller = open_poller(settings, ["documents"], group=None, resume=Positions(), client_id="test")
    poller.poll(0, 10, MIB)
    owned = poller.owned()
    poller.close()
    return owned
