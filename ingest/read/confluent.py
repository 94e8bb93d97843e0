"""The Confluent wire format, where a schema server is configured: its header becomes ours (decision
0003).

The format is `00`, the number of the schema on the server (4 bytes, big-endian), then Avro binary.
The number is replaced by marker and fingerprint before anything is read or stored: what is stored
can be read without the server for ever.
"""

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson
from fastavro.schema import (
    SchemaParseException,
    UnknownType,
    fingerprint,
    parse_schema,
    to_parsing_canonical_form,
)

from ingest.feed import FeedRecord
from schemas.codec.messages import MARKER

HEADER_BYTES: Final = 5
REPLY_BYTES_MAX: Final = 1024 * 1024
REPLY_SECONDS: Final = 5.0
REMEMBERED_MAX: Final = 10_000

Fetch = Callable[[int], bytes | None]
"""The server's answer for a schema number; None: it has no such schema. OSError: it is away."""


class ConfluentHeaders:
    """Turns the headers of feed records; asks the schema server once for each schema number."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[int, bytes | None] = {}

    def translate(self, record: FeedRecord) -> FeedRecord:
        """The feed record with marker and fingerprint; unchanged when it has no such header.

        A feed record whose number the server does not know stays unchanged and is rejected later.
        Raises OSError while the server is away: the caller waits, and never rejects a message for
        that.
        """
        value = record.value
        if value is None or len(value) < HEADER_BYTES or value[0] != 0:
            return record
        number = int.from_bytes(value[1:HEADER_BYTES], "big")
        if number not in self._known:
            self._remember(number, self._fetch(number))
        known = self._known[number]
        if known is None:
            return record
        return replace(record, value=MARKER + known + value[HEADER_BYTES:])

    def _remember(self, number: int, reply: bytes | None) -> None:
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[number] = None if reply is None else _fingerprint(reply)


def _fingerprint(reply: bytes) -> bytes | None:
    """Of the schema in the registry's answer; None when there is none that can be read."""
    try:
        parsed = parse_schema(orjson.loads(orjson.loads(reply)["schema"]), named_schemas={})
        return bytes.fromhex(fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO"))
    except (KeyError, TypeError, ValueError, SchemaParseException, UnknownType):
        return None


def schema_server_fetch(url: str) -> Fetch:
    """Asks a Confluent-compatible registry (`GET /schemas/ids/N`), waiting some seconds at most."""
    base = url.rstrip("/")

    def fetch(number: int) -> bytes | None:
        # The address is the operator's own setting (http or https only), the number is an integer.
        request = urllib.request.Request(f"{base}/schemas/ids/{number}")
        try:
            with urllib.request.urlopen(request, timeout=REPLY_SECONDS) as answer:
                return bytes(answer.read(REPLY_BYTES_MAX))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise

    return fetch
