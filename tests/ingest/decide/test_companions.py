"""A KOS follows the imaging report that it serves (SPEC g; TRAP 25)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from schemas.events import DocumentStatus
from schemas.forms.stream_ids import document_stream
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import (
    BRUNO,
    DR_A,
    KOS,
    ROOT,
    deposit,
    operation,
    record_message,
    unique_id,
)
from tests.ingest.ingest_site import Message, Site

SUBMITTED, DELETED, ARCHIVED = "document_submitted", "document_deleted", "document_archived"
REPORT, IMAGES = 1, 2
CODES: dict[str, Any] = {
    "typeCode": "18748-4",
    "classCode": "31",
    "formatCode": "urn:ihe:iti:xds-sd:pdf:2008",
}


def named(study: str | None, accession: str | None) -> list[dict[str, Any]]:
    order: dict[str, Any] = {
        "value": "O",
        "authority": ROOT,
        "typeCode": "urn:ihe:iti:xds:2013:order",
    }
    found = [order]
    if study is not None:
        kind = "urn:ihe:iti:xds:2016:studyInstanceUID"
        found.append({"value": study, "authority": None, "typeCode": kind})
    if accession is not None:
        kind = "urn:ihe:iti:xds:2013:accession"
        found.append({"value": accession, "authority": ROOT, "typeCode": kind})
    return found


def report(number: int = REPORT, study: str | None = "1.2.3", **fields: Any) -> Any:
    return deposit(number, **CODES, referenceIdList=named(study, f"A{number}"), **fields)


def kos(number: int = IMAGES, study: str = "1.2.3", accession: str = "B", **fields: Any) -> Any:
    return deposit(number, **{**KOS, "referenceIdList": named(study, accession)}, **fields)


def delete(number: int = REPORT) -> Any:
    return operation("DeleteDocument", number)


def status(world: World, number: int = IMAGES) -> int:
    return world.state(number).status


def test_a_kos_is_deleted_with_its_report() -> None:
    world = World().given(report(), kos())
    gone = operation("DeleteDocument", REPORT, reason="wrong patient")
    assert world.when(gone) == ("accepted", [DELETED, DELETED])
    assert status(world) == DocumentStatus.DELETED
    said = world.datum()
    assert said["uniqueId"] == unique_id(IMAGES)
    assert said["reason"] == "wrong patient"
    assert said["provenance"]["actor"]["id"] == DR_A


def test_a_kos_is_archived_and_taken_out_with_its_report() -> None:
    world = World().given(report(), kos(), operation("ArchiveDocument", REPORT))
    assert status(world) == DocumentStatus.ARCHIVED
    world.given(operation("UnarchiveDocument", REPORT))
    assert status(world) == DocumentStatus.APPROVED


def test_a_kos_stays_as_long_as_one_report_of_the_study_does() -> None:
    world = World().given(report(), report(3), kos())
    assert world.when(delete(REPORT))[1] == [DELETED]
    assert world.when(operation("ArchiveDocument", 3))[1] == [ARCHIVED, ARCHIVED]
    assert world.when(delete(3))[1] == [DELETED, DELETED]


def test_a_new_version_of_the_report_keeps_its_kos() -> None:
    world = World().given(report(), kos(), report(3, replaces=unique_id(REPORT)))
    assert status(world) == DocumentStatus.APPROVED
    assert world.when(delete(3))[1] == [DELETED, DELETED]


def test_a_new_version_of_an_archived_report_takes_its_kos_out() -> None:
    world = World().given(report(), kos(), operation("ArchiveDocument", REPORT))
    world.given(report(3, replaces=unique_id(REPORT)))
    assert status(world) == DocumentStatus.APPROVED


@pytest.mark.parametrize("order", list(itertools.permutations(("report", "kos", "delete"))))
def test_whichever_comes_first(order: tuple[str, ...]) -> None:
    """Images of a report that was taken out of a wrong patient's record must not come back."""
    messages: dict[str, Message] = {"report": report(), "kos": kos(), "delete": delete()}
    world, waiting = World(), []
    for what in order:
        if world.when(messages[what])[0] == "target_unknown":
            waiting.append(messages[what])
    for message in waiting:
        world.when(message)
    assert status(world) == status(world, REPORT) == DocumentStatus.DELETED


def test_an_accession_names_the_study_too() -> None:
    world = World().given(report(study=None), kos(accession=f"A{REPORT}"))
    assert world.when(delete())[1] == [DELETED, DELETED]


@pytest.mark.parametrize(
    "other",
    [
        kos(study="9.9.9"),
        kos(matricule=BRUNO),
        deposit(IMAGES, referenceIdList=named("1.2.3", f"A{REPORT}")),
    ],
    ids=["another study", "another person", "no KOS"],
)
def test_nothing_else_follows(other: Message) -> None:
    world = World().given(report(), other)
    assert world.when(delete())[1] == [DELETED]
    assert status(world) == DocumentStatus.APPROVED


def test_what_is_done_to_a_kos_alone_stands() -> None:
    world = World().given(report(), kos(), operation("ArchiveDocument", IMAGES))
    assert status(world) == DocumentStatus.ARCHIVED
    assert status(world, REPORT) == DocumentStatus.APPROVED


def test_masks_of_a_report_leave_its_kos() -> None:
    """No source has flags follow; the producer gives the KOS its own, and nobody is shown it."""
    world = World().given(report(), kos())
    hide = operation("ChangeVisibility", REPORT, invisiblePatient=True)
    assert world.when(hide)[1] == ["document_visibility_changed"]


# The same, read from the store


def statuses(site: Site, *numbers: int) -> list[int]:
    streams = [document_stream(unique_id(number)) for number in numbers]
    heads = site.store.reading.heads(streams)
    return [heads[stream].status for stream in streams]


def test_what_serves_a_report_is_found_in_the_store(site: Site) -> None:
    site.write(report(), report(3, study=None), kos())
    site.write(kos(4, accession="A3"))
    site.write(report(5, study="9"), kos(6, study="9"))
    assert site.write(delete()) == ["accepted"]
    assert statuses(site, 1, 2, 3, 4) == [3, 3, 0, 0]
    assert site.write(delete(3)) == ["accepted"]
    assert statuses(site, 3, 4, 5, 6) == [3, 3, 0, 0]
    assert site.write(kos(7)) == ["accepted"]
    assert statuses(site, 7) == [DocumentStatus.DELETED]
    assert site.names()[-2:] == [SUBMITTED, DELETED]
    assert site.store.auditing.verify_streams() == []


def test_a_study_is_one_within_a_record(site: Site) -> None:
    """Software that gives one study to everybody touches nobody else's images, linked or not."""
    site.write(report(), kos(matricule=BRUNO), record_message("LinkIns"))
    assert site.write(delete()) == ["accepted"]
    assert statuses(site, REPORT, IMAGES) == [3, 0]


def test_what_the_store_looks_up_is_no_clear_identifier(site: Site) -> None:
    site.write(report(), kos())
    (record,) = {event.record for event in site.events()}
    reference = f"{record}|urn:ihe:iti:xds:2016:studyInstanceUID|1.2.3"
    asked = site.store.reading.referring([site.store.secrets.reference(reference)])
    streams = {document_stream(unique_id(number)) for number in (REPORT, IMAGES)}
    assert {stream for _, stream in asked} == streams
