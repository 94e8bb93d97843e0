"""What `histoire check` says of messages is what ingestion would answer, and all of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.feed import FeedRecord, Partition, partition_of
from ingest.read.interpret import Rejected, interpret
from ingest.read.site import Context
from ingest.runtime.settings import Settings
from producers.cda.deposit import deposit as deposit_of
from producers.cda.sendable import sendable_document
from producers.cda.visibility import RequestedVisibility
from producers.check.checker import Checker, CheckPlan
from producers.check.files.message import check_message
from producers.check.finding import FileReport
from producers.check.rules.rule_checker import RuleChecker
from producers.check.rules.valid_values import VALID, valid_value
from producers.simulator.cda.document import CdaWriter
from schemas.codec.messages import CONTENT_BYTES_MAX, encode
from schemas.feed.messages import FEED_TOPICS, TOPIC_OF
from schemas.forms.feed_keys import feed_key
from schemas.forms.identity import Environment, accepted_oids
from schemas.rules.table.rejections import RULES_PAGE
from schemas.rules.table.severities import AS_THE_TABLE_SAYS
from schemas.versions.avro_types import Array, AvroType, Enum, Fixed, Map, RecordType, Union
from schemas.versions.catalogue import schema_catalogue
from tests.producers.samples_of_plan import documents_of, planned

CHECKER = Checker(CheckPlan(Settings(), AS_THE_TABLE_SAYS, 1_700_000_000.0))
JUDGE = RuleChecker("test", AS_THE_TABLE_SAYS, RULES_PAGE, CONTENT_BYTES_MAX)
CONTEXT = Context(accepted_oids("test"), dict.fromkeys(FEED_TOPICS, 1), CONTENT_BYTES_MAX)
AUTHOR = VALID["document"]["authors"][0]

FAULTS: tuple[tuple[str, Any, str], ...] = (
    ("ins.oid", "1.2.250.1.213.1.4.8", "ins_oid_not_accepted"),
    ("ins.matricule", "279035121518988", "ins_key_wrong"),
    ("ins.status", "VALIDEE", "identity_not_qualified"),
    ("provenance.software.id", "", "text_malformed"),
    ("provenance.actor.id", "nobody in particular", "identifier_malformed"),
    ("document.uniqueId", "not an oid", "unique_id_malformed"),
    ("document.replaces", "not an oid", "unique_id_malformed"),
    ("document.typeCode", "nothing", "type_unknown"),
    ("document.formatCode", "nothing", "format_unknown"),
    ("document.languageCode", "français", "language_malformed"),
    ("document.title", " ", "text_malformed"),
    ("document.creationTime", "20241399", "time_malformed"),
    ("document.serviceStopTime", "tomorrow", "time_malformed"),
    ("document.legalAuthenticatorId", "no one", "identifier_malformed"),
    ("document.healthcareFacilityTypeCode", "nothing", "facility_unknown"),
    ("document.practiceSettingCode", "nothing", "practice_setting_unknown"),
    ("document.size", 0, "size_mismatch"),
)
"""One field each, none of which hides another; the code of the rule that is broken."""


def deposit() -> dict[str, Any]:
    return copy.deepcopy(
        {
            "messageId": bytes(16),
            "provenance": VALID["provenance"],
            "ins": VALID["ins"],
            "visibilityOnly": False,
            "submissionSet": None,
            "document": VALID["document"],
            "content": None,
        }
    )


def put(datum: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for step in above:
        datum = datum[step]
    datum[last] = value


def checked(datum: Mapping[str, Any], name: str = "DepositDocument") -> FileReport:
    return check_message("m", encode(name, datum), JUDGE)


def rejects(report: FileReport) -> list[tuple[str | None, str]]:
    return [(f.path, f.code) for f in report.findings if f.severity == "reject"]


def answer_of_ingestion(datum: Mapping[str, Any], name: str = "DepositDocument") -> str | None:
    key = feed_key(datum).encode()
    record = FeedRecord(0, -1, 0, key, encode(name, datum), ())
    partition = Partition(TOPIC_OF[name], partition_of(key, 1))
    found = interpret(record, partition, CONTEXT)
    return found.rejection.code if isinstance(found, Rejected) else None


def test_a_valid_deposit_passes_here_and_at_ingestion() -> None:
    assert rejects(checked(deposit())) == []
    assert checked(deposit()).unlooked == ()
    assert answer_of_ingestion(deposit()) is None


@given(st.sets(st.integers(0, len(FAULTS) - 1)))
def test_every_fault_is_named_and_the_first_is_the_answer_of_ingestion(chosen: set[int]) -> None:
    datum = deposit()
    for number in chosen:
        put(datum, *FAULTS[number][:2])
    report = checked(datum)
    assert set(rejects(report)) == {(FAULTS[n][0], FAULTS[n][2]) for n in chosen}
    assert report.unlooked == ()
    answer = answer_of_ingestion(datum)
    assert (answer is None) == report.passes(strict=False)
    assert answer is None or answer in {code for _, code in rejects(report)}


def test_the_class_that_contradicts_the_type_hides_nothing_behind_it() -> None:
    datum = deposit()
    put(datum, "document.classCode", "31")
    put(datum, "document.title", "")
    assert rejects(checked(datum)) == [
        ("document.classCode", "class_contradicts_type"),
        ("document.title", "text_malformed"),
    ]


def test_each_author_at_fault_is_named_by_his_place() -> None:
    datum = deposit()
    authors = [{**AUTHOR, "id": "?"}, AUTHOR, {**AUTHOR, "organisationId": "? "}]
    put(datum, "document.authors", authors)
    put(datum, "document.title", "")
    assert rejects(checked(datum)) == [
        ("document.authors[0].id", "identifier_malformed"),
        ("document.authors[2].organisationId", "identifier_malformed"),
        ("document.title", "text_malformed"),
    ]


def test_no_author_and_too_many_are_faults_of_the_list() -> None:
    for authors in ([], [AUTHOR] * 100):
        datum = deposit()
        put(datum, "document.authors", authors)
        put(datum, "document.title", "")
        found = rejects(checked(datum))
        assert [path for path, _ in found] == ["document.authors", "document.title"]


def test_bytes_are_compared_with_all_that_is_said_of_them() -> None:
    datum = deposit()
    put(datum, "content", b"not a document")
    assert {code for _, code in rejects(checked(datum))} == {
        "size_mismatch",
        "hash_mismatch",
        "content_refused",
    }


def test_a_cda_that_a_message_carries_is_looked_at_too() -> None:
    data = CdaWriter(7).write(documents_of(planned(20))[0])
    data = data.replace(b'<realmCode code="FR"/>', b"")
    found = sendable_document(data, "test", CONTENT_BYTES_MAX)
    fields = deposit_of(found, data, VALID["provenance"], RequestedVisibility())
    datum = {"messageId": bytes(16), **fields}
    report = CHECKER.check("m", encode("DepositDocument", datum))
    assert (report.kind, report.passes(strict=False)) == ("message", True)
    assert [f.english for f in report.findings if f.code == "item_missing"] == [
        "Compulsory item absent: realmCode."
    ]


@pytest.mark.parametrize("environment", ["demo", "production"])
def test_what_stands_in_for_an_ins_is_accepted_in_its_environment(
    environment: Environment,
) -> None:
    rules = RuleChecker(environment, AS_THE_TABLE_SAYS, RULES_PAGE, CONTENT_BYTES_MAX)
    datum = deposit()
    put(datum, "document.title", "")
    found = rejects(check_message("m", encode("DepositDocument", datum), rules))
    assert found == [
        ("ins.oid", "ins_oid_not_accepted"),
        ("document.title", "text_malformed"),
    ]


def test_a_link_says_all_that_is_wrong_with_both_numbers() -> None:
    datum = {
        "messageId": bytes(16),
        "provenance": VALID["provenance"],
        "ins": {**VALID["ins"], "matricule": "1"},
        "otherOid": "1.2.250.1.213.1.4.8",
        "otherMatricule": "2",
        "reason": None,
    }
    assert rejects(checked(datum, "LinkIns")) == [
        ("ins.matricule", "ins_malformed"),
        ("otherOid", "ins_oid_not_accepted"),
        ("otherMatricule", "ins_malformed"),
    ]
    same = {**datum, "ins": VALID["ins"], "otherOid": VALID["ins"]["oid"]}
    same["otherMatricule"] = VALID["ins"]["matricule"]
    assert rejects(checked(same, "LinkIns")) == [("otherMatricule", "link_to_itself")]
    assert answer_of_ingestion(same, "LinkIns") == "link_to_itself"


def as_json(datum: Mapping[str, Any]) -> bytes:
    return orjson.dumps(datum, default=lambda value: value.hex())


def test_json_says_the_same_as_avro() -> None:
    datum = deposit()
    put(datum, "document.title", "")
    assert rejects(CHECKER.check("m", as_json(datum))) == rejects(checked(datum))
    named = {"name": "DepositDocument", "datum": datum}
    assert rejects(CHECKER.check("m", as_json(named))) == rejects(checked(datum))


def test_json_that_is_no_message_says_which_field() -> None:
    wrong = deposit()
    wrong["document"]["size"] = "seven"
    report = CHECKER.check("m", as_json({"name": "DepositDocument", "datum": wrong}))
    assert rejects(report) == [("document.size", "malformed")]
    wrong["document"]["hash"] = "no hexadecimal"
    report = CHECKER.check("m", as_json({"name": "DepositDocument", "datum": wrong}))
    assert rejects(report) == [("hash", "malformed")]


def test_a_record_that_cannot_be_told_from_another_asks_for_its_name() -> None:
    operation = {
        "messageId": bytes(16),
        "provenance": VALID["provenance"],
        "ins": VALID["ins"],
        "uniqueId": "1.2.250.1.999.1.1",
        "reason": None,
    }
    report = CHECKER.check("m", as_json(operation))
    assert not report.passes(strict=False)
    assert "ArchiveDocument" in report.findings[0].english
    named = as_json({"name": "ArchiveDocument", "datum": operation})
    assert CHECKER.check("m", named).passes(strict=False)


_TEXTS = ("", " ", "\0", "x", "99999999", "20241399", "20240102", "1.2.3", "1.2.3^4", "M", "10")


def values(kind: AvroType, steps: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Of a field of a message: valid, or such as no rule may stumble over."""
    valid = valid_value(steps)
    match kind:
        case RecordType():
            return st.fixed_dictionaries(
                {field.name: values(field.type, (*steps, field.name)) for field in kind.fields}
            )
        case Array():
            return st.lists(values(kind.items, steps), max_size=2)
        case Union():
            return st.one_of([values(branch, steps) for branch in kind.branches])
        case Fixed():
            return st.just(bytes(kind.size))
        case Enum():
            return st.sampled_from(kind.symbols)
        case Map():
            return st.dictionaries(st.text(), values(kind.values, steps), max_size=2)
    texts = [*_TEXTS, valid] if isinstance(valid, str) else list(_TEXTS)
    of_kind: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "string": st.sampled_from(texts),
        "bytes": st.sampled_from([b"", b"<x/>"]),
        "int": st.sampled_from([-1, 0, 1, 2**31 - 1]),
    }
    return of_kind.get(kind.kind, st.sampled_from([-1, 0, 1, 1_704_186_900_000, 2**62]))


