"""What a run is made of: shares, order, identities, and the same bytes everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.simulator.content.encoding import encode_repeating
from producers.simulator.content.messages import MessageMaker
from producers.simulator.faults.rates import parse_faults
from producers.simulator.moments import literal, moment, zone_of
from producers.simulator.plan.plan import LIFE_CYCLE_SHARE, PERIOD, Plan, Run
from producers.simulator.population.population import Population
from producers.simulator.population.practice import Practice, luhn_key
from producers.simulator.run.run_messages import messages_of
from producers.simulator.tables.cells import load
from producers.simulator.tables.rows import TableError
from producers.simulator.tables.scenarios import read_scenarios
from producers.simulator.tables.sectors import parse_sector, read_sector, sector_names
from schemas.codec.messages import encode
from schemas.forms.identity import INS_NIR_TEST, key_is_valid
from tests.producers.samples_of_plan import documents_of, planned, run_of

_DIGEST = """
import sys
from hashlib import sha256
from producers.simulator.content.encoding import encode_repeating
from producers.simulator.faults.rates import parse_faults
from producers.simulator.content.messages import MessageMaker
from producers.simulator.plan.plan import Run
from producers.simulator.run.run_messages import messages_of
from producers.simulator.tables.sectors import read_sector
run = Run(5, tuple(map(read_sector, ("lab", "hospital", "gp"))), 200, 300)
for content in (True, False):
    digest = sha256()
    for message in messages_of(run, parse_faults("0.05"), content=content):
        record = message.record
        digest.update(repr((record.topic, record.key, record.headers, message.expected)).encode())
        digest.update(record.value)
    print(digest.hexdigest())
