"""The fold: given one person's events, then these rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import cast

import pytest
from hypothesis import given

from ingest.eventstore.append_batch import RecordedEvent
from ingest.facts.evolve import flags_of_deposit
from projections.events import EventNotApplicable, events_of_records
from projections.timeline.fold import fold, fold_person
from projections.timeline.row import TimelineRow
from schemas.events import DocumentFlags, DocumentStatus, RecordFlags
from schemas.feed.messages import DepositDocument
from schemas.forms.stream_ids import document_stream
from tests.projections.given import Log, deposit, traits
from tests.projections.histories import histories

MASK = DocumentFlags.MASQUE_PS


def rows(log: Log) -> dict[str, TimelineRow]:
    return {row.unique_id: row for row in fold(events_of_records(log.events))}


def lineages(log: Log) -> dict[str, tuple[str, str]]:
    names = {document_stream(uid): uid for uid in rows(log)}
    return {uid: (names[row.lineage], names[row.content_lineage]) for uid, row in rows(log).items()}


def test_a_row_says_what_the_deposit_said() -> None:
    log = Log()
    event = log.submitted("1.1", title="a\0b", masquePs=True, invisibleRepresentantsLegaux=True)
    row = rows(log)["1.1"]
    assert row.stream == event.stream
    assert (row.record, row.position, row.changed) == (1, event.position, event.position)
    assert row.flags == DocumentFlags.MASQUE_PS | DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX
    assert row.title == "a\ufffdb", "PostgreSQL keeps no NUL"
    assert (row.act, row.act_key) == ("20251230083000+0100", 1_767_079_800_000_000)
    assert row.submitted_at == row.visible_since == event.recorded_at
    assert (row.type_code, row.facility_type, row.size) == ("11502-2", "SA25", 12_345)
    assert '"organisationId":"1.2.250.1.71.4.2.2^1750000001"' in row.authors


@pytest.mark.parametrize("order", list(permutations(["1.1", "1.2", "1.3"])))
def test_a_chain_has_one_lineage_whatever_the_order_of_arrival(order: tuple[str, ...]) -> None:
    before = {"1.1": None, "1.2": "1.1", "1.3": "1.2"}
    log = Log()
    for uid in order:
        log.submitted(uid, replaces=before[uid], visibilityOnly=uid == "1.3")
        for old, new in (("1.1", "1.2"), ("1.2", "1.3")):
            if uid in (old, new) and {old, new} <= {*order[: order.index(uid) + 1]}:
                log.replaced(old, new)
    assert lineages(log) == {
        "1.1": ("1.1", "1.1"),
        "1.2": ("1.1", "1.2"),
        "1.3": ("1.1", "1.2"),
    }
    found = {uid: row.status for uid, row in rows(log).items()}
    assert found == {
        "1.1": DocumentStatus.DEPRECATED,
        "1.2": DocumentStatus.DEPRECATED,
        "1.3": DocumentStatus.APPROVED,
    }


def test_both_branches_of_a_fork_show() -> None:
    log = Log()
    log.submitted("1.1")
    for uid in ("1.2", "1.3"):
        log.submitted(uid, replaces="1.1")
        log.replaced("1.1", uid)
    assert [uid for uid, row in rows(log).items() if row.status == DocumentStatus.APPROVED] == [
        "1.2",
        "1.3",
    ]
    assert {lineage for lineage, _ in lineages(log).values()} == {"1.1"}


@pytest.mark.parametrize("replaces", ["1.1", "1.2"])
def test_a_document_that_replaces_itself_or_in_a_circle_is_a_lineage(replaces: str) -> None:
    log = Log()
    log.submitted("1.1", replaces=replaces)
    log.submitted("1.2", replaces="1.1")
    assert {lineage for lineage, _ in lineages(log).values()} == {"1.1"}


def test_what_somebody_elses_document_replaced_still_shows() -> None:
    log = Log()
    log.submitted("1.1")
    log.replaced("1.1", "9.9")  # a document of a person no longer linked
    assert rows(log)["1.1"].status == DocumentStatus.APPROVED
    assert rows(log)["1.1"].replaced_by == document_stream("9.9")


def test_archiving_comes_and_goes_but_not_for_what_is_replaced_or_deleted() -> None:
    log = Log()
    log.submitted("1.1")
    log.archived("1.1")
    assert rows(log)["1.1"].status == DocumentStatus.ARCHIVED
    log.unarchived("1.1")
    assert rows(log)["1.1"].status == DocumentStatus.APPROVED
    log.deleted("1.1")
    log.archived("1.1")
    log.replaced("1.1", "1.1")
    row = rows(log)["1.1"]
    assert row.status == DocumentStatus.DELETED
    assert row.changed == log.events[-1].position


def test_flags_are_independent_and_the_patients_mask_is_his() -> None:
    log = Log()
    log.submitted("1.1", invisiblePatient=True)
    log.flag("1.1", "MASQUE_PS", True, by_patient=True)
    log.flag("1.1", "INVISIBLE_REPRESENTANTS_LEGAUX", True)
    assert rows(log)["1.1"].flags == (
        DocumentFlags.MASQUE_PS
        | DocumentFlags.MASQUE_PS_BY_PATIENT
        | DocumentFlags.INVISIBLE_PATIENT
        | DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX
    )
    assert rows(log)["1.1"].visible_since is None
    log.flag("1.1", "MASQUE_PS", False)
    log.flag("1.1", "INVISIBLE_PATIENT", False)
    row = rows(log)["1.1"]
    assert row.flags == DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX
    assert row.visible_since == log.events[-1].recorded_at


def test_a_record_says_its_state_and_the_birth_dates_known() -> None:
    log = Log()
    log.opened()
    log.submitted("1.1", sourcePatientInfo=traits("19800228"))
    log.submitted("1.2", sourcePatientInfo=traits("1980"))
    log.activated()
    log.closed(1, "DEATH")
    record = fold_person(events_of_records(log.events)).records[1]
    assert record.state == RecordFlags.OPENED | RecordFlags.ACTIVATED | RecordFlags.CLOSED
    assert record.closure == "DEATH"
    assert record.birth_date is None
    assert str(record.claimed_birth_date) == "1980-01-01"
    log.opened()
    log.declared(1, "19810101")
    record = fold_person(events_of_records(log.events)).records[1]
    assert not record.closed
    assert record.closure is None
    assert str(record.birth_date) == "1981-01-01"


def test_an_event_of_a_document_never_submitted_is_refused_by_position() -> None:
    log = Log()
    log.opened()
    log.archived("1.1")
    with pytest.raises(EventNotApplicable) as refused:
        fold(events_of_records(log.events))
    assert refused.value.position == log.events[-1].position


@given(events=histories())
def test_lineage_is_the_end_of_the_chain_and_nothing_is_invented(
    events: list[RecordedEvent],
) -> None:
    """Every event as one person's: a naive walk along `replaces` is the oracle."""
    events = [replace(event, record=1) for event in events]
    found = fold(events_of_records(events))
    by_stream = {row.stream: row for row in found}
    assert len(by_stream) == sum(event.name == "document_submitted" for event in events)
    for row in found:
        circle = _walk(by_stream, row, content=False)
        assert row.lineage in circle
        assert row.content_lineage in _walk(by_stream, row, content=True)


