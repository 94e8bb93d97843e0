"""Messages and stored events as bytes: Avro single-object encoding, bounded and canonical reading.

The bytes are `C3 01`, the fingerprint of the schema (8 bytes, little-endian), then the datum in
Avro binary. A datum of an older version is read as one of the newest. Datums are read-only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from typing import Any, Final, cast

from fastavro import schemaless_reader

from schemas.rules.table.rejections import Rejection
from schemas.versions.catalogue import Schema, SchemaCatalogue, schema_catalogue

from .canonical import UNLIMITED, Reader, Unreadable, read, reader_of
from .encoding import EncodeError, Writer, writer_of

__all__ = [
    "CONTENT_BYTES_MAX",
    "ITEMS_MAX",
    "MARKER",
    "MESSAGE_BYTES_MAX",
    "METADATA_BYTES_MAX",
    "Codec",
    "Decoded",
    "EncodeError",
    "StoredEventError",
    "codec",
    "decode",
    "decode_event",
    "encode",
    "without_content",
]

MARKER: Final = b"\xc3\x01"
HEADER_BYTES: Final = 10
CONTENT_BYTES_MAX: Final = 8 * 1024 * 1024
METADATA_BYTES_MAX: Final = 256 * 1024
MESSAGE_BYTES_MAX: Final = CONTENT_BYTES_MAX + METADATA_BYTES_MAX
ITEMS_MAX: Final = 10_000
"""Most items of all arrays of a message together: bounds memory and time (decision 0004)."""

_REJECTIONS: Final[Mapping[str, Rejection]] = {
    code: Rejection(code)
    for code in (
        "value_empty",
        "not_single_object",
        "schema_unknown",
        "schema_not_of_topic",
        "malformed",
        "not_canonical",
        "too_large",
    )
}


class StoredEventError(Exception):
    """Stored bytes cannot be read: a schema is missing or the store is damaged.

    Readers halt: to skip an event would falsify all that follows.
    """

    def __init__(self, schema_name: str, reason: str) -> None:
        super().__init__(f"a stored {schema_name} cannot be read: {reason}")
        self.schema_name = schema_name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message that was read.

    `schema`: the one it was written with. `datum`: in the newest version of `name`. `body_end`: the
    offset in the bytes where the field `content` begins; their length when there is no such field.
    """

    schema: Schema
    name: str
    datum: dict[str, Any] = field(repr=False)  # logs may show the other fields, never this one
    body_end: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """How bytes with one fingerprint are read."""

    schema: Schema
    name: str
    read: Reader
    has_content: bool
    bytes_max: int
    upgrade: Callable[[bytes, dict[str, Any]], dict[str, Any]] | None


