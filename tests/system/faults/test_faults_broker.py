"""Kafka is killed, hangs, is away for long, refuses a record; a cluster loses its leaders."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import orjson
import pytest

from ingest.feed.kafka.connection import admin_client
from ingest.runtime.settings import Settings
from tests.system.faults.fault_trial import Trial
from tests.system.judge.evidence import Evidence
from tests.system.running.own_services import OwnBroker

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.faults]

MakeTrial = Callable[..., Trial]
NewDatabase = Callable[[str], str]
BACK_SECONDS: Final = 30.0
"""Until ingestion goes on after the broker answers; the client's waits are all below it."""
LONG_SECONDS: Final = 150.0
"""Longer than any time-out of the client: the longest is the 120 s of delivery_timeout_ms, which
the product switches off since it wedges the producer (decision 0009)."""
ROUNDS: Final = 3
LIMIT_BYTES: Final = 36_400
"""Of a compressed batch: a few documents in a hundred are above it. Each costs everybody the time
of a new producer, so not too many: the simulator waits for a minute for its last answers."""


@pytest.fixture
def trial(trial_of: MakeTrial, new_database: NewDatabase, brokers: OwnBroker) -> Trial:
    """On brokers of its own."""
    return trial_of(new_database("template1"), brokers.handle.bootstrap)


def settings_of(trial: Trial) -> Settings:
    """The settings of its processes."""
    installation = trial.system.installation
    return Settings.load(installation.environ())


@pytest.mark.timing
def test_the_broker_is_killed_and_restarted_under_load(trial: Trial, brokers: OwnBroker) -> None:
    trial.fault(f"broker kill -9 and restart, {ROUNDS} times")
    trial.start()
    trial.publish_until_rest(60)
    trial.under_load(100)
    for _ in range(ROUNDS):
        time.sleep(trial.rng.uniform(0.2, 2.0))
        brokers.signal(1, signal.SIGKILL)
        time.sleep(trial.rng.uniform(0.0, 3.0))
        brokers.start()
        trial.recovered(time.monotonic(), BACK_SECONDS)
    trial.to_rest()
    trial.judge()


@pytest.mark.timing
@pytest.mark.timeout(400)
def test_the_broker_is_away_for_longer_than_any_time_out(trial: Trial, brokers: OwnBroker) -> None:
    trial.fault(f"broker away for {LONG_SECONDS:.0f} s")
    trial.start()
    trial.publish_until_rest(20)
    trial.under_load(100)
    brokers.signal(1, signal.SIGKILL)
    time.sleep(LONG_SECONDS + trial.rng.uniform(0, 5))
    brokers.start()
    trial.recovered(time.monotonic(), BACK_SECONDS)
    trial.to_rest(120)
    trial.judge()


@pytest.mark.timing
def test_the_broker_hangs_for_longer_than_the_session(trial: Trial, brokers: OwnBroker) -> None:
    seconds = trial.rng.uniform(15, 45)
    trial.fault(f"broker hangs for {seconds:.0f} s")
    trial.start()
    trial.publish_until_rest(30)
    trial.under_load(100)
    brokers.signal(1, signal.SIGSTOP)
    time.sleep(seconds)
    brokers.signal(1, signal.SIGCONT)
    trial.recovered(time.monotonic(), BACK_SECONDS)
    trial.to_rest()
    trial.judge()


def test_a_record_too_large_in_mid_batch(trial: Trial) -> None:
    """The topic takes less than the producers think: its neighbours in the batch arrive."""
    trial.fault("records too large for the broker in mid batch")
    _limit(trial, LIMIT_BYTES)
    trial.start()
    trial.publish(300)
    trial.to_rest(accept=(0, 1))
    evidence = trial.evidence()
    codes = Counter(sent.refused for sent in evidence.sent)
    assert codes["too_large"] > 0
    assert codes.keys() == {None, "too_large"}, f"seed {trial.seed}: {codes}"
    refused = {sent.message_id for sent in evidence.sent if sent.refused is not None}
    assert all(sent.place is not None or sent.refused for sent in evidence.sent)
    excused = {f"message {message_id}" for message_id in refused} | _of_documents(trial, evidence)
    findings = trial.findings(evidence)
    trial.tell([f for f in findings if f.kind != "unexpected" or f.subject not in excused])


def _of_documents(trial: Trial, evidence: Evidence) -> set[str]:
    """Places of messages on documents that were refused, and so are unknown."""
    lines = [orjson.loads(line) for led in trial.ledgers for line in led.read_bytes().splitlines()]
    refused = {line["seq"] for line in lines if line["line"] == "refused"}
    uids = {line["uid"] for line in lines if line["line"] == "intent" and line["seq"] in refused}
    return {
        str(fed.place)
        for fed in evidence.fed
        if fed.datum is not None and fed.datum.get("uniqueId") in uids
    }


def _limit(trial: Trial, size: int) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    settings = settings_of(trial)
    name = settings.topic_prefix + "documents"
    wanted = {"max.message.bytes": str(size)}
    with admin_client(settings, "fault") as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, wanted)])


@pytest.mark.timing
@pytest.mark.parametrize("brokers", [3], indirect=True)
@pytest.mark.timeout(400)
def test_three_brokers_lose_their_leaders(trial: Trial, brokers: OwnBroker) -> None:
    trial.fault("leader of three killed, then another one stopped")
    trial.start()
    trial.publish_until_rest(30)
    trial.under_load(100)
    _is_replicated(trial)
    killed = _leader(trial, trial.rng)
    brokers.signal(killed, signal.SIGKILL)
    trial.recovered(time.monotonic(), BACK_SECONDS)
    brokers.start()
    trial.under_load(100)
    hung = _leader(trial, trial.rng)
    stopped = time.monotonic()
    brokers.signal(hung, signal.SIGSTOP)
    trial.recovered(stopped, 2 * BACK_SECONDS)
    time.sleep(trial.rng.uniform(5, 30))
    brokers.signal(hung, signal.SIGCONT)
    trial.under_load(100)
    trial.to_rest(120)
    trial.judge()


def _topic(trial: Trial) -> Any:
    settings = settings_of(trial)
    with admin_client(settings, "fault") as admin:
        (found,) = admin.describe_topics([settings.topic_prefix + "documents"])
    return found


def _is_replicated(trial: Trial) -> None:
    assert all(len(partition["replica_nodes"]) == 3 for partition in _topic(trial)["partitions"])


def _leader(trial: Trial, rng: random.Random) -> int:
    """Of some partition of `documents`."""
    return int(rng.choice(_topic(trial)["partitions"])["leader_id"])
