"""Heads written before it was kept why a record is closed: the event still says it."""

from __future__ import annotations

import psycopg
import pytest

from schemas.events import RecordFlags
from tests.ingest.access_given import doctor
from tests.ingest.feed_messages import ANNA, deposit, patient, record_message
from tests.ingest.ingest_site import Site


@pytest.fixture
def closed(site: Site, request: pytest.FixtureRequest) -> Site:
    """A record closed for this reason, whose head says only that it is closed."""
    assert site.write(deposit(1), record_message("CloseRecord", reasonCode=request.param))
    why = (RecordFlags.DECEASED | RecordFlags.IDENTITY_ERROR).value
    dsn = site.settings.database_dsn
    assert dsn is not None
    with psycopg.connect(dsn.get_secret_value(), autocommit=True) as conn:
        conn.execute(
            "update stream set flags = flags & ~%s::smallint where flags & %s <> 0",
            (why, RecordFlags.CLOSED.value),
        )
    return site


def opening(by: dict[str, object]) -> tuple[str, dict[str, object]]:
    name, datum = record_message("OpenRecord")
    return name, {**datum, "provenance": {**datum["provenance"], "actor": by}}


@pytest.mark.parametrize("closed", ["DEATH", "IDENTITY_ERROR"], indirect=True)
def test_its_owner_does_not_open_again_what_a_fact_closed(closed: Site) -> None:
    assert closed.write(opening(patient(ANNA))) == ["not_entitled_on_record"]
    assert closed.write(opening(doctor()), deposit(2)) == ["accepted", "accepted"]
    assert closed.store.auditing.verify_streams() == []


@pytest.mark.parametrize("closed", ["PERSON_ASKED"], indirect=True)
def test_its_owner_opens_again_what_he_closed(closed: Site) -> None:
    name, datum = record_message("CloseRecord", reasonCode="DEATH")
    assert closed.write(opening(patient(ANNA))) == ["accepted"]
    assert closed.write((name, datum)) == ["accepted"]
    assert closed.write(opening(patient(ANNA))) == ["not_entitled_on_record"]


@pytest.mark.parametrize("closed", ["DEATH"], indirect=True)
def test_the_recovery_of_old_documents_is_told_of_the_death(closed: Site) -> None:
    name, old = deposit(2)
    old["provenance"] = {**old["provenance"], "channel": "HISTORICAL"}
    assert closed.write((name, old)) == ["person_deceased"]
    assert closed.write(record_message("CloseRecord", reasonCode="DEATH")) == ["unchanged"]