class Codec:
    """Encodes and decodes with the schemas of one catalogue."""

    def __init__(self, schemas: SchemaCatalogue) -> None:
        self._catalogue = schemas
        self._plans: dict[bytes, _Plan] = {}
        self._newest: dict[str, tuple[Writer, bytes]] = {}

    def encode(self, name: str, datum: Mapping[str, Any]) -> bytes:
        """The bytes of `datum`, which has the newest version of the schema with this short name.

        `decode` reads them unless they are too large. Raises KeyError for an unknown name, and
        `EncodeError` for a datum of another shape: each field must be there, and no other.
        """
        if name not in self._newest:
            schema = self._catalogue.newest(name)
            self._newest[name] = (
                writer_of(schema, self._catalogue.tree(schema)),
                MARKER + schema.fingerprint,
            )
        writer, head = self._newest[name]
        return writer.encode(datum, head)

    def decode(self, data: bytes | None, *, expected: str | None = None) -> Decoded | Rejection:
        """Reads any bytes: returns the message, or the rejection of bytes that are none.

        Never raises. Time and memory are bounded by the number of bytes. With `expected`, messages
        of another schema are rejected as `schema_not_of_topic`.
        """
        if not data:
            return _REJECTIONS["value_empty"]
        if data[:2] != MARKER or len(data) < HEADER_BYTES:
            return _REJECTIONS["not_single_object"]
        plan = self._plans.get(data[2:10]) or self._plan(data[2:10])
        if plan is None:
            return _REJECTIONS["schema_unknown"]
        if expected is not None and plan.name != expected:
            return _REJECTIONS["schema_not_of_topic"]
        if len(data) > plan.bytes_max:
            return _REJECTIONS["too_large"]
        try:
            datum, end = read(plan.read, data, HEADER_BYTES, METADATA_BYTES_MAX, ITEMS_MAX)
        except Unreadable as error:
            return _REJECTIONS[error.code]
        if not plan.has_content:
            end = len(data)
        if end > METADATA_BYTES_MAX or len(data) - end > CONTENT_BYTES_MAX + 5:
            return _REJECTIONS["too_large"]
        if plan.upgrade is not None:
            datum = plan.upgrade(data, datum)
        return Decoded(plan.schema, plan.name, datum, end)

    def decode_event(self, schema_name: str, data: bytes) -> dict[str, Any]:
        """The datum of stored bytes of any size, in the newest version of its schema.

        Raises `StoredEventError` when they cannot be read or are not of `schema_name`.
        """
        plan = self._plans.get(data[2:10]) or self._plan(data[2:10])
        if plan is None or data[:2] != MARKER:
            raise StoredEventError(schema_name, "its schema is not in the folder of schemas")
        if plan.name != schema_name:
            raise StoredEventError(schema_name, f"it is a {plan.name}")
        try:
            datum, _ = read(plan.read, data, HEADER_BYTES, UNLIMITED, UNLIMITED)
        except Unreadable as error:
            raise StoredEventError(schema_name, error.code) from None
        return datum if plan.upgrade is None else plan.upgrade(data, datum)

    def _plan(self, fingerprint: bytes) -> _Plan | None:
        schema = self._catalogue.by_fingerprint.get(fingerprint)
        if schema is None:
            return None
        tree = self._catalogue.tree(schema)
        has_content = bool(tree.fields) and tree.fields[-1].name == "content"
        newest = self._catalogue.newest(schema.name).version
        upgrade = None if schema.version == newest else partial(self._upgrade, schema)
        bytes_max = MESSAGE_BYTES_MAX if has_content else METADATA_BYTES_MAX
        plan = _Plan(schema, schema.name, reader_of(tree), has_content, bytes_max, upgrade)
        self._plans[fingerprint] = plan
        return plan

    def _upgrade(self, written: Schema, data: bytes, datum: dict[str, Any]) -> dict[str, Any]:
        """The datum in the newest version. fastavro resolves over the versions without upcaster."""
        body: bytes | None = data[HEADER_BYTES:]
        newest = self._catalogue.newest(written.name).version
        at = written
        while at.version < newest:
            upcaster = self._catalogue.upcasters.get((at.name, at.version))
            if upcaster is not None:
                datum, body = upcaster(datum), None
                at = self._catalogue.get(at.name, at.version + 1)
                continue
            to = self._end_of_run(at, newest)
            if body is None:
                body = writer_of(at, self._catalogue.tree(at)).encode(datum)
            datum = cast(dict[str, Any], schemaless_reader(BytesIO(body), at.parsed, to.parsed))
            at, body = to, None
        return datum

    def _end_of_run(self, schema: Schema, newest: int) -> Schema:
        version = schema.version
        while version < newest and (schema.name, version) not in self._catalogue.upcasters:
            version += 1
        return self._catalogue.get(schema.name, version)


@cache
def codec() -> Codec:
    """The codec of this application's schemas."""
    return Codec(schema_catalogue())


def encode(name: str, datum: Mapping[str, Any]) -> bytes:
    """See `Codec.encode`."""
    return codec().encode(name, datum)


def decode(data: bytes | None, *, expected: str | None = None) -> Decoded | Rejection:
    """See `Codec.decode`."""
    return codec().decode(data, expected=expected)


def decode_event(schema_name: str, data: bytes) -> dict[str, Any]:
    """See `Codec.decode_event`."""
    return codec().decode_event(schema_name, data)


def without_content(data: bytes, decoded: Decoded) -> bytes:
    """The bytes of the message with `content` null. Nothing is encoded again.

    A message without a field `content` is returned unchanged.
    """
    end = decoded.body_end
    return data if end == len(data) else data[:end] + b"\x00"
