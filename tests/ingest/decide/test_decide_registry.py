"""The registry: given its messages, when software feeds, then it may or not, and why not."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decide.decide import decide
from ingest.facts.decision import Decision
from ingest.facts.registry import NO_ENTRY, Kind, RegistryEntry, entry_stream, evolve_entry
from ingest.read.interpret import Rejected, interpret
from schemas.forms.paris_days import begin_ms, day_exists, end_ms, last_day_of_years
from schemas.rules.table.severities import Severities
from tests.ingest.decide.deciding import World
from tests.ingest.feed_messages import (
    CONTEXT,
    HOSPITAL,
    actor,
    deposit,
    feed_record,
    mask,
    operation,
    partition_for,
    record_message,
)
from tests.ingest.registry_messages import (
    COMPANY,
    RECEIVED_DAY,
    SERVICE,
    certify,
    evaluate,
    message,
    moment,
    reference,
    service,
    withdraw,
)

OTHER = "test-autre-logiciel"
BYTES = bytes(128) + b"DICM"
"""The begin of a DICOM file."""


def teleconsultation(company: str | None = COMPANY, **changes: Any) -> dict[str, Any]:
    return {**actor(organisation=company), "sectorCode": "SA64", **changes}


def entry_of(world: World, kind: Kind, name: str) -> RegistryEntry:
    return world.view.entry(entry_stream(kind, name))


def test_a_registry_without_software_refuses_nobody() -> None:
    world = World().given(certify(), service())
    assert world.when(deposit(1))[0] == "accepted"


def test_the_first_of_a_kind_opens_the_registry_once() -> None:
    world = World()
    assert world.when(reference(OTHER)) == (
        "accepted",
        ["registry_opened", "software_referenced"],
    )
    assert world.when(reference())[1] == ["software_referenced"]
    assert world.when(certify())[1] == ["registry_opened", "company_certified"]


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ([reference()], "accepted"),
        ([reference(first=RECEIVED_DAY, last=RECEIVED_DAY)], "accepted"),
        ([reference(last=None)], "accepted"),
        ([reference(OTHER)], "software_unreferenced"),
        ([reference(first="20231115")], "software_unreferenced"),
        ([reference(last="20231113")], "software_expired"),
        ([reference(), withdraw()], "software_withdrawn"),
        ([reference(), withdraw(day=RECEIVED_DAY)], "software_withdrawn"),
        ([reference(), withdraw(day="20231115")], "accepted"),
        ([reference(), withdraw(day="20220101")], "software_withdrawn"),
        ([reference(), withdraw(), reference(first="20230901")], "accepted"),
        ([reference(last="20230601"), reference(first="20230901")], "accepted"),
        ([reference(), reference(last="20231113")], "software_expired"),
        ([reference(last="20230601"), withdraw(day="20230801")], "software_expired"),
    ],
)
def test_who_may_feed_on_the_day_the_feed_took_the_message(given: list[Any], answer: str) -> None:
    world = World()
    for said in given:
        assert world.when(said)[0] in ("accepted", "unchanged")
    assert world.when(deposit(1))[0] == answer


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ([certify()], "accepted"),
        ([certify("1.2.250.1.71.4.2.2^1990000002")], "company_uncertified"),
        ([certify(last="20231113")], "company_expired"),
        ([certify(), withdraw(COMPANY, kind="COMPANY")], "company_withdrawn"),
    ],
)
def test_a_teleconsultation_company_feeds_under_its_certificate(
    given: list[Any], answer: str
) -> None:
    world = World().given(*given)
    assert world.when(deposit(1, by=teleconsultation()))[0] == answer


def test_a_company_is_known_by_its_sector_or_by_its_documents() -> None:
    world = World().given(certify())
    unnamed = deposit(1, by=teleconsultation(None))
    assert world.when(unnamed)[0] == "company_uncertified"
    with_system = teleconsultation(HOSPITAL, sectorCode="SA64^1.2.250.1.71.4.2.4")
    assert world.when(deposit(2, by=with_system))[0] == "company_uncertified"
    by_document = deposit(3, by=actor(organisation=HOSPITAL), healthcareFacilityTypeCode="SA64")
    assert world.when(by_document)[0] == "company_uncertified"
    assert world.when(deposit(4, by=actor(organisation=HOSPITAL)))[0] == "accepted"


def test_what_was_deposited_can_still_be_masked_archived_and_deleted() -> None:
    world = World().given(deposit(1), reference(), withdraw())
    assert world.when(mask(1))[0] == "accepted"
    assert world.when(operation("ArchiveDocument", 1))[0] == "accepted"
    assert world.when(operation("DeleteDocument", 1))[0] == "accepted"


def test_a_deposit_sent_again_stays_a_duplicate_and_bytes_are_feeding() -> None:
    world = World().given(deposit(1))
    with_bytes = deposit(2, content=BYTES)
    world.given(("DepositDocument", {**deposit(2, content=BYTES)[1], "content": None}))
    world.given(reference(), withdraw())
    assert world.when(deposit(1))[0] == "duplicate"
    assert world.when(with_bytes)[0] == "software_withdrawn"


def test_who_may_not_feed_is_not_told_the_state_of_a_record() -> None:
    world = World().given(record_message("CloseRecord"), reference(OTHER))
    assert world.when(deposit(1))[0] == "software_unreferenced"


def test_a_required_registry_refuses_while_it_is_empty() -> None:
    world = World()
    world.install(registry_required=True)
    assert world.when(deposit(1))[0] == "software_unreferenced"
    world.given(reference())
    assert world.when(deposit(1))[0] == "accepted"
    assert world.when(deposit(2, by=teleconsultation()))[0] == "company_uncertified"


def test_where_the_rule_is_a_warning_the_deposit_is_taken_with_it() -> None:
    world = World().given(reference(OTHER), certify())
    world.install(severities=Severities({"software_unreferenced": "warn"}))
    found = decide(world.view, world.read(deposit(1)))
    assert isinstance(found, Decision)
    assert [warning.code for warning in found.warnings] == ["software_unreferenced"]
    assert world.when(deposit(2, by=teleconsultation(HOSPITAL)))[0] == "company_uncertified"


def test_a_reference_that_says_nothing_new_changes_nothing() -> None:
    world = World().given(reference(), service())
    assert world.when(reference()) == ("unchanged", [])
    assert world.when(service()) == ("unchanged", [])
    assert world.when(withdraw())[1] == ["software_withdrawn"]
    assert world.when(withdraw()) == ("unchanged", [])
    assert world.when(withdraw(day="20230301"))[1] == ["software_withdrawn"]
    assert world.when(reference())[1] == ["software_referenced"]


def test_a_message_is_applied_once() -> None:
    world = World()
    first, taken_back = reference(), withdraw()
    world.given(first, taken_back)
    assert world.when(first) == ("duplicate", [])
    assert entry_of(world, Kind.SOFTWARE, first[1]["id"]).state_at(moment(RECEIVED_DAY)) == (
        "withdrawn"
    )
    other = ("ReferenceSoftware", {**first[1], "product": "autre"})
    assert world.when(other) == ("message_id_conflict", [])


def test_a_service_is_referenced_for_two_years_evaluated_and_withdrawn() -> None:
    world = World().given(service(first="20240229"))
    assert world.events[-1].datum["referencedUntil"] == "20260228"
    assert world.when(evaluate(day="20240601"))[1] == ["service_evaluated"]
    assert world.when(evaluate(day="20240602", conclusion="TO_CORRECT"))[0] == "accepted"
    assert world.when(evaluate(day="20260301"))[0] == "registry_entry_not_valid"
    assert world.when(withdraw(SERVICE, "20250101", "SERVICE"))[1] == ["service_withdrawn"]
    entry = entry_of(world, Kind.SERVICE, SERVICE)
    assert entry.evaluated is not None
    assert entry.evaluated["conclusion"] == "TO_CORRECT"
    assert entry.state_at(moment("20241231")) == "valid"
    assert entry.state_at(moment("20250101")) == "withdrawn"
    assert world.when(evaluate(day="20250601"))[0] == "registry_entry_not_valid"


def test_what_is_not_there_is_neither_withdrawn_nor_evaluated() -> None:
    world = World().given(reference())
    assert world.when(withdraw(OTHER))[0] == "registry_entry_unknown"
    assert world.when(withdraw(kind="SERVICE"))[0] == "registry_entry_unknown"
    assert world.when(evaluate())[0] == "registry_entry_unknown"


def test_events_name_no_person() -> None:
    world = World().given(reference(), service(), evaluate(), certify())
    for at, event in enumerate(world.events):
        assert set(world.datum(at)["source"]) == {"softwareId", "organisationId", "occurredAt"}
        assert event.record == 0


@pytest.mark.parametrize(
    ("sent", "code", "path"),
    [
        (reference("279035121518989"), "text_malformed", "id"),
        (reference(publisher=" "), "text_malformed", "publisher"),
        (reference(first="20230230"), "time_malformed", "referencedFrom"),
        (reference(first="2023"), "time_malformed", "referencedFrom"),
        (reference(last="20221231"), "period_reversed", "referencedUntil"),
        (service(track="telesurveillance"), "certificate_missing", "certificateNumber"),
        (certify("no root"), "identifier_malformed", "id"),
        (withdraw(day="20231301"), "time_malformed", "withdrawnFrom"),
        (withdraw("test", kind="COMPANY"), "identifier_malformed", "id"),
        (message("WithdrawReference", "x", kind="SERVICE", withdrawnFrom="20230101", reason=""),
         "text_malformed", "reason"),
        (evaluate(correctBefore="20230531"), "period_reversed", "correctBefore"),
    ],
)  # fmt: skip
def test_what_a_message_must_say(sent: tuple[str, dict[str, Any]], code: str, path: str) -> None:
    found = interpret(feed_record(sent), partition_for(sent), CONTEXT)
    assert isinstance(found, Rejected), found
    assert (found.rejection.code, found.rejection.path) == (code, path)


days = st.dates().filter(lambda d: 2 < d.year < 9990).map(lambda d: f"{d:%Y%m%d}".rjust(8, "0"))


@given(days, days)
def test_days_are_whole_and_follow_each_other(one: str, other: str) -> None:
    assert day_exists(one)
    assert begin_ms(one) < end_ms(one)
    assert (begin_ms(one) < begin_ms(other)) == (one < other)
    assert one < last_day_of_years(one, 2)


@given(st.text(max_size=9))
def test_no_text_makes_a_day_raise(text: str) -> None:
    if day_exists(text):
        begin_ms(text)


references = st.tuples(st.just("software_referenced"), days, days | st.none())
withdrawals = st.tuples(st.just("software_withdrawn"), days, st.none())


@given(st.lists(references | withdrawals, max_size=6), st.lists(days, max_size=4))
def test_the_state_of_an_entry_is_that_of_a_naive_calendar(
    history: list[tuple[str, str, str | None]], asked: list[str]
) -> None:
    """The model: for each day asked, the periods as plain texts, changed message by message."""
    entry, periods = NO_ENTRY, dict[str, tuple[str, bool]]()
    for name, first, last in history:
        if name == "software_withdrawn":
            entry = evolve_entry(entry, name, {"withdrawnFrom": first})
            periods = {
                begin: (max(begin, first), True) if end > first else (end, gone)
                for begin, (end, gone) in periods.items()
            }
        else:
            last = None if last is None or last < first else last
            datum = {"referencedFrom": first, "referencedUntil": last}
            entry = evolve_entry(entry, name, datum)
            periods[first] = ("99999999" if last is None else _next(last), False)
    for day in asked:
        begun = [(begin, *rest) for begin, rest in sorted(periods.items()) if begin <= day]
        valid = any(day < end for _, end, _ in begun)
        assert (entry.state_at(moment(day)) == "valid") is valid
        if begun and not valid:
            assert (entry.state_at(moment(day)) == "withdrawn") is begun[-1][2]
    assert all(one.begin < two.begin for one, two in pairwise(entry.periods))


def _next(day: str) -> str:
    after = date(int(day[:4]), int(day[4:6]), int(day[6:])) + timedelta(days=1)
    return f"{after.year:04d}{after.month:02d}{after.day:02d}"