@pytest.mark.parametrize("name", sorted(TOPIC_OF))
@given(data=st.data())
@settings(max_examples=15)
def test_any_message_of_a_schema_gets_a_report(name: str, data: st.DataObject) -> None:
    """Rules behind a broken one are looked at with what stands in for it, and never stumble."""
    tree = schema_catalogue().tree(schema_catalogue().newest(name))
    datum = data.draw(values(tree, ()))
    report = CHECKER.check("m", encode(name, datum))
    answer = answer_of_ingestion(datum, name)
    beside = {None, "key_missing"}  # the key is made here, of an id that may be empty
    assert answer in beside | {code for _, code in rejects(report)}


def test_traits_and_a_submission_set_at_fault_hide_nothing() -> None:
    datum = deposit()
    traits = {**VALID["traits"], "sex": "?", "birthDate": "99999999"}
    put(datum, "document.sourcePatientInfo", traits)
    lot = {"uniqueId": "?", "sourceId": "?", "contentTypeCode": "?", "title": "\0"}
    put(datum, "submissionSet", lot)
    put(datum, "document.title", "")
    report = checked(datum)
    assert {path for path, _ in rejects(report)} == {
        "document.sourcePatientInfo.sex",
        "document.sourcePatientInfo.birthDate",
        "submissionSet.uniqueId",
        "submissionSet.sourceId",
        "submissionSet.contentTypeCode",
        "submissionSet.title",
        "document.title",
    }
    assert report.unlooked == ()


@given(st.binary(max_size=400))
def test_any_bytes_after_the_marker_get_a_report(data: bytes) -> None:
    report = check_message("m", b"\xc3\x01" + data, JUDGE)
    assert not report.passes(strict=False)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=12,
    ),
    st.sampled_from(sorted(TOPIC_OF)),
)
def test_any_json_gets_a_report(value: Any, name: str) -> None:
    for said in (value, {"name": name, "datum": value}):
        report = CHECKER.check("m", b" {" + orjson.dumps(said))
        assert not report.passes(strict=False)
        assert not CHECKER.check("m", orjson.dumps(said)).passes(strict=False)
