"""What ingestion reads in simulated messages is what the simulator announces in its ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.facts.message import Interpreted
from ingest.feed import partition_of
from ingest.feed.types import FeedRecord, Partition
from ingest.read.interpret import Rejected, interpret
from ingest.read.site import Context
from producers.simulator.content.messages import Message
from producers.simulator.faults.rates import parse_faults
from producers.simulator.plan.plan import Run
from producers.simulator.run.run_messages import messages_of
from schemas.codec.messages import CONTENT_BYTES_MAX
from schemas.feed.messages import FEED_TOPICS
from schemas.forms.identity import accepted_oids
from tests.producers.samples_of_plan import run_of, run_of_others

PARTITIONS = 24
CONTEXT = Context(accepted_oids("test"), dict.fromkeys(FEED_TOPICS, PARTITIONS), CONTENT_BYTES_MAX)
DECIDED_LATER = {
    *("target_unknown", "unique_id_conflict", "opposed", "record_closed", "person_deceased"),
    *("identity_revoked", "record_unknown"),
}
"""Codes that need the store: reading alone lets such messages pass."""


def read(message: Message) -> Interpreted | Rejected:
    record = message.record
    place = Partition(record.topic, partition_of(record.key, PARTITIONS))
    fed = FeedRecord(0, 0, 0, record.key, record.value, record.headers)
    return interpret(fed, place, CONTEXT)


@pytest.mark.parametrize("sectors", [run_of, run_of_others])
@pytest.mark.parametrize(("content", "documents"), [(False, 3000), (True, 300)])
def test_messages_pass_or_are_refused_as_announced(
    sectors: Callable[[int], Run], content: bool, documents: int
) -> None:
    refused = 0
    for message in messages_of(sectors(documents), parse_faults("0.1"), content=content):
        codes = {code for _, code in message.expected}
        if message.fault == "oversize_refused":
            continue
        found = read(message)
        if isinstance(found, Rejected):
            refused += 1
            assert found.rejection.code in codes, message.fault
        else:
            assert found.message_id == message.message_id
            assert found.name == message.planned.schema
            assert codes <= DECIDED_LATER | {None}, message.fault
    assert refused > documents / 100
