"""The feed is not what it was: made anew, cut, trimmed unread. Ingestion halts and says so, and
goes on where a person says.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
import pytest

from ingest.feed import ensure_topics
from ingest.feed.kafka.connection import admin_client
from ingest.runtime.console import Exit
from tests.system.faults.fault_trial import Record, Trial, logged
from tests.system.faults.test_faults_broker import settings_of
from tests.system.judge.evidence import Evidence, Fed
from tests.system.judge.two_lives import Partition, two_lives
from tests.system.running.answers import Terminal, terminal
from tests.system.running.feed_reading import FEED
from tests.system.running.own_services import OwnBroker
from tests.system.running.processes import wait_until
from tests.system.running.system_under_load import Member, System

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.faults]

MakeTrial = Callable[..., Trial]
NewDatabase = Callable[[str], str]
REASON: Final = "rehearsed: the producers were asked to send again"
CONFLICTS: Final = ("REJECTED unique_id_conflict", "REJECTED metadata_conflict")
_REPAIR: Final = re.compile(r"histoire positions accept (\w+/\d+)")
_READ: Final = "select source, topic_id, next_offset from source_position order by source"


@pytest.mark.timing
@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_a_topic_made_anew_halts_until_it_is_accepted(
    over_kafka: System, seed: int, record_property: Record, running: bool
) -> None:
    trial = Trial(over_kafka, seed, record_property)
    trial.fault(f"topic deleted and made anew, ingestion {'running' if running else 'stopped'}")
    _publish(trial, 150)
    _to_rest(trial)
    before = trial.evidence()
    known = _positions(trial)
    if running:
        over_kafka.start("ingest-a", "ingest")
        over_kafka.wait_for_rest()
    _make_anew(trial, "documents")
    # It grows beyond the old positions: the offsets alone would tell nothing.
    _publish(trial, 300)
    if running:
        _halts_while_running(over_kafka.members.pop("ingest-a"))
    told = _halts(trial)
    assert "deleted and made anew" in told
    _stood_still(trial, known, told)
    resumed = _accept(trial, told)
    assert {topic for topic, _ in resumed} == {"documents"}
    assert set(resumed.values()) == {0}
    _to_rest(trial)
    after = trial.evidence(documents=0)  # an offset tells no document any more
    _has_reason(after)
    resumed |= {p: row.next_offset for p, row in before.counted.items() if p[0] != "documents"}
    trial.judge(two_lives(before, after, resumed))


def test_what_retention_took_unread_is_named(
    over_kafka: System, seed: int, record_property: Record
) -> None:
    trial = Trial(over_kafka, seed, record_property)
    trial.fault("retention took unread records")
    _publish(trial, 100)
    _to_rest(trial)
    _publish(trial, 150)
    before = trial.evidence()
    known = _positions(trial)
    lost = _trim_unread(trial, before)
    told = _halts(trial)
    assert "messages were deleted unread" in told
    _stood_still(trial, known, told)
    assert _accept(trial, told) == lost
    _to_rest(trial)
    evidence = trial.evidence()
    gone = [
        f"{topic}/{number}/{offset}"
        for (topic, number), end in lost.items()
        for offset in range(_stood(before, (topic, number)), end)
    ]
    _has_reason(evidence, holes=len(gone))
    evidence.fed = before.fed
    evidence.records |= before.records
    findings = trial.findings(evidence)
    # The checker names each record that is gone, the partitions with holes, and nothing else.
    of_offsets = {f.subject for f in findings if f.kind in ("lost", "unexplained")}
    assert of_offsets == set(gone)
    holes = {f.subject for f in findings if f.kind == "uncounted"}
    assert holes == {f"{topic}/{number}" for topic, number in lost}
    rightly = _owed_to_the_loss(evidence, set(gone))
    named = ("lost", "unexplained", "uncounted")
    other = [f for f in findings if f.kind not in named]
    trial.tell([f for f in other if (f.subject, f.detail.partition(" (")[0]) not in rightly])


def test_a_position_past_the_end_of_the_log_halts(
    trial_of: MakeTrial, new_database: NewDatabase, brokers: OwnBroker
) -> None:
    """The broker is restored from an older copy of its disk: what was read later is not there."""
    trial = trial_of(new_database("template1"), brokers.handle.bootstrap)
    trial.fault("position past the end: broker restored from a copy")
    _publish(trial, 100)
    _to_rest(trial)
    copy = brokers.home / "copy"
    brokers.stop()
    shutil.copytree(brokers.home / "broker/node-1/data", copy)
    brokers.start()
    _publish(trial, 150)
    _to_rest(trial)
    before = trial.evidence()
    known = _positions(trial)
    brokers.stop()
    shutil.rmtree(brokers.home / "broker/node-1/data")
    copy.rename(brokers.home / "broker/node-1/data")
    brokers.start()
    told = _halts(trial)
    assert "messages that were read are gone from the feed" in told
    _stood_still(trial, known, told)
    resumed = _accept(trial, told)
    resumed = {p: row.next_offset for p, row in before.counted.items()} | resumed
    _publish(trial, 150)
    _to_rest(trial)
    after = trial.evidence(documents=0)  # an offset tells no document any more
    _has_reason(after)
    trial.judge(two_lives(before, after, resumed))


def _publish(trial: Trial, documents: int) -> None:
    producer = trial.publish(documents, 0, patients=40)
    assert producer.wait(60) == 0, producer.tail()


def _to_rest(trial: Trial) -> None:
    with terminal(trial.system.installation) as asked:
        for command in ("ingest", "relay", "project"):
            done = asked.run(command, "--until-idle")
            assert done.code == 0, f"{command}: {done.code}: {asked.tail()}"


def _halts(trial: Trial) -> str:
    """Ingestion refuses to go on; what it tells a person."""
    done = trial.system.installation.run("ingest", "--until-idle", accept=(Exit.HALTED,))
    return done.err


def _accept(trial: Trial, told: str) -> dict[Partition, int]:
    """The repair that was told is done, for each partition; where reading goes on."""
    resumed: dict[Partition, int] = {}
    with terminal(trial.system.installation) as asked:
        for name in dict.fromkeys(_REPAIR.findall(told)):
            topic, _, number = name.partition("/")
            resumed[topic, int(number)] = _accept_one(asked, name)
    assert resumed, "a repair was told"
    return resumed


def _accept_one(asked: Terminal, name: str) -> int:
    assert asked.run("positions", "accept", name, "--reason", REASON).code == Exit.USAGE
    done = asked.run("positions", "accept", name, "--reason", REASON, "--yes")
    assert done.code == 0, asked.tail()
    return int(done.out.split()[-1])


def _owed_to_the_loss(evidence: Evidence, gone: set[str]) -> set[tuple[str, str]]:
    """Place and outcome of what may come out otherwise than foreseen, since what it rests on is
    gone: the first deposit that comes now is accepted, a copy or one that was to conflict; what
    names a document that never came is rejected; what takes back a change that never came changes
    nothing.
    """
    lost = [fed for fed in evidence.fed if str(fed.place) in gone]
    touched = {_document_of(fed.datum) for fed in lost} - {None}
    missing = {_document_of(fed.datum) for fed in lost if _deposits(fed)}
    rightly = set[tuple[str, str]]()
    for fed in sorted(evidence.fed, key=lambda fed: fed.place):
        place, own = str(fed.place), _document_of(fed.datum)
        if place in gone or own not in touched:
            continue
        if own not in missing:
            outcomes = ["ACCEPTED None", "UNCHANGED None", *(CONFLICTS if _deposits(fed) else ())]
        elif _deposits(fed):
            outcomes = ["ACCEPTED None"]
            missing.discard(own)
        else:
            outcomes = ["REJECTED target_unknown"]
        rightly.update((place, outcome) for outcome in outcomes)
    return rightly


def _deposits(fed: Fed) -> bool:
    return fed.datum is not None and "document" in fed.datum


def _document_of(datum: Mapping[str, Any] | None) -> str | None:
    return None if datum is None else (datum.get("document") or datum).get("uniqueId")


def _has_reason(evidence: Evidence, holes: int | None = None) -> None:
    """The audit tells what was accepted, and why."""
    gaps = [line for line in evidence.audit if line["kind"] == "gap"]
    assert gaps
    assert {gap["reason"] for gap in gaps} == {REASON}
    if holes is not None:
        assert sum(gap["to_offset"] - gap["from_offset"] for gap in gaps) == holes


def _halts_while_running(member: Member) -> None:
    """It says so, and ends unless there are other partitions that it can read."""

    def told() -> bool:
        return not member.running.alive or bool(logged(member, "source_halted"))

    wait_until(told, 150, "ingestion says that it halts")
    assert member.running.terminate() in (Exit.OK, Exit.HALTED), member.running.tail()


def _positions(trial: Trial) -> dict[str, Any]:
    """Topic id and next offset by topic and partition."""
    with psycopg.connect(trial.system.dsn) as conn:
        rows = conn.execute(_READ).fetchall()
    return {source.partition("/")[2]: row for source, *row in rows}


def _stood_still(trial: Trial, known: dict[str, Any], told: str) -> None:
    """Nothing was read of the partitions that were told."""
    now = _positions(trial)
    for name in _REPAIR.findall(told):
        assert now.get(name) == known.get(name), name


def _stood(evidence: Evidence, partition: Partition) -> int:
    row = evidence.counted.get(partition)
    return 0 if row is None else row.next_offset


def _make_anew(trial: Trial, topic: str) -> None:
    settings = settings_of(trial)
    name = settings.topic_prefix + topic
    with admin_client(settings, "fault") as admin:
        admin.delete_topics([name])
        wait_until(lambda: name not in admin.list_topics(), 20, "the topic is gone")
    ensure_topics(settings)


def _trim_unread(trial: Trial, before: Evidence) -> dict[Partition, int]:
    """Some partitions of `documents` lose records that nobody has read; where they begin now."""
    from kafka import TopicPartition

    unread = {
        partition: (_stood(before, partition), end)
        for partition, end in before.log_ends.items()
        if partition[0] == FEED[0] and end - _stood(before, partition) > 1
    }
    chosen = trial.rng.sample(sorted(unread), 2)
    lost = {p: trial.rng.randint(unread[p][0] + 1, unread[p][1]) for p in chosen}
    settings = settings_of(trial)
    with admin_client(settings, "fault") as admin:
        admin.delete_records(
            {TopicPartition(settings.topic_prefix + t, n): at for (t, n), at in lost.items()}
        )
    return lost
