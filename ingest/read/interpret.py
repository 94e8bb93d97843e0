"""One record of the feed, read: what it says, or why it is refused. Pure; never raises.

Nothing of a store is looked at here: the same record is always read the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from ingest.feed import FeedRecord, Headers, Partition, partition_of
from schemas.codec.messages import MARKER, Decoded, decode, without_content
from schemas.feed.messages import TOPIC_OF, Document, Ins
from schemas.forms.feed_keys import feed_key
from schemas.forms.identity import ins_key
from schemas.forms.stream_ids import document_stream
from schemas.forms.texts import software_id_is_fit
from schemas.rules.of_messages import (
    RULES_OF,
    SOFT_GROUPS_OF,
    content_findings,
    ins_accepted,
    provenance_complete,
    qualified,
)
from schemas.rules.profession import profession_may_feed
from schemas.rules.table.rejections import Rejection
from schemas.rules.table.severities import Severities

from .site import Context

UNKNOWN_SOFTWARE: Final = "unknown"
_KEY_LENGTH_MAX: Final = 256


@dataclass(slots=True)
class Interpreted:
    """A message that keeps every rule that needs no store. Treat as read-only.

    `ins` is `oid|matricule`; `other_ins` that of a link. `stream`: the document deposited or
    concerned; `target`: the document it replaces. `digest`: SHA-256 of the bytes, empty for a
    deposit. `submitted`: a deposit without its bytes, as it is stored. `content`: the bytes.
    `warnings`: rules it breaks without being refused for them. `received_ms`: when the feed took
    it. Messages of the registry are about nobody: their `ins` is empty.
    """

    name: str
    datum: Mapping[str, Any]
    message_id: bytes
    software_id: str
    ins: str
    other_ins: str | None
    stream: bytes | None
    target: bytes | None
    digest: bytes
    submitted: bytes
    content: bytes | None
    warnings: tuple[Rejection, ...] = ()
    received_ms: int = 0


@dataclass(slots=True)
class Refused:
    """A record that is refused as such, with what could be read of it for the answer."""

    rejection: Rejection
    message_id: bytes | None
    software_id: str
    fingerprint: bytes | None
    warnings: tuple[Rejection, ...] = ()


def interpret(record: FeedRecord, partition: Partition, context: Context) -> Interpreted | Refused:
    """What the record says, or why it is refused.

    Order of the rules: value, schema, topic, key, partition, message id, INS, provenance, fields,
    bytes; then those whose severity may be a warning. The first broken one that refuses is the
    answer, with the warnings found before it.
    """
    decoded = decode(record.value)
    if isinstance(decoded, Rejection):
        return _unreadable(record, decoded)
    if TOPIC_OF.get(decoded.name) != partition.topic:
        return _unreadable(record, Rejection("schema_not_of_topic"))
    datum = decoded.datum
    key = feed_key(datum)
    warnings: list[Rejection] = []
    rejection = hard_rules(record, partition, decoded, key, context)
    if rejection is None:
        rejection = bytes_rules(datum, context, warnings)
    if rejection is None:
        rejection = soft_rules(decoded.name, datum, context.severities, warnings)
    if rejection is not None:
        return _refused(record, rejection, datum, tuple(warnings))
    return _interpreted(record, decoded, key if "ins" in datum else "", tuple(warnings))


def hard_rules(
    record: FeedRecord, partition: Partition, decoded: Decoded, key: str, context: Context
) -> Rejection | None:
    """The first rule broken of those that always refuse. `key`: what the record's must be."""
    return (
        _place_right(record, partition, key, context)
        or _message_id_right(record.headers, decoded.datum["messageId"])
        or _body_right(decoded, context)
    )


def bytes_rules(
    datum: Mapping[str, Any], context: Context, warnings: list[Rejection]
) -> Rejection | None:
    """The first way in which the bytes of a deposit contradict its metadata that refuses here;
    before it, `warnings` grows. None for a message without bytes.
    """
    content = datum.get("content")
    if content is None:
        return None
    document, most = datum["document"], context.content_bytes_max
    for broken in content_findings(content, document, datum["ins"], most):
        if context.severities.apply(broken, warnings) is not None:
            return broken
    return None


def soft_rules(
    name: str, datum: Mapping[str, Any], severities: Severities, warnings: list[Rejection]
) -> Rejection | None:
    """The first rule broken of those that may warn and refuse here; before it, `warnings` grows."""
    for group in SOFT_GROUPS_OF[name]:
        if group.all_kept(datum):
            continue
        for rule in group.rules:
            broken = rule(datum)
            if broken is not None and severities.apply(broken, warnings) is not None:
                return broken
    return None