def _walk(rows: dict[bytes, TimelineRow], row: TimelineRow, *, content: bool) -> set[bytes]:
    """The stream at the end of the chain; all of the circle when it has no end."""
    seen = [row.stream]
    while row.target in rows and (row.visibility_only or not content):
        row = rows[row.target]
        if row.stream in seen:
            return set(seen[seen.index(row.stream) :])
        seen.append(row.stream)
    return {row.stream}


def test_the_row_leaves_off_whose_mask_a_deposit_brings() -> None:
    """The head has the bit, for successors; no reader is asked about it. A later change sets it."""
    log, patient = Log(), {"id": "1.2.250.1.213.1.4.10^180017500000001", "roleCode": "PATIENT"}
    given = deposit("1.1", masquePs=True)
    given["provenance"]["actor"] |= patient
    given["ins"] |= {"matricule": "180017500000001"}
    of_patient = DocumentFlags.MASQUE_PS_BY_PATIENT
    assert flags_of_deposit(cast(DepositDocument, given), False) == MASK | of_patient
    log.submitted("1.1", masquePs=True, provenance=given["provenance"])
    assert rows(log)["1.1"].flags == MASK
    log.flag("1.1", "MASQUE_PS", True, by_patient=True)
    assert rows(log)["1.1"].flags == MASK | of_patient