"""


def test_same_seed_same_bytes_in_another_process() -> None:
    """Two processes with different string hashing agree, and another seed does not."""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].split())) == 2
    assert _digest(5) != _digest(6)


def _digest(seed: int) -> str:
    digest = sha256()
    for message in messages_of(run_of(50, seed=seed), parse_faults(None), content=False):
        digest.update(message.record.value)
    return digest.hexdigest()


def test_deposits_are_as_many_as_asked_for() -> None:
    for documents in (0, 1, 50, 1000):
        assert len(documents_of(tuple(Plan(run_of(documents))))) == documents


def test_five_percent_are_life_cycle_operations() -> None:
    messages = [m for m in planned(8000, 3, 1500) if m.document is not None]
    changing = [
        m for m in messages if m.schema != "DepositDocument" or (m.document and m.document.replaces)
    ]
    assert len(changing) / len(messages) == pytest.approx(LIFE_CYCLE_SHARE, abs=0.01)
    schemas = Counter(m.schema for m in planned(8000, 3, 1500))
    assert set(schemas) == {
        "DepositDocument",
        "ChangeVisibility",
        "ArchiveDocument",
        "UnarchiveDocument",
        "DeleteDocument",
        "OpenRecord",
        "DeclareIdentity",
        "ActivateRecord",
        "OpposeFeeding",
        "WithdrawOpposition",
        "CloseRecord",
        "RevokeIdentity",
        "LinkIns",
        "UnlinkIns",
        "AuthoriseAccess",
        "WithdrawAccess",
        "DesignateAttendingPhysician",
        "EndAttendingPhysician",
        "BlockProfessional",
        "UnblockProfessional",
        "OpposeEmergencyAccess",
        "WithdrawEmergencyOpposition",
        "RecordAccess",
    }


def test_arrival_is_in_order_and_unlike_the_order_of_acts() -> None:
    messages = planned(8000, 3, 1500)
    assert [m.sent for m in messages] == sorted(m.sent for m in messages)
    assert len({m.message_id for m in messages}) == len(messages)
    acts = [d.act_start for d in documents_of(messages) if d.replaces is None]
    backwards = sum(later < earlier for earlier, later in pairwise(acts))
    assert backwards > len(acts) / 4
    assert min(acts) < PERIOD[0] + 30 * 86400
    assert max(acts) > PERIOD[1] - 30 * 86400


def test_times_of_a_document_follow_each_other() -> None:
    for message in planned(8000, 3, 1500):
        document = message.document
        if document is not None and message.schema == "DepositDocument":
            assert document.act_start <= document.act_stop <= document.created <= document.signed
            assert document.signed <= message.sent
            assert document.patient.born < document.act_start


def test_operations_come_after_their_document_and_from_its_author() -> None:
    versions: dict[str, str] = {}
    for message in planned(8000, 3, 1500):
        document = message.document
        if document is None:
            continue
        if message.schema == "DepositDocument":
            assert document.uid not in versions
            assert document.replaces is None or document.replaces in versions
            versions[document.uid] = document.author.organisation.id
        else:
            assert versions[document.uid] == message.sender.organisation.id
            assert message.fields["uniqueId"] == document.uid


def test_hidden_results_are_shown_a_week_later() -> None:
    hidden = {
        m.document.uid: m.sent
        for m in planned(8000, 3, 1500)
        if m.document and m.schema == "DepositDocument" and m.document.flags.get("invisiblePatient")
    }
    shown = [
        (m.sent - hidden[m.document.uid]) / 86400
        for m in planned(8000, 3, 1500)
        if m.document and m.fields.get("invisiblePatient") is False and m.document.uid in hidden
    ]
    assert len(shown) > 20
    assert sorted(shown)[len(shown) // 2] == pytest.approx(7, abs=0.5)


def test_a_few_patients_have_many_documents() -> None:
    counts = Counter(d.patient.matricule for d in documents_of(planned(8000, 3, 1500)))
    ordered = sorted(counts.values(), reverse=True)
    assert sum(ordered[: len(ordered) // 10]) > sum(ordered) * 0.3
    assert ordered[len(ordered) // 2] < ordered[0] / 10


def test_identities_are_well_formed_test_ones_and_all_different() -> None:
    population = Population(9, 20_000)
    patients = [population[n] for n in range(20_000)] + [population.spare(n) for n in range(2000)]
    assert len({p.matricule for p in patients}) == len(patients)
    assert all(key_is_valid(p.matricule) and p.oid == INS_NIR_TEST for p in patients)
    assert all(int(p.matricule[10:13]) >= 990 for p in patients)
    places = {p.birth_place[:2] for p in patients}
    assert {"2A", "2B", "97", "99", "75"} <= places
    assert {p.sex for p in patients} == {"M", "F"}
    with pytest.raises(ValueError, match="patients can be simulated"):
        Population(9, 10_000_000)


def test_documents_under_a_new_ins_come_after_the_link() -> None:
    linked = {m.patient.matricule: m.sent for m in planned(8000, 3, 1500) if m.schema == "LinkIns"}
    assert linked
    for message in planned(8000, 3, 1500):
        if message.schema == "DepositDocument" and message.patient.matricule in linked:
            assert message.sent >= linked[message.patient.matricule]


@given(st.text("0123456789", min_size=1, max_size=14))
def test_luhn_keys(digits: str) -> None:
    whole = [int(d) for d in reversed(digits + luhn_key(digits))]
    doubled = [sum(divmod(2 * d, 10)) for d in whole[1::2]]
    assert (sum(whole[::2]) + sum(doubled)) % 10 == 0


@pytest.mark.parametrize(
    ("postcode", "at", "expected"),
    [
        ("75011", moment(2024, 1, 4, 15), "20240104160000+0100"),
        ("75011", moment(2024, 3, 31, 0), "20240331010000+0100"),
        ("75011", moment(2024, 3, 31, 1), "20240331030000+0200"),
        ("75011", moment(2024, 10, 27, 0), "20241027020000+0200"),
        ("75011", moment(2024, 10, 27, 1), "20241027020000+0100"),
        ("97400", moment(2024, 7, 1, 22), "20240702020000+0400"),
        ("97110", moment(2024, 7, 1, 2), "20240630220000-0400"),
    ],
)
def test_literals_show_the_clock_of_the_place(postcode: str, at: int, expected: str) -> None:
    assert literal(at, zone_of(postcode)) == expected


def test_same_gp_most_of_the_time() -> None:
    notes = [d for d in documents_of(planned(8000, 3, 1500)) if d.kind.function == "PCP"]
    by_patient = groupby(sorted(notes, key=lambda d: d.patient.number), lambda d: d.patient.number)
    shares = []
    for _, group in by_patient:
        authors = Counter(d.author.id for d in group)
        if sum(authors.values()) >= 5:
            shares.append(max(authors.values()) / sum(authors.values()))
    assert sum(shares) / len(shares) > 0.6


def test_every_sector_table_is_read_and_a_new_one_needs_no_code() -> None:
    assert {"lab", "hospital", "gp"} <= set(sector_names())
    table = load("gp")
    row = next(row for row in table["kinds"] if row["name"] == "certificate")
    pharmacy = {
        **table,
        "sector": "pharmacy",
        "facilityType": "SA33",
        "kinds": [{**row, "name": "interview", "typeCode": "78601-2"}],
    }
    sector = parse_sector(pharmacy, read_scenarios())
    messages = list(Plan(Run(1, (sector,), 10, 20)))
    assert {d.kind.type_code for d in documents_of(tuple(messages))} == {"78601-2"}
    assert Practice(1, sector).organisations[0].facility_type == "SA33"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"typeCode": "0-0"}, "typeCode"),
        ({"body": "video"}, "body"),
        ({"scenarios": {"vanished": 1}}, "scenarios"),
        ({"specialties": ["G99"]}, "specialties"),
        ({"templates": [["1.2.3", None]]}, "templates"),
        ({"acts": []}, "acts"),
        ({"mimeType": "application/dicom"}, "mimeType"),
        ({"formatCode": "urn:unknown"}, "formatCode"),
        ({"body": "kos", "mimeType": "application/dicom"}, "study"),
    ],
)
def test_a_wrong_table_says_where(change: dict[str, object], words: str) -> None:
    table = load("gp")
    row = next(row for row in table["kinds"] if row["name"] == "certificate")
    with pytest.raises(TableError, match=f"gp.json, certificate: .*{words}"):
        parse_sector({**table, "kinds": [{**row, **change}]}, read_scenarios())


def test_an_unknown_sector_is_named() -> None:
    with pytest.raises(TableError, match="no sector 'bank'"):
        read_sector("bank")


def test_encoding_with_repeated_parts_is_that_of_the_codec() -> None:
    maker = MessageMaker(3, content=False)
    for message in planned(8000, 3, 1500):
        datum = maker.datum(message)
        assert encode_repeating(message.schema, datum) == encode(message.schema, datum)
