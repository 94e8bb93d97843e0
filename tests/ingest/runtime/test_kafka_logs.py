"""Lines of kafka-python that say nothing is wrong are not written; all others are."""

from __future__ import annotations

import logging

import pytest

from ingest.runtime.kafka_logs import RateLimit

ID = "Fatal Error handling request InitProducerIdRequest: "
SLOW = (
    "Task <kafka.net.selector.Task 'x'> ran for 0.3s (>0.1s threshold). It is blocking the event "
    "loop -- likely a tight sync loop inside a coroutine."
)


@pytest.mark.parametrize(
    ("name", "line", "written"),
    [
        ("kafka.producer.transaction_manager", ID + "Cancelled: <RequestTimedOut>", False),
        ("kafka.producer.transaction_manager", ID + "ClusterAuthorizationFailedError", True),
        ("kafka.net.selector", SLOW, False),
        ("kafka.net.selector", "Task <kafka.net.selector.Task 'x'> left RUNNING", True),
        ("kafka.net.connection", SLOW, True),
        ("histoire", SLOW, True),
    ],
)
def test_only_lines_of_closing_clients_are_left_out(name: str, line: str, written: bool) -> None:
    record = logging.LogRecord(name, logging.WARNING, "f", 1, line, None, None)
    assert RateLimit("kafka", lines=5, seconds=10.0).filter(record) is written
