"""HL7 v2 read: what a message asks for, and the rule it breaks, never anything else."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.cda.refused import Refused
from producers.hl7v2.ack.ack import ERROR, Ack, ack_bytes, control_id_of
from producers.hl7v2.ack.requested import requested_ack
from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.parsing import read_header, read_message
from producers.hl7v2.order.action import Action
from producers.hl7v2.order.order import check_processing, read_order
from producers.hl7v2.sending.feed_message import document_of
from producers.simulator.cda.document import CdaWriter
from schemas.cda import CdaDocument, read_cda
from schemas.codec.messages import CONTENT_BYTES_MAX
from schemas.forms.identity import Environment
from schemas.rules.table.rejections import REJECTIONS
from tests.missing import OFFICIAL
from tests.producers.hl7v2.hl7_messages import ACTIONS, FLAGS, Written, fields_of
from tests.producers.samples_of_plan import documents_of, planned

SAMPLES = OFFICIAL / "hl7v2"
MESSAGE = Written("279035121518989", "11502-2", b"<x/>", unique_id="1.2.3", parent="1.2.2")
NEW = replace(MESSAGE, parent="")


def order_of(written: Written) -> Action:
    return read_order(read_message(written.bytes())).action


def read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Hl7Error):
        read_order(read_message(data))


def fault_of(data: bytes) -> str:
    with pytest.raises(Hl7Error) as raised:
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
    on = read_order(read_message(replace(MESSAGE, action="replace", flags={flag: "Y"}).bytes()))
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
    verdict = Ack(ERROR, "PID^1^3", 207, 904, "patient_mismatch", said, said)
    message = read_message(NEW.bytes())
    ack = ack_bytes(message, verdict, control_id, datetime(2026, 11, 25, tzinfo=UTC))
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
        with pytest.raises(Hl7Error) as raised:
            document_of(read_order(read_message(written.bytes())), "test", CONTENT_BYTES_MAX)
        assert raised.value.code == code


@pytest.mark.samples("hl7v2")
def test_the_official_messages_are_read() -> None:
    names = ("message_ORU_CR_Bio_INIT_N3_SEGUR.hl7", "message_MDM_CR_Radio_INIT_N1.er7")
    orders = {name: read_order(read_message((SAMPLES / name).read_bytes())) for name in names}
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


def test_escapes_are_read_and_none_of_them_is_logged_or_multiplied(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def name_of(escaped: str) -> str | None:
        written = replace(NEW, author="1.2.250.1.71.4.2.1^801")
        data = written.bytes().replace(b"^Prenom", b"^" + escaped.encode())
        actor = read_order(read_message(data)).actor
        assert actor is not None
        return actor["name"]

    assert name_of(r"\F\\S\\R\\T\\E\A") == "|^~&\\A NOM"
    assert name_of(r"Zo\XC3A9\ \H\A\N\\.br\B") == "Zoé A B NOM"
    for unknown in (r"\Zxx\A", r"\Xzz\A", r"\C2842\A", r"a\b", "\\\\"):
        assert name_of(unknown) == f"{unknown} NOM"
    assert name_of(r"\.sp99999999\A") == "A NOM"
    assert caplog.records == []


def test_what_would_fill_the_memory_is_refused_before_it_is_taken_apart() -> None:
    for delimiter in (b"^", b"~", b"&", b"|"):
        many = NEW.bytes().replace(b"TEST^PERSONNE", delimiter * 200_000)
        assert fault_of(many) == "hl7_too_long"
    long = NEW.bytes().replace(b"279035121518989", b"2" * 10_000)
    assert fault_of(long) == "hl7_too_long"
    assert fault_of(NEW.bytes().replace(b"|015|", b"|" + b"1" * 10_000 + b"|")) == "hl7_too_long"
    assert fault_of(NEW.bytes() + b"NTE|1\r" * 20_000) == "hl7_too_long"
    big = replace(NEW, content=b"<x/>" * 500_000)
    assert read_order(read_message(big.bytes())).content == big.content


@pytest.mark.parametrize("signs", ["^~\\", "AB\\C", "^^\\&", "+~\\&", "", "^~\\&#!"])
def test_delimiters_are_five_different_signs_that_are_not_those_of_the_data(signs: str) -> None:
    data = NEW.bytes().replace(b"MSH|^~\\&|", b"MSH|" + signs.encode() + b"|", 1)
    assert fault_of(data) == "hl7_unreadable"


def test_encoded_line_ends_are_no_part_of_a_document() -> None:
    written = replace(NEW, content=b"<x>" + bytes(90) + b"</x>").bytes()
    at = written.index(b"^Base64^") + 20
    for end in (rb"\.br\\", rb"\X0D0A\\", rb"\X0a\\"):
        cut = written[:at] + end[:-1] + written[at:]
        assert read_order(read_message(cut)).content == b"<x>" + bytes(90) + b"</x>"


def test_a_second_repetition_of_the_document_is_not_passed_over() -> None:
    twice = NEW.bytes().replace(b"||||||F|", b"~^TEXT^XML^Base64^PHgvPg==||||||F|", 1)
    assert fault_of(twice) == "hl7_documents_several"


@pytest.mark.parametrize(
    ("said", "status"),
    [("VALI", "QUALIFIEE"), ("", "QUALIFIEE"), ("PROV", "PROVISOIRE"), ("VALI~PROV", "PROVISOIRE")],
)
def test_every_repetition_of_the_identity_status_counts(said: str, status: str) -> None:
    order = read_order(read_message(replace(NEW, status=said).bytes()))
    assert order.ins["status"] == status
    assert fault_of(replace(NEW, status=f"{said}~DOUB").bytes()) == "hl7_value"


def test_only_a_replacement_can_be_for_flags_alone() -> None:
    for action in ("new", "delete"):
        written = replace(NEW, action=action, flags={"MODIF_CONF_CODE": "Y"})
        assert fault_of(written.bytes()) == "hl7_actions_contradict"


def test_every_order_of_a_message_says_the_action() -> None:
    second = NEW.bytes() + b"ORC|CA|\r"
    assert fault_of(second) == "hl7_actions_contradict"


def test_a_document_that_is_not_validated_is_not_sent() -> None:
    assert fault_of(NEW.bytes().replace(b"|AU|", b"|IP|")) == "hl7_value"
    gone = replace(NEW, action="delete", content=None).bytes().replace(b"|AU|", b"|CA|")
    assert read_order(read_message(gone)).action is Action.DELETE


def test_messages_for_training_do_not_feed_production() -> None:
    def processed(code: str, environment: Environment) -> None:
        data = NEW.bytes().replace(b"|015|P|", f"|015|{code}|".encode())
        check_processing(read_message(data), environment)

    for code in ("P", "T", "D", ""):
        processed(code, "test")
        processed(code, "demo")
    processed("P", "production")
    processed("", "production")
    for code, environment in (("T", "production"), ("D", "production"), ("X", "test")):
        with pytest.raises(Hl7Error) as raised:
            processed(code, environment)  # type: ignore[arg-type]
        assert (raised.value.code, raised.value.error_code) == ("hl7_processing_id", 202)


@pytest.mark.parametrize(
    ("accept", "application", "commit", "covered"),
    [
        ("", "", False, "AA AE AR"),
        ("AL", "AL", False, "AA AE AR"),
        ("NE", "AL", False, "AA AE AR"),
        ("", "ER", False, "AE AR"),
        ("", "SU", False, "AA"),
        ("AL", "NE", True, "AA AE AR"),
        ("AL", "", True, "AA AE AR"),
        ("ER", "NE", True, "AE AR"),
        ("NE", "NE", True, ""),
        ("", "NE", False, ""),
        ("??", "NE", True, "AA AE AR"),
    ],
)
def test_the_acknowledgement_is_the_one_asked_for(
    accept: str, application: str, commit: bool, covered: str
) -> None:
    asked = NEW.bytes().replace(b"|2.6|||||", f"|2.6|||{accept}|{application}|".encode())
    found = requested_ack(read_message(asked))
    assert found.commit is commit
    assert " ".join(code for code in ("AA", "AE", "AR") if found.covers(code)) == covered


def test_what_could_not_be_read_is_answered_under_its_control_id() -> None:
    unknown = replace(NEW, charset="KLINGON", control_id="A77").bytes()
    message = read_header(unknown)
    verdict = Ack(ERROR, "MSH^1^18", 103, 906, "hl7_charset")
    ack = ack_bytes(message, verdict, "1", datetime(2026, 11, 25, tzinfo=UTC))
    assert fields_of(ack)["MSA"][1:3] == ["AE", "A77"]
    assert fields_of(ack)["MSH"][17] == "UNICODE UTF-8"
    for nothing in (b"", b"PID|1", b"MSH", b"MSH|AAAA|x|", NEW.bytes().replace(b"MSH|", b"MSHx")):
        assert read_header(nothing) is None


def test_control_ids_have_the_length_of_the_standard() -> None:
    made = {control_id_of(str(seed)) for seed in range(1000)}
    assert len(made) == 1000
    assert {len(one) for one in made} == {20}


@given(st.binary(max_size=300).map(lambda data: HEAD + data))
def test_no_bytes_keep_an_answer_from_being_made(data: bytes) -> None:
    message = read_header(data)
    ack = ack_bytes(message, Ack(ERROR), "1", datetime(2026, 11, 25, tzinfo=UTC))
    assert read_message(ack).header.text(9) == "ACK"
