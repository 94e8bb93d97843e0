"""Each fault is what it claims to be: decoded, it gets the rejection the ledger announces."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.simulator.content.messages import Message
from producers.simulator.faults.rates import FAULTS, FaultError, parse_faults
from producers.simulator.run.run_messages import messages_of
from schemas.codec.messages import CONTENT_BYTES_MAX, MESSAGE_BYTES_MAX, Decoded, decode
from schemas.forms.identity import is_well_formed, key_is_valid
from schemas.rules.table.rejections import REJECTIONS, Rejection
from tests.producers.samples_of_plan import run_of


@cache
def faulty(text: str, documents: int = 3000) -> tuple[Message, ...]:
    run = run_of(documents, seed=11)
    return tuple(messages_of(run, parse_faults(text), content=False))


def of(text: str, fault: str) -> list[Message]:
    found = [m for m in faulty(text) if m.fault is not None and m.fault.partition(":")[0] == fault]
    assert found, f"{fault} never happened"
    return found


def codes(message: Message) -> set[str | None]:
    return {code for _, code in message.expected}


@pytest.mark.parametrize("fault", ["corrupt", "unknown_schema", "empty"])
def test_unreadable_bytes_get_the_code_announced(fault: str) -> None:
    for message in of(f"{fault}=0.2", fault):
        found = decode(message.record.value)
        assert isinstance(found, Rejection), message.fault
        assert found.code in codes(message), message.fault
        assert {status for status, _ in message.expected} == {"REJECTED"}


def test_every_way_to_corrupt_happens() -> None:
    ways = Counter(message.fault for message in of("corrupt=0.2", "corrupt"))
    assert len(ways) == 7


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"oversize"}))
def test_announced_codes_exist(fault: str) -> None:
    for message in of(f"{fault}=0.3", fault):
        for status, code in (*message.expected, *message.then):
            assert (status == "REJECTED") == (code is not None)
            assert code is None or code in REJECTIONS


def test_wrong_check_digits_in_body_and_key() -> None:
    for message in of("ins_key=0.2", "ins_key"):
        found = decode(message.record.value)
        assert isinstance(found, Decoded)
        matricule = found.datum["ins"]["matricule"]
        assert is_well_formed(matricule)
        assert not key_is_valid(matricule)
        assert message.record.key == f"{found.datum['ins']['oid']}|{matricule}".encode()
        assert codes(message) == {"ins_key_wrong"}


def test_record_key_of_another_well_formed_ins() -> None:
    for message in of("wrong_key=0.2", "wrong_key"):
        found = decode(message.record.value)
        assert isinstance(found, Decoded)
        ins = found.datum["ins"]
        assert message.record.key != f"{ins['oid']}|{ins['matricule']}".encode()
        assert key_is_valid(message.record.key.decode().partition("|")[2])
        assert codes(message) == {"key_mismatch"}


def test_duplicates_are_the_same_bytes_later() -> None:
    first: dict[bytes, Message] = {}
    for message in faulty("duplicate=0.2"):
        if message.fault == "duplicate":
            assert first[message.message_id].record == message.record
            assert ("DUPLICATE", None) in message.expected
        else:
            first[message.message_id] = message


def test_conflicts_have_another_message_id_and_other_content() -> None:
    deposits = {
        m.uid: m
        for m in faulty("conflict=0.2")
        if m.fault is None and m.planned.schema == "DepositDocument"
    }
    for message in of("conflict=0.2", "conflict"):
        original = deposits[message.uid]
        assert original.message_id != message.message_id
        found, before = decode(message.record.value), decode(original.record.value)
        assert isinstance(found, Decoded)
        assert isinstance(before, Decoded)
        assert found.datum["document"]["uniqueId"] == before.datum["document"]["uniqueId"]
        assert found.datum["document"]["sha256"] != before.datum["document"]["sha256"]
        assert found.datum["messageId"] == message.message_id
        assert codes(message) == {"unique_id_conflict"}


def test_reordered_messages_come_before_what_they_need() -> None:
    seen: set[str | None] = set()
    early = Counter[str]()
    for message in faulty("reorder=0.05"):
        document = message.planned.document
        deposit = message.planned.schema == "DepositDocument"
        if document is not None:
            needed = document.replaces if deposit else document.uid
            if needed is not None and needed not in seen:
                assert message.fault == "reorder"
                early["replacement" if deposit else "operation"] += 1
                assert message.expected == (
                    (("ACCEPTED", None),)
                    if deposit
                    else (("REJECTED", "target_unknown"), ("ACCEPTED", None))
                )
                assert message.then == (() if deposit else (("ACCEPTED", None),))
        if deposit:
            seen.add(message.uid)
    assert early["replacement"] > 5
    assert early["operation"] > 5


def test_oversize_is_over_the_limit_and_every_other_is_refused_at_once() -> None:
    found = [m for m in faulty("oversize=0.003") if m.fault and m.fault.startswith("oversize")]
    assert {m.fault for m in found} == {"oversize", "oversize_refused"}
    for message in found[:2]:
        size = len(message.record.value)
        assert size > CONTENT_BYTES_MAX
        if message.fault == "oversize":
            assert size < CONTENT_BYTES_MAX + 1024 * 1024
            rejection = decode(message.record.value)
            assert isinstance(rejection, Rejection)
            assert rejection.code == "too_large"
        else:
            assert size > MESSAGE_BYTES_MAX
            assert message.expected == (("REFUSED", "too_large"),)


def test_what_destroys_a_message_hits_nothing_others_depend_on() -> None:
    """Without its destroyed deposits the stream is one in which every target is there."""
    lost = {m.uid for m in faulty("0.1") if codes(m) - {None} and m.fault not in (None, "reorder")}
    kept = {m.uid for m in faulty("0.1") if m.fault in (None, "duplicate", "reorder")}
    for message in faulty("0.1"):
        document = message.planned.document
        if document is not None and document.replaces is not None:
            assert document.replaces not in lost - kept


def test_shares_are_as_asked_for() -> None:
    counted = Counter(m.fault.partition(":")[0] for m in faulty("0.1", 8000) if m.fault is not None)
    total = len(faulty("0.1", 8000))
    for fault in set(FAULTS) - {"oversize", "unreferenced_software"}:
        assert 0.004 < counted[fault] / total < 0.04, fault


def test_other_messages_are_untouched() -> None:
    """The same run without faults, in the same order, once the faulty ones are taken out."""
    plain = {m.message_id: m.record for m in faulty("duplicate=0")}
    spoiled = [m for m in faulty("0.1") if m.fault is None]
    assert len(spoiled) > len(plain) * 0.8
    by_patient: dict[bytes, list[bytes]] = defaultdict(list)
    for message in spoiled:
        by_patient[message.record.key].append(message.message_id)
    order = {message_id: place for place, message_id in enumerate(plain)}
    for ids in by_patient.values():
        assert [order[i] for i in ids] == sorted(order[i] for i in ids)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lightning=0.1", "no fault is called 'lightning'"),
        ("duplicate=many", "share of duplicate"),
        ("1.5", "share of all faults"),
        ("duplicate=0.6,empty=0.6", "exceed 1"),
    ],
)
def test_rates_that_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        parse_faults(text)


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_any_text_gives_rates_or_one_sentence(text: str) -> None:
    with suppress(FaultError):
        assert sum(parse_faults(text).rates.values()) <= 1.0000001
