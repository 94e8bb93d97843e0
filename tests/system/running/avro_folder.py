"""The published schemas, read from disk by plain fastavro: what a stranger's program would do."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import fastavro
import orjson
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

FOLDER: Final = Path(__file__).resolve().parents[3] / "schemas" / "avro"
MARKER: Final = b"\xc3\x01"


class AvroFolder:
    """Every schema of the folder by its CRC-64-AVRO fingerprint, as eight bytes of the wire."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._by_fingerprint: dict[bytes, tuple[str, Any]] = {}
        for path in sorted(folder.rglob("*.avsc")):
            raw = orjson.loads(path.read_bytes())
            digest = fingerprint(to_parsing_canonical_form(parse_schema(raw)), "CRC-64-AVRO")
            parsed = parse_schema(orjson.loads(path.read_bytes()))
            self._by_fingerprint[bytes.fromhex(digest)] = (raw["name"], parsed)

    def write(self, name: str, datum: dict[str, Any]) -> bytes:
        """The datum in single-object encoding."""
        found = [(f, schema) for f, (n, schema) in self._by_fingerprint.items() if n == name]
        fingerprint_of_name, schema = found[-1]
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, schema, datum)
        return MARKER + fingerprint_of_name + stream.getvalue()

    def read(self, value: bytes) -> tuple[str, dict[str, Any]] | None:
        """Name of the schema and the datum; None when the bytes are not exactly one datum."""
        found = self._by_fingerprint.get(value[2:10])
        if value[:2] != MARKER or found is None:
            return None
        name, schema = found
        stream = io.BytesIO(value[10:])
        try:
            datum: Any = fastavro.schemaless_reader(stream, schema, None)
        except (EOFError, ValueError, IndexError, KeyError, UnicodeDecodeError, OverflowError):
            return None
        return None if stream.read(1) else (name, datum)


def submitted_sha256(value: bytes, content: bytes | None) -> str:
    """Hash of the message with its last field, `content`, set to null."""
    if content is None:
        return sha256(value).hexdigest()
    tail = b"\x02" + _long(len(content)) + content
    assert value.endswith(tail), "content is the last field"
    return sha256(value[: -len(tail)] + b"\x00").hexdigest()


def _long(number: int) -> bytes:
    rest, out = number << 1, bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])
