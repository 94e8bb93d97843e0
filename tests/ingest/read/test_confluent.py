"""The Confluent wire format becomes marker and fingerprint, asking a registry over HTTP once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.facts.message import Interpreted
from ingest.feed import FeedRecord
from ingest.read.confluent import ConfluentHeaders, schema_server_fetch
from ingest.read.interpret import interpret
from schemas.versions.catalogue import schema_catalogue
from tests.ingest.feed_messages import CONTEXT, deposit, feed_record, partition_for


@dataclass
class SchemaServer:
    url: str = ""
    asked: list[str] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def served() -> Iterator[SchemaServer]:
    """A registry that has the deposit under 7, nonsense under 8, nothing else."""
    state = SchemaServer()
    replies = {
        "/schemas/ids/7": json.dumps({"schema": schema_catalogue().newest("DepositDocument").text}),
        "/schemas/ids/8": json.dumps({"schema": '{"type": "nonsense"}'}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            reply = replies.get(self.path, "")
            self.send_response(state.status if reply or state.status != 200 else 404)
            self.end_headers()
            self.wfile.write(reply.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def confluent(record: FeedRecord, number: int) -> FeedRecord:
    assert record.value is not None
    return replace(record, value=b"\0" + number.to_bytes(4, "big") + record.value[10:])


def test_a_message_of_a_confluent_serialiser_is_read_and_stored_as_ours(
    served: SchemaServer,
) -> None:
    headers = ConfluentHeaders(schema_server_fetch(served.url))
    message = deposit(1)
    ours = feed_record(message)
    for _ in range(2):
        translated = headers.translate(confluent(ours, 7))
        assert translated == ours
    assert served.asked == ["/schemas/ids/7"]
    assert isinstance(interpret(translated, partition_for(message), CONTEXT), Interpreted)


@pytest.mark.parametrize("number", [8, 9])
def test_what_the_schema_server_does_not_know_stays_as_it_came(
    served: SchemaServer, number: int
) -> None:
    headers = ConfluentHeaders(schema_server_fetch(served.url))
    record = confluent(feed_record(deposit(1)), number)
    assert headers.translate(record) is record


def test_a_schema_server_that_is_away_is_no_reason_to_refuse(served: SchemaServer) -> None:
    served.status = 503
    headers = ConfluentHeaders(schema_server_fetch(served.url))
    ours = feed_record(deposit(1))
    record = confluent(ours, 7)
    with pytest.raises(OSError, match="503"):
        headers.translate(record)
    served.status = 200
    assert headers.translate(record) == ours


@given(st.none() | st.binary(max_size=12))
def test_any_bytes(value: bytes | None) -> None:
    record = FeedRecord(0, -1, 0, b"k", value, ())
    assert ConfluentHeaders(lambda _: b"[1").translate(record) is record
