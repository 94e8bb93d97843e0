"""A group that says it is kept has no broken rule: the shorter way never lets one pass."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from schemas.rules.of_messages import SOFT_GROUPS_OF, SOFT_RULES_OF

digits = st.sampled_from(["1979", "197903", "19790328", "20240229", "20240301", "20991231", "2024"])
clocks = st.sampled_from(["", "07", "0735", "073512"])
offsets = st.sampled_from(["", "+0100", "-0400", "+100", "Z"])
odd_literals = st.builds(lambda day, clock, offset: day + clock + offset, digits, clocks, offsets)
usual = "20240301073512+0100"
literals = st.sampled_from([usual, usual, usual, "20240301083512+0100"]) | odd_literals
persons = st.sampled_from(
    [
        "1.2.250.1.71.4.2.1^801234567897",
        "1.2.250.1.71.4.2.1^81234567890",
        "1.2.250.1.71.4.2.1^3750100125/1453",
        "1.2.250.1.71.4.2.1^X",
        "1.2.250.1.213.1.4.10^279035121518989",
        "2.999^1",
    ]
)
organisations = st.sampled_from(
    [
        "1.2.250.1.71.4.2.2^1750100125",
        "1.2.250.1.71.4.2.2^1330781360",
        "1.2.250.1.71.4.2.2^801234567897",
        "1.2.250.1.71.4.2.2^3518003502400041",
        "2.999^1",
    ]
)
authors = st.fixed_dictionaries(
    {
        "id": persons,
        "name": st.none(),
        "functionCode": st.sampled_from([None, "PCP", "nobody"]),
        "specialtyCode": st.sampled_from([None, "G15_10/SM54", "EXP_PATIENT", "nothing"]),
        "organisationId": st.none() | organisations,
        "organisationName": st.none(),
        "isDevice": st.booleans(),
    }
)
codes: dict[str, list[Any]] = {
    "uniqueId": ["1.2.250.1.999.1", "1.2.250.1.999.1^42", "urn:oid:1.2.3"],
    "typeCode": ["11502-2", "ATTEST-VITALE", "DOCPAT04", "E1762"],
    "formatCode": ["urn:ihe:lab:xd-lab:2008", "urn:asip:ci-sis:sap:2012"],
    "languageCode": ["fr-FR", "en-US", "art"],
    "sourcePatientId": ["1.2.3^4", "", None],
    "healthcareFacilityTypeCode": ["SA25", "SA11", "EXP_PATIENT"],
    "practiceSettingCode": ["AMBULATOIRE", "EXP_PATIENT"],
    "confidentialityCode": ["N", "R"],
}
events = st.sampled_from(
    [
        {"code": "18725-2", "system": "2.16.840.1.113883.6.1"},
        {"code": "HBQK002", "system": "1.2.250.1.213.2.5"},
        {"code": "XYZ", "system": "1.2.250.1.213.2.5"},
        {"code": "1", "system": "1.2.3"},
    ]
)


def usually(values: list[Any]) -> st.SearchStrategy[Any]:
    """The first of these values most of the time: else no document would be right in all."""
    return st.just(values[0]) | st.just(values[0]) | st.sampled_from(values)


documents = st.fixed_dictionaries(
    {
        **{field: usually(values) for field, values in codes.items()},
        "eventCodeList": st.just([]) | st.lists(events, max_size=2),
        "creationTime": literals,
        "serviceStartTime": literals,
        "serviceStopTime": st.none() | literals,
        "legalAuthenticationTime": st.none() | literals,
        "sourcePatientInfo": st.none()
        | st.fixed_dictionaries({"birthDate": st.sampled_from(["1979", "19790328"]) | literals}),
        "authors": st.lists(authors, min_size=1, max_size=2),
        "legalAuthenticatorId": persons,
        "custodianId": st.none() | organisations,
    }
)
provenances = st.fixed_dictionaries(
    {
        "actor": st.fixed_dictionaries(
            {"id": persons, "organisationId": st.none() | organisations}
        ),
        "occurredAt": st.sampled_from([0, 1_709_300_000_000, 2**42]),
    }
)


@given(st.fixed_dictionaries({"document": documents, "provenance": provenances}))
def test_a_group_that_is_kept_has_no_broken_rule(datum: dict[str, Any]) -> None:
    for group in SOFT_GROUPS_OF["DepositDocument"]:
        if group.all_kept(datum):
            event(f"{group.all_kept.__name__} is kept")
            assert [rule(datum) for rule in group.rules] == [None] * len(group.rules)


def test_every_soft_rule_is_in_one_group() -> None:
    for name, rules in SOFT_RULES_OF.items():
        assert len(set(rules)) == len(rules)
        assert rules == tuple(rule for group in SOFT_GROUPS_OF[name] for rule in group.rules)
