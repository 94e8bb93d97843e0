"""What ingestion answers to every message of every sector is what the simulator announced.

Over the embedded feed into a real store, faults included.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.batch.write import BatchWriter
from ingest.consume.consumer import Consumer, Limits
from ingest.consume.rejection_limit import RejectionLimit
from ingest.eventstore import EventStore, migrate_store
from ingest.feed import Acknowledgement, PublishFailure, ensure_topics, open_poller, open_publisher
from ingest.read.offsets import StoredOffsets
from ingest.read.service_wait import without_waiting
from ingest.read.site import Context
from ingest.runtime.lifecycle import StopSignal, SystemClock
from ingest.runtime.settings import Settings
from producers.simulator.content.messages import Message
from producers.simulator.faults.rates import parse_faults
from producers.simulator.plan.plan import Run
from producers.simulator.run.run_messages import messages_of
from producers.simulator.tables.sectors import all_sectors, read_sector
from schemas.codec.messages import CONTENT_BYTES_MAX, decode_event
from schemas.feed.messages import FEED_TOPICS
from schemas.forms.identity import accepted_oids

PARTITIONS = 3
LIMITS = Limits(500, 32 * 1024 * 1024, 0.05)
Place = tuple[str, int, int]


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    made = Settings(
        home=tmp_path,
        database_dsn=SecretStr(database),
        master_key_file=tmp_path / "master.key",
        topic_partitions=PARTITIONS,
    )
    migrate_store(made)
    ensure_topics(made)
    return made


@pytest.fixture
def store(settings: Settings) -> Iterator[EventStore]:
    with EventStore.open(settings) as opened:
        yield opened


def publish(settings: Settings, messages: list[Message]) -> dict[Place, Message]:
    """All messages on the feed, by where they are; those the publisher refuses are left out."""
    found: dict[Place, Message] = {}
    publisher = open_publisher(settings, client_id="test")

    def answered(message: Message, answer: Acknowledgement | PublishFailure) -> None:
        if isinstance(answer, Acknowledgement):
            found[answer.partition.topic, answer.partition.number, answer.offset] = message
        else:
            assert (("REFUSED", answer.code),) == message.expected

    try:
        for message in messages:
            publisher.publish(message.record, partial(answered, message))
        assert publisher.flush(20)
    finally:
        publisher.close()
    return found


def ingest(settings: Settings, store: EventStore) -> None:
    context = Context(
        accepted_oids("test"), dict.fromkeys(FEED_TOPICS, PARTITIONS), CONTENT_BYTES_MAX
    )
    clock = SystemClock()
    resume = StoredOffsets(store, without_waiting)
    poller = open_poller(settings, FEED_TOPICS, group="ingest", resume=resume, client_id="test")
    writer = BatchWriter(store, context, clock, without_waiting)
    limit = RejectionLimit(2000, 0.9)
    try:
        consumer = Consumer(poller, writer, context, LIMITS, limit, clock, None)
        consumer.run(StopSignal(), until_idle=True)
    finally:
        poller.close()


def answers(store: EventStore) -> dict[Place, list[tuple[str, str | None]]]:
    """Status and code of every attempt, by where the message is, the first attempt first."""
    attempts: dict[Place, dict[int, tuple[str, str | None]]] = {}
    for row in store.outcomes.unpublished(100_000):
        for outcome in decode_event("OutcomeBatch", row.payload)["outcomes"]:
            place = outcome["topic"], outcome["partition"], outcome["offset"]
            answer = outcome["status"], outcome["code"]
            attempts.setdefault(place, {})[outcome["attempt"]] = answer
    return {place: [tries[n] for n in sorted(tries)] for place, tries in attempts.items()}


@pytest.mark.parametrize(("content", "documents"), [(True, 400), (False, 2500)])
def test_every_message_of_every_sector_gets_the_answer_announced(
    settings: Settings, store: EventStore, content: bool, documents: int
) -> None:
    run = Run(29, tuple(map(read_sector, all_sectors())), 150, documents)
    sent = publish(settings, list(messages_of(run, parse_faults("0.08"), content=content)))
    ingest(settings, store)
    found = answers(store)
    assert found.keys() == sent.keys()
    for place, message in sent.items():
        first, *later = found[place]
        document = message.planned.document
        told = (message.planned.schema, document and document.kind.name, message.fault)
        assert first in message.expected, told
        if later:
            assert later[-1] in message.then, told
    kinds = {m.planned.document.kind.name for m in sent.values() if m.planned.document}
    assert {"imaging_objects", "reimbursements", "dispensation", "patient_report"} <= kinds