def _interpreted(
    record: FeedRecord, decoded: Decoded, key: str, warnings: tuple[Rejection, ...]
) -> Interpreted:
    datum = decoded.datum
    value = record.value or b""
    stream = target = content = None
    digest = submitted = b""
    if decoded.name == "DepositDocument":
        document: Document = datum["document"]
        stream = document_stream(document["uniqueId"])
        replaces = document["replaces"]
        target = None if replaces is None else document_stream(replaces)
        submitted, content = without_content(value, decoded), datum["content"]
    else:
        digest = sha256(value).digest()
        unique_id = datum.get("uniqueId")
        stream = None if unique_id is None else document_stream(unique_id)
    other = ins_key(datum["otherOid"], datum["otherMatricule"]) if "otherOid" in datum else None
    return Interpreted(
        decoded.name,
        datum,
        datum["messageId"],
        datum["provenance"]["software"]["id"],
        key,
        other,
        stream,
        target,
        digest,
        submitted,
        content,
        warnings,
        record.timestamp_ms,
    )


def _place_right(
    record: FeedRecord, partition: Partition, key: str, context: Context
) -> Rejection | None:
    """Key = `feed_key` of the body; partition = murmur2 of the key (decision 0002)."""
    given = record.key
    if not given:
        return Rejection("key_missing")
    if given != key.encode():
        return Rejection("key_mismatch")
    if partition_of(given, context.partitions[partition.topic]) != partition.number:
        return Rejection("partition_mismatch")
    return None


def _message_id_right(headers: Headers, message_id: bytes) -> Rejection | None:
    """ce_id, where there is one, is the message's identifier (decision 0002)."""
    for name, value in headers:
        if name == "ce_id":
            given = (value or b"").replace(b"-", b"").lower()
            if given != message_id.hex().encode():
                return Rejection("message_id_mismatch", "messageId")
    return None


def _body_right(decoded: Decoded, context: Context) -> Rejection | None:
    datum = decoded.datum
    if "ins" not in datum:
        return provenance_complete(datum["provenance"]) or RULES_OF[decoded.name](datum)
    ins: Ins = datum["ins"]
    rejection = (
        ins_accepted(ins["oid"], ins["matricule"], context.accepted_oids, "ins.")
        or qualified(decoded.name, ins)
        or provenance_complete(datum["provenance"])
        or RULES_OF[decoded.name](datum)
    )
    if rejection is None and context.matrix is not None and "document" in datum:
        rejection = profession_may_feed(datum, context.matrix)
    if rejection is None and "otherOid" in datum:
        return _other_ins_right(datum, ins, context)
    return rejection


def _other_ins_right(datum: Mapping[str, Any], ins: Ins, context: Context) -> Rejection | None:
    oid, matricule = datum["otherOid"], datum["otherMatricule"]
    if oid not in context.accepted_oids:
        return Rejection("ins_oid_not_accepted", "otherOid")
    rejection = ins_accepted(oid, matricule, context.accepted_oids, "")
    if rejection is not None:
        return Rejection(rejection.code, "otherMatricule")
    if (oid, matricule) == (ins["oid"], ins["matricule"]):
        return Rejection("link_to_itself", "otherMatricule")
    return None


def _unreadable(record: FeedRecord, rejection: Rejection) -> Refused:
    """What the headers tell of a message that cannot be read."""
    value = record.value or b""
    return Refused(
        rejection,
        _uuid_header(record.headers, "ce_id"),
        _software_of_headers(record.headers),
        value[2:10] if value[:2] == MARKER and len(value) >= 10 else None,
    )


def _refused(
    record: FeedRecord,
    rejection: Rejection,
    datum: Mapping[str, Any],
    warnings: tuple[Rejection, ...] = (),
) -> Refused:
    software = datum["provenance"]["software"]["id"]
    if not software_id_is_fit(software):
        software = _software_of_headers(record.headers)
    fingerprint = (record.value or b"")[2:10]
    return Refused(rejection, datum["messageId"], software, fingerprint, warnings)


def _software_of_headers(headers: Headers) -> str:
    """ce_source when it may stand in an outcome, else `unknown`."""
    for name, value in headers:
        if name == "ce_source" and value is not None and len(value) <= _KEY_LENGTH_MAX:
            text = value.decode("utf-8", "replace")
            return text if software_id_is_fit(text) else UNKNOWN_SOFTWARE
    return UNKNOWN_SOFTWARE


def _uuid_header(headers: Headers, wanted: str) -> bytes | None:
    for name, value in headers:
        if name == wanted and value is not None and len(value) <= _KEY_LENGTH_MAX:
            try:
                return UUID(value.decode("ascii")).bytes
            except ValueError:
                return None
    return None
