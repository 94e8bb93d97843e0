"""Who the simulator makes up: well-formed, under the test OID only, and right by every rule."""

from __future__ import annotations

import re

import pytest

from producers.simulator.faults.rates import parse_faults
from producers.simulator.plan.plan import Run
from producers.simulator.population.population import Population
from producers.simulator.run.run_messages import messages_of
from schemas.codec.messages import Decoded, decode
from schemas.forms.identity import INS_NIR_TEST, is_well_formed, key_is_valid
from schemas.rules.identity import traits_right
from schemas.rules.of_messages import SOFT_RULES_OF
from tests.producers.samples_of_plan import planned, planned_by_others, run_of, run_of_others

INS_OID = re.compile(rb"1\.2\.250\.1\.213\.1\.4\.(\d+)(?![\d.])")


@pytest.mark.parametrize("turn", range(3))
def test_persons_are_well_formed_and_of_nobody(seed: int, turn: int) -> None:
    """SPEC a.6: the test OID only, and ranks that are unlikely to be anyone's."""
    population = Population(seed + turn, 3000)
    everybody = [population[n] for n in range(3000)] + [population.spare(n) for n in range(3000)]
    assert len({person.matricule for person in everybody}) == len(everybody)
    for person in everybody:
        assert person.oid == person.ins["oid"] == INS_NIR_TEST
        assert key_is_valid(person.matricule)
        assert person.matricule[10:12] == "99"
        assert traits_right(person.traits, "") is None


def test_births_in_corsica_overseas_and_abroad_are_among_them() -> None:
    places = {Population(7, 5000)[n].birth_place[:3] for n in range(5000)}
    assert {place[:2] for place in places} >= {"2A", "2B", "99"}
    assert any(place.startswith("97") for place in places)


@pytest.mark.parametrize("run", [run_of(400), run_of_others(400)], ids=["large", "others"])
def test_no_byte_of_a_simulation_names_another_register(run: Run) -> None:
    """Key, headers and value with its CDA: no real or retired OID of an INS, faults included."""
    met = set[bytes]()
    for message in messages_of(run, parse_faults("0.2"), content=True):
        record = message.record
        given = [record.key, record.value or b"", *(value or b"" for _, value in record.headers)]
        met.update(number for part in given for number in INS_OID.findall(part))
    assert met == {b"10"}


@pytest.mark.parametrize("run", [run_of(1500), run_of_others(1500)], ids=["large", "others"])
def test_who_speaks_and_writes_breaks_no_rule_even_as_a_warning(run: Run) -> None:
    looked_at = 0
    for message in messages_of(run, parse_faults("0"), content=False):
        decoded = decode(message.record.value)
        assert isinstance(decoded, Decoded)
        for rule in SOFT_RULES_OF[decoded.name]:
            if rule.__module__.endswith(".speaker_forms"):
                assert rule(decoded.datum) is None, rule.__name__
                looked_at += 1
    assert looked_at > 7 * 1500


def test_an_ins_in_a_message_is_that_of_a_person_made_up() -> None:
    for plan in (planned(500), planned_by_others(500)):
        for message in plan:
            assert is_well_formed(message.patient.matricule)
            other = message.fields.get("otherMatricule")
            assert other is None or key_is_valid(other)
            assert message.fields.get("otherOid") in (None, INS_NIR_TEST)
