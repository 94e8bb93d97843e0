"""One feed record as a message, or why it is rejected. Pure; never raises.

No store is asked here: the same feed record always gives the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypedDict, cast
from uuid import UUID

from ingest.facts.message import (
    TYPE_OF,
    AboutDocument,
    AboutPerson,
    AboutRegistry,
    AccessMessage,
    Deposit,
    DocumentMessage,
    Interpreted,
    LinkMessage,
    RecordMessage,
    RegistryMessage,
)
from ingest.feed import FeedRecord, Headers, Partition, partition_of
from schemas.codec.messages import MARKER, Decoded, decode, without_content
from schemas.feed.messages import TOPIC_OF, DepositDocument, Ins, LinkIns, UnlinkIns
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
class Rejected:
    """A feed record that is rejected as such, with what could be read of it for its outcome."""

    rejection: Rejection
    message_id: bytes | None
    software_id: str
    fingerprint: bytes | None
    warnings: tuple[Rejection, ...] = ()


def interpret(
    feed_record: FeedRecord, partition: Partition, context: Context
) -> Interpreted | Rejected:
    """The message in a feed record, or why it is rejected.

    Order of the rules: value, schema, topic, key, partition, message id, INS, provenance, fields,
    bytes; then those whose severity may be a warning. The first broken one that rejects is
    the outcome, with the warnings found before it.
    """
    decoded = decode(feed_record.value)
    if isinstance(decoded, Rejection):
        return _unreadable(feed_record, decoded)
    if TOPIC_OF.get(decoded.name) != partition.topic:
        return _unreadable(feed_record, Rejection("schema_not_of_topic"))
    datum = decoded.datum
    key = feed_key(datum)
    warnings: list[Rejection] = []
    rejection = hard_rules(feed_record, partition, decoded, key, context)
    if rejection is None:
        rejection = bytes_rules(datum, context, warnings)
    if rejection is None:
        rejection = soft_rules(decoded.name, datum, context.severities, warnings)
    if rejection is not None:
        return _rejected(feed_record, rejection, datum, tuple(warnings))
    return _interpreted(feed_record, decoded, key, tuple(warnings))


def hard_rules(
    feed_record: FeedRecord, partition: Partition, decoded: Decoded, key: str, context: Context
) -> Rejection | None:
    """The first rule broken of those that always reject. `key`: what the feed record's must be."""
    return (
        _key_and_partition_right(feed_record, partition, key, context)
        or _message_id_right(feed_record.headers, decoded.datum["messageId"])
        or _body_right(decoded, context)
    )


def bytes_rules(
    datum: Mapping[str, Any], context: Context, warnings: list[Rejection]
) -> Rejection | None:
    """The first way in which the bytes of a deposit contradict its metadata that rejects it here;
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
    """The first rule broken of those that may warn and reject here; before it, `warnings` grows."""
    for group in SOFT_GROUPS_OF[name]:
        if group.all_kept(datum):
            continue
        for rule in group.rules:
            broken = rule(datum)
            if broken is not None and severities.apply(broken, warnings) is not None:
                return broken
    return None


class _Common(TypedDict):
    """What every message has, by the names of `Interpreted`."""

    name: str
    message_id: bytes
    software_id: str
    received_ms: int
    warnings: tuple[Rejection, ...]


def _interpreted(
    feed_record: FeedRecord, decoded: Decoded, key: str, warnings: tuple[Rejection, ...]
) -> Interpreted:
    datum = decoded.datum
    common: _Common = {
        "name": decoded.name,
        "message_id": datum["messageId"],
        "software_id": datum["provenance"]["software"]["id"],
        "received_ms": feed_record.timestamp_ms,
        "warnings": warnings,
    }
    value = feed_record.value or b""
    if decoded.name == "DepositDocument":
        return _deposit(value, decoded, key, common)
    return _OPERATIONS[TYPE_OF[decoded.name]](datum, key, sha256(value).digest(), common)


def _deposit(value: bytes, decoded: Decoded, key: str, common: _Common) -> Deposit:
    datum = cast(DepositDocument, decoded.datum)
    document = datum["document"]
    replaces = document["replaces"]
    return Deposit(
        datum=datum,
        ins=key,
        stream=document_stream(document["uniqueId"]),
        target=None if replaces is None else document_stream(replaces),
        submitted=without_content(value, decoded),
        content=datum["content"],
        **common,
    )


_Datum = dict[str, Any]
"""Of a message that was decoded: of the shape that has its name."""


def _about_document(datum: _Datum, key: str, digest: bytes, common: _Common) -> Interpreted:
    stream = document_stream(datum["uniqueId"])
    about = cast(AboutDocument, datum)
    return DocumentMessage(datum=about, ins=key, stream=stream, digest=digest, **common)


def _about_record(datum: _Datum, key: str, digest: bytes, common: _Common) -> Interpreted:
    return RecordMessage(datum=cast(AboutPerson, datum), ins=key, digest=digest, **common)


def _about_link(datum: _Datum, key: str, digest: bytes, common: _Common) -> Interpreted:
    other = ins_key(datum["otherOid"], datum["otherMatricule"])
    link = cast(LinkIns | UnlinkIns, datum)
    return LinkMessage(datum=link, ins=key, other_ins=other, digest=digest, **common)


def _about_access(datum: _Datum, key: str, digest: bytes, common: _Common) -> Interpreted:
    return AccessMessage(datum=cast(AboutPerson, datum), ins=key, digest=digest, **common)


def _about_registry(datum: _Datum, key: str, digest: bytes, common: _Common) -> Interpreted:
    return RegistryMessage(datum=cast(AboutRegistry, datum), digest=digest, **common)


_OPERATIONS: Final[
    Mapping[type[Interpreted], Callable[[_Datum, str, bytes, _Common], Interpreted]]
] = {
    DocumentMessage: _about_document,
    RecordMessage: _about_record,
    LinkMessage: _about_link,
    AccessMessage: _about_access,
    RegistryMessage: _about_registry,
}


def _key_and_partition_right(
    feed_record: FeedRecord, partition: Partition, key: str, context: Context
) -> Rejection | None:
    """Key = `feed_key` of the body; partition = murmur2 of the key (decision 0002)."""
    given = feed_record.key
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
        rejection = profession_may_feed(cast(DepositDocument, datum), context.matrix)
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


def _unreadable(feed_record: FeedRecord, rejection: Rejection) -> Rejected:
    """What the headers tell of a message that cannot be read."""
    value = feed_record.value or b""
    return Rejected(
        rejection,
        _uuid_header(feed_record.headers, "ce_id"),
        _software_of_headers(feed_record.headers),
        value[2:10] if value[:2] == MARKER and len(value) >= 10 else None,
    )


def _rejected(
    feed_record: FeedRecord,
    rejection: Rejection,
    datum: Mapping[str, Any],
    warnings: tuple[Rejection, ...] = (),
) -> Rejected:
    software = datum["provenance"]["software"]["id"]
    if not software_id_is_fit(software):
        software = _software_of_headers(feed_record.headers)
    fingerprint = (feed_record.value or b"")[2:10]
    return Rejected(rejection, datum["messageId"], software, fingerprint, warnings)


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
