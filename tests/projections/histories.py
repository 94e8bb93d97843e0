"""Random histories of a few people: deposits, replacements in any order, flags, links, erasures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from ingest.eventstore.append_batch import RecordedEvent
from schemas.forms.stream_ids import document_stream
from tests.projections.given import START, Log, milliseconds, traits

RECORDS = (1, 2, 3)
PROFESSIONALS = (
    "1.2.250.1.71.4.2.1^899700000001",
    "1.2.250.1.71.4.2.1^899700000002",
    "1.2.250.1.71.4.2.2^1750000001",
)
UIDS = tuple(f"1.2.3.{n}" for n in range(5))
TYPES = ("11502-2", "11488-4", "E1762", "IMG-KOS")
FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")

_record = st.sampled_from(RECORDS)
_uid = st.sampled_from(UIDS)

_submit_operation = st.tuples(
    st.just("submit"),
    _uid,
    _record,
    st.one_of(_uid, st.none()),
    st.booleans(),
    st.booleans(),
    st.sampled_from(TYPES),
)
operations = st.one_of(
    _submit_operation,
    _submit_operation.filter(lambda given: given[3] is not None),
    st.tuples(st.just("replace"), _uid, _uid),
    st.tuples(st.just("flag"), _uid, st.sampled_from(FLAGS), st.booleans(), st.booleans()),
    st.tuples(st.sampled_from(("archive", "unarchive", "delete", "content")), _uid),
    st.tuples(st.sampled_from(("link", "link", "unlink")), _record, _record),
    st.tuples(st.sampled_from(("open", "close", "activate", "declare", "oppose")), _record),
    st.tuples(
        st.sampled_from(("withdraw", "block", "unblock", "designate", "designate", "end")),
        st.sampled_from(PROFESSIONALS),
        _record,
    ),
    st.tuples(st.just("authorise"), st.sampled_from(PROFESSIONALS), _record, st.integers(0, 9)),
    st.tuples(
        st.sampled_from(("oppose emergency", "no longer oppose emergency")),
        st.sampled_from(("BREAK_GLASS", "REGULATION")),
        _record,
    ),
    st.tuples(
        st.just("access"),
        st.sampled_from(PROFESSIONALS),
        _record,
        st.sampled_from(("NORMAL", "BREAK_GLASS", "REGULATION", "SECRET")),
        st.lists(_uid, max_size=2),
        st.integers(0, 9),
    ),
)


@st.composite
def histories(draw: st.DrawFn, max_size: int = 40) -> list[RecordedEvent]:
    """Events such as a store may hold: a document's come after its deposit, once."""
    log = Log()
    owner: dict[str, int] = {}
    # Long on average, few subjects: what matters is what meets on one document or person.
    size = draw(st.integers(0, max_size))
    for operation in draw(st.lists(operations, min_size=size, max_size=max_size)):
        _play(log, owner, operation)
    return log.events


def _play(log: Log, owner: dict[str, int], operation: tuple[Any, ...]) -> None:
    kind, subject, *rest = operation
    if kind == "submit":
        _submit(log, owner, subject, *rest)
    elif kind in _ACCESS_OPERATIONS:
        getattr(log, _ACCESS_OPERATIONS[kind])(subject, rest[0])
    elif kind == "authorise":
        log.authorised(subject, START + timedelta(days=rest[1]), rest[0])
    elif kind == "access":
        _access(log, subject, *rest)
    elif kind in ("link", "unlink"):
        if subject != rest[0]:
            getattr(log, f"{kind}ed")(subject, rest[0])
    elif kind in _RECORD_OPERATIONS:
        getattr(log, _RECORD_OPERATIONS[kind])(subject)
    elif subject in owner:
        _change(log, owner[subject], kind, subject, rest)


def _submit(
    log: Log,
    owner: dict[str, int],
    uid: str,
    record: int,
    replaces: str | None,
    visibility_only: bool,
    hidden: bool,
    type_code: str,
) -> None:
    if uid not in owner:
        owner[uid] = record
        log.submitted(
            uid,
            record,
            replaces=replaces,
            visibilityOnly=visibility_only,
            invisiblePatient=hidden,
            typeCode=type_code,
            sourcePatientInfo=traits("19900101" if hidden else "19910101"),
        )


def _change(log: Log, record: int, kind: str, uid: str, rest: list[Any]) -> None:
    if kind == "replace":
        log.replaced(uid, rest[0], record)
    elif kind == "flag":
        log.flag(uid, rest[0], rest[1], record, by_patient=rest[2])
    else:
        getattr(log, _DOCUMENT_OPERATIONS[kind])(uid, record)


def _access(log: Log, who: str, record: int, mode: str, uids: list[str], day: int) -> None:
    log.accessed(
        who,
        record,
        mode=mode,
        motive="unconscious" if mode == "BREAK_GLASS" else None,
        action="READ" if uids else "LIST",
        documentIds=uids,
        accessedAt=milliseconds(START + timedelta(days=day)),
    )


_ACCESS_OPERATIONS = {
    "withdraw": "withdrawn",
    "block": "blocked",
    "unblock": "unblocked",
    "designate": "designated",
    "end": "ended",
    "oppose emergency": "emergency_opposed",
    "no longer oppose emergency": "emergency_opposition_withdrawn",
}
_RECORD_OPERATIONS = {
    "open": "opened",
    "close": "closed",
    "activate": "activated",
    "declare": "declared",
    "oppose": "opposed",
}
_DOCUMENT_OPERATIONS = {
    "archive": "archived",
    "unarchive": "unarchived",
    "delete": "deleted",
    "content": "content_added",
}


def erased(events: list[RecordedEvent], record: int) -> list[RecordedEvent]:
    """The same log after the record's key was destroyed."""
    return [replace(e, encoded=None) if e.record == record else e for e in events]


def stream(uid: str) -> bytes:
    return document_stream(uid)
