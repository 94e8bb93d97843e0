"""The ledger of a run: what was about to be sent, and what was acknowledged (decision 0041).

JSON lines, UTF-8, appended, one object each, told apart by `line`:

- `run`: `format` 1, `seed`, `sectors`, `patients`, `documents`, `day`, `metadata_only`, `faults`.
- `intent`, before a record is handed over: `seq` (number of the record in the run, from 1), `id`
  (messageId, UUID), `patient` (a token of the record's key: HMAC-SHA-256 under the seed, 16 hex
  digits; never the INS), `topic`, `schema`, `uid` (uniqueId of the document, or null), `sha256` and
  `bytes` of the value, `fault` (or null), `expected` (list of [status, code], one of which is
  right; status REFUSED: the publisher refuses it), `then` (where the first outcome was REJECTED and
  this is not empty, a later attempt comes by itself and has one of these).
- `acked`: `seq`, `id`, `topic`, `partition`, `offset`.
- `refused`, by the publisher: `seq`, `id`, `code`.
- `end`: `sent`, `acked`, `refused`. Without it the run was cut short.

The intents of a batch are on the file before the batch is handed over, so whatever is on the feed
has an intent. An intent without `acked` or `refused` is unknown: it may be on the feed or not.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from uuid import UUID

import orjson

from ingest.feed.types import Acknowledgement, OutgoingRecord, PublishFailure
from producers.simulator.plan.planned import Expected

FORMAT: Final = 1
_TOKEN_DIGITS: Final = 16


class Entered(Protocol):
    """What the ledger needs of a message."""

    @property
    def schema(self) -> str:
        """Name of its schema."""

    @property
    def message_id(self) -> bytes:
        """Its identifier."""

    @property
    def record(self) -> OutgoingRecord:
        """What is published."""

    @property
    def uid(self) -> str | None:
        """The document it is about."""

    @property
    def expected(self) -> Expected:
        """Outcomes of which one is right."""

    @property
    def then(self) -> Expected:
        """Outcomes of a later attempt that comes by itself."""

    @property
    def fault(self) -> str | None:
        """What was done to it on purpose."""


class Ledger:
    """Appends to a ledger file; `acked` and `refused` may come from other threads."""

    def __init__(self, path: Path, seed: int, run: Mapping[str, Any]) -> None:
        self._file: BinaryIO = path.open("ab")
        self._lock = threading.Lock()
        self._secret = str(seed).encode()
        self._tokens: dict[bytes, str] = {}
        self._counts = {"sent": 0, "acked": 0, "refused": 0}
        self._write({"line": "run", "format": FORMAT, "seed": seed, **run})
        self.flush()

    def intend(self, seq: int, message: Entered) -> None:
        """Write that this record is about to be sent; `flush` before handing it over."""
        record = message.record
        self._counts["sent"] += 1
        self._write(
            {
                "line": "intent",
                "seq": seq,
                "id": _uuid(message),
                "patient": self._token(record.key),
                "topic": record.topic,
                "schema": message.schema,
                "uid": message.uid,
                "sha256": sha256(record.value).hexdigest(),
                "bytes": len(record.value),
                "fault": message.fault,
                "expected": message.expected,
                "then": message.then,
            }
        )

    def reply(self, seq: int, message: Entered, done: Acknowledgement | PublishFailure) -> None:
        """Write what the feed replied."""
        line: dict[str, Any] = {"seq": seq, "id": _uuid(message)}
        if isinstance(done, Acknowledgement):
            place = {
                "topic": done.partition.topic,
                "partition": done.partition.number,
                "offset": done.offset,
            }
            self._count("acked")
            self._write({"line": "acked", **line, **place})
        else:
            self._count("refused")
            self._write({"line": "refused", **line, "code": done.code})

    def flush(self) -> None:
        """All lines written so far survive the end of this process."""
        with self._lock:
            self._file.flush()

    def close(self, *, complete: bool) -> None:
        """Write the end, if the run came to it, and close the file."""
        if complete:
            self._write({"line": "end", **self._counts})
        with self._lock:
            self._file.close()

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def _write(self, line: dict[str, Any]) -> None:
        text = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            if not self._file.closed:
                self._file.write(text)

    def _token(self, key: bytes) -> str:
        token = self._tokens.get(key)
        if token is None:
            token = hmac.new(self._secret, key, sha256).hexdigest()[:_TOKEN_DIGITS]
            self._tokens[key] = token
        return token


def _uuid(message: Entered) -> str:
    return str(UUID(bytes=message.message_id))
