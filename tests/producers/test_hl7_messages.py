"""HL7 v2 read: what a message asks for, and the rule it breaks, never anything else."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hl7_messages import ACTIONS, FLAGS, Written
from hypothesis import given
from hypothesis import strategies as st
from samples_of_plan import documents_of, planned

from producers.deposit import Refused
from producers.hl7v2.acknowledgement import ERROR, Verdict, acknowledgement
from producers.hl7v2.faults import Hl7Fault
from producers.hl7v2.feeding import document_of
from producers.hl7v2.order import Action, read_order
from producers.hl7v2.reading import read_message
from producers.simulator.cda import CdaWriter
from schemas.cda import CdaDocument, read_cda
from schemas.codec import CONTENT_BYTES_MAX
from schemas.rejections import REJECTIONS

SAMPLES = Path(__file__).parents[3] / "shared" / "hl7v2"
MESSAGE = Written("279035121518989", "11502-2", b"<x/>", unique_id="1.2.3", parent="1.2.2")
NEW = replace(MESSAGE, parent="")


def order_of(written: Written) -> Action:
    return read_order(read_message(written.bytes())).action


def read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Hl7Fault):
        read_order(read_message(data))


def fault_of(data: bytes) -> str:
    with pytest.raises(Hl7Fault) as raised:
        read_order(read_message(data))
    assert raised.value.code in REJECTIONS
    return raised.value.code


@pytest.mark.parametrize("kind", ["MDM", "ORU"])
@pytest.mark.parametrize("action", ACTIONS)
def test_event_order_and_result_say_the_action(kind: str, action: str) -> None:
    assert order_of(replace(MESSAGE, kind=kind, action=action)) == action


@pytest.mark.parametrize("event", ["T02", "T10", "T04"])
@pytest.mark.parametrize("order", ["NW", "RO", "CA"])
@pytest.mark.parametrize("result", ["F", "C", "D"])
def test_codes_that_say_different_actions_are_refused(event: str, order: str, result: str) -> None:
    written = replace(MESSAGE, event=event, order=order, result=result)
    if (event, order, result) in ACTIONS.values():
        assert order_of(written) in tuple(Action)
    else:
        assert fault_of(written.bytes()) == "hl7_actions_contradict"


def test_a_replacement_of_itself_for_its_flags_changes_the_flags() -> None:
    only_flags = replace(MESSAGE, action="replace", flags={"MODIF_CONF_CODE": "Y"})
    assert order_of(only_flags) == Action.REPLACE
    assert order_of(replace(only_flags, parent="")) == Action.CHANGE_FLAGS
    assert order_of(replace(only_flags, parent="1.2.3")) == Action.CHANGE_FLAGS


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(
    ("charset", "codec"), [("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("", "utf-8")]
)
def test_every_line_end_and_character_set_is_read(line_end: str, charset: str, codec: str) -> None:
    written = replace(NEW, charset=charset, author="1.2.250.1.71.4.2.1^80\\T\\1")
    data = written.bytes(line_end, codec).replace(b"Prenom", "Zoé".encode(codec))
    order = read_order(read_message(data))
    assert order.content == b"<x/>"
    assert order.actor is not None
    assert (order.actor["id"], order.actor["name"]) == ("1.2.250.1.71.4.2.1^80&1", "Zoé NOM")


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_is_compulsory_and_is_yes_or_no(flag: str) -> None:
    without = replace(NEW, flag_names=[name for name in FLAGS if name != flag])
    assert fault_of(without.bytes()) == "hl7_flag_missing"
    assert fault_of(replace(NEW, flags={flag: "maybe"}).bytes()) == "hl7_flag_value"
    on = read_order(read_message(replace(NEW, flags={flag: "Y"}).bytes()))
    off = read_order(read_message(replace(NEW, flags={flag: "N"}).bytes()))
    assert (on.flags[flag], off.flags[flag]) == (True, False)


def test_what_only_the_mail_forbids_is_taken_and_remarked() -> None:
    hidden = replace(NEW, flags={"INVISIBLE_PATIENT": "Y", "DESTMSSANTEPAT": "Y"})
    assert read_order(read_message(hidden.bytes())).remarks == ("hl7_flags_mail",)
    backwards = replace(NEW, flag_names=FLAGS[::-1])
    assert read_order(read_message(backwards.bytes())).remarks == ("hl7_flags_order",)
    both = replace(NEW, flags={"DESTMSSANTEPS": "Y", "DESTMSSANTEPAT": "Y"})
    assert read_order(read_message(both.bytes())).remarks == ()


BROKEN = {
    "hl7_unreadable": b"PID|1",
    "hl7_charset": replace(NEW, charset="KLINGON").bytes(),
    "hl7_several_messages": NEW.bytes() + NEW.bytes(),
    "hl7_segment_missing": b"\r".join(
        line for line in NEW.bytes().split(b"\r") if not line.startswith(b"TXA")
    ),
    "hl7_field_missing": replace(NEW, action="delete", unique_id="", content=None).bytes(),
    "hl7_version": replace(NEW, version="3.0").bytes(),
    "hl7_message_type": NEW.bytes().replace(b"MDM^T02", b"ADT^A01"),
    "hl7_value": replace(NEW, order="XX").bytes(),
    "hl7_value ": NEW.bytes().replace(b"|20261125090000|", b"|20261325|"),
    "hl7_field_missing ": NEW.bytes().replace(b"|20261125090000|", b"||"),
    "hl7_ins_missing": replace(NEW, oid="1.2.250.1.213.1.4.2").bytes(),
    "hl7_ins_several": NEW.bytes().replace(
        b"^INS||", b"^INS~185057505612388^^^INS&1.2.250.1.213.1.4.10&ISO^INS||"
    ),
    "hl7_document_missing": replace(NEW, content=None).bytes(),
    "hl7_documents_several": NEW.bytes().replace(
        b"OBX|2|", b"OBX|2|ED|11502-2^^LN||^TEXT^XML^Base64^PHgvPg==||||||F|\rOBX|3|"
    ),
    "hl7_document_encoding": replace(NEW, encoding="A").bytes(),
    "hl7_type_contradicts": NEW.bytes().replace(b"TXA|1|11502-2", b"TXA|1|18748-4"),
}


@pytest.mark.parametrize("code", BROKEN)
def test_each_rule_is_named_when_it_is_broken(code: str) -> None:
    assert fault_of(BROKEN[code]) == code.strip()


HEAD = NEW.bytes()[:60]


@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda data: HEAD + data)))
def test_no_bytes_do_more_than_break_a_rule(data: bytes) -> None:
    read_or_refused(data)


@given(st.data())
def test_a_message_damaged_anywhere_does_no_more_than_break_a_rule(data: st.DataObject) -> None:
    whole = NEW.bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    damaged = whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:]
    read_or_refused(damaged)


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_acknowledgement_is_a_message_whatever_it_says(control_id: str, said: str) -> None:
    verdict = Verdict(ERROR, "PID^1^3", 207, 904, "patient_mismatch", said, said)
    message = read_message(NEW.bytes())
    ack = acknowledgement(message, verdict, control_id, datetime(2026, 11, 25, tzinfo=UTC))
    read = read_message(ack)
    assert [segment.name for segment in read.segments] == ["MSH", "MSA", "ERR"]
    error = read.first("ERR")
    assert error is not None
    assert error.text(5) == "904"
    assert (read.header.text(3), read.header.text(5)) == ("PFI", "RIS")


@pytest.fixture(scope="module")
def document() -> tuple[bytes, CdaDocument]:
    writer = CdaWriter(7)
    plan = documents_of(planned(200, 7))
    content = writer.write(next(one for one in plan if one.replaces is None))
    found = read_cda(content)
    assert isinstance(found, CdaDocument)
    return content, found


def test_a_message_that_contradicts_its_document_is_refused(
    document: tuple[bytes, CdaDocument],
) -> None:
    content, found = document
    assert found.ins is not None
    assert found.type is not None
    right = Written(found.ins.matricule, found.type.code, content, unique_id=str(found.unique_id))
    wrong = {
        "patient_mismatch": replace(right, matricule="279035121518989"),
        "unique_id_mismatch": replace(right, unique_id="1.2.3.4"),
        "type_mismatch": replace(right, type_code="18748-4"),
        "identity_not_qualified": replace(right, status="PROV"),
    }
    order = read_order(read_message(right.bytes()))
    assert document_of(order, "test", CONTENT_BYTES_MAX) is not None
    for code, written in wrong.items():
        with pytest.raises(Hl7Fault) as raised:
            document_of(read_order(read_message(written.bytes())), "test", CONTENT_BYTES_MAX)
        assert raised.value.code == code


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/hl7v2 is not there")
def test_the_official_messages_are_read() -> None:
    orders = {file.name: read_order(read_message(file.read_bytes())) for file in SAMPLES.iterdir()}
    report = orders["message_ORU_CR_Bio_INIT_N3_SEGUR.hl7"]
    assert report.action is Action.NEW
    assert report.ins == {
        "oid": "1.2.250.1.213.1.4.10",
        "matricule": "279035121518989",
        "status": "QUALIFIEE",
    }
    assert report.remarks == ()
    found = document_of(report, "test", CONTENT_BYTES_MAX)
    assert found is not None
    assert found.type is not None
    assert (found.unique_id, found.type.code) == ("1.2.250.1.213.1.1.9", "11502-2")
    imaging = orders["message_MDM_CR_Radio_INIT_N1.er7"]
    assert imaging.unique_id == "1.2.250.1.71.4.2.2.120456789.71024000081"
    # Its flags are none of the three combinations that may be mailed, and its document no CDA.
    assert imaging.remarks == ("hl7_flags_mail",)
    with pytest.raises(Refused) as raised:
        document_of(imaging, "test", CONTENT_BYTES_MAX)
    assert raised.value.code == "content_refused"
