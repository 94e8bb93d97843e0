"""Rules on who speaks and who wrote: each says its own code at its own field, and only then."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.forms.health_identifiers import ORGANISATION_ROOT, PATIENT_SPACE_ROOT, PERSON_ROOT
from schemas.rules.of_messages import SOFT_RULES_OF
from schemas.rules.table.rejections import REJECTIONS, Rejection

PERSON = f"{PERSON_ROOT}^801234567897"
SYSTEM = f"{PERSON_ROOT}^518003502400041/1.2.250.1.215.1.2"
ORGANISATION = f"{ORGANISATION_ROOT}^1750803447"
PATIENT = "1.2.250.1.213.1.4.10^279035121518989"
OTHER_PATIENT = "1.2.250.1.213.1.4.10^124018852493334"
AUT = {code for code, rule in REJECTIONS.items() if rule.rule_id.startswith("AUT-")}


def author(**changes: Any) -> dict[str, Any]:
    return {
        "id": PERSON,
        "name": "DURANT Romuald",
        "functionCode": "PCP",
        "specialtyCode": "G15_10/SM26",
        "organisationId": ORGANISATION,
        "organisationName": "Cabinet",
        "isDevice": False,
        **changes,
    }


PATIENT_AUTHOR = author(
    id=PATIENT, functionCode=None, specialtyCode="EXP_PATIENT", organisationId=None
)
DEVICE = author(id=SYSTEM, functionCode=None, specialtyCode="DISPOSITIF", isDevice=True)


def message(**document: Any) -> dict[str, Any]:
    """What the rules on speakers look at in a deposit."""
    return {
        "provenance": {"actor": {"id": PERSON, "organisationId": ORGANISATION}},
        "ins": {"oid": "1.2.250.1.213.1.4.10", "matricule": "279035121518989"},
        "document": {
            "authors": [author()],
            "legalAuthenticatorId": PERSON,
            "custodianId": ORGANISATION,
            **document,
        },
    }


def broken(datum: dict[str, Any], name: str = "DepositDocument") -> list[tuple[str, str | None]]:
    """What the rules of authors and organisations find, in the order of the rules."""
    rules = [rule for rule in SOFT_RULES_OF[name] if rule.__module__.endswith(".speaker_forms")]
    found = (rule(datum) for rule in rules)
    return [(r.code, r.path) for r in found if isinstance(r, Rejection)]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"authors": [author(functionCode=None, specialtyCode=None, organisationId=None)]},
        {"authors": [DEVICE, author(), PATIENT_AUTHOR]},
        {"authors": [PATIENT_AUTHOR], "custodianId": PATIENT_SPACE_ROOT},
        {"custodianId": None},
        # Who answers for it: the patient, exceptionally a system (SPEC b.4).
        {"legalAuthenticatorId": PATIENT},
        {"legalAuthenticatorId": SYSTEM},
        # The legal entity, so that a masked document keeps a reader (SPEC b.4).
        {"authors": [author(), author(id=ORGANISATION, name="Centre hospitalier")]},
        {"authors": [author(id="1.2.250.1.999.1^12", isDevice=True)]},
    ],
)
def test_what_is_right_is_silent(document: dict[str, Any]) -> None:
    assert broken(message(**document)) == []


def ids(root: str, value: str) -> str:
    return f"{root}^{value}"


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"authors": [author(id=ids(PERSON_ROOT, "80123456789"))]}, "person_id_malformed", "id"),
    ({"authors": [author(id=ids(PERSON_ROOT, "901234567897"))]}, "person_id_unknown_form", "id"),
    ({"authors": [author(id=ids(PERSON_ROOT, "801234534765"))]}, "rpps_key_wrong", "id"),
    ({"authors": [author(organisationId=ids(ORGANISATION_ROOT, "101235555"))]},
     "organisation_id_malformed", "organisationId"),
    ({"authors": [author(organisationId="1.2.250.1.213.6.3.2^12")]},
     "organisation_id_unknown_form", "organisationId"),
    ({"authors": [author(organisationId=ids(ORGANISATION_ROOT, "1120456789"))]},
     "organisation_key_wrong", "organisationId"),
    ({"authors": [author(organisationId=ids(ORGANISATION_ROOT, "801234567897"))]},
     "organisation_is_person", "organisationId"),
    ({"authors": [author(organisationId=PERSON)]}, "organisation_is_person", "organisationId"),
    ({"authors": [author(organisationId=PATIENT_SPACE_ROOT)]},
     "organisation_id_unknown_form", "organisationId"),
    ({"authors": [author(functionCode="AUTEUR")]}, "role_unknown", "functionCode"),
    ({"authors": [author(specialtyCode="BIOLOGISTE")]}, "specialty_unknown", "specialtyCode"),
    ({"authors": [author(isDevice=True)]}, "device_is_person", "id"),
    ({"authors": [{**PATIENT_AUTHOR, "organisationId": ORGANISATION}]},
     "patient_author_wrong", "organisationId"),
    ({"authors": [{**PATIENT_AUTHOR, "specialtyCode": "G15_10"}]},
     "patient_author_wrong", "specialtyCode"),
    ({"authors": [{**PATIENT_AUTHOR, "specialtyCode": None}]},
     "patient_author_wrong", "specialtyCode"),
    ({"authors": [{**PATIENT_AUTHOR, "id": OTHER_PATIENT}]}, "author_is_other_patient", "id"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "code", "field"), CASES)
def test_each_fault_of_an_author_has_its_code_and_field(
    document: dict[str, Any], code: str, field: str
) -> None:
    expected = [(code, f"document.authors.{field}")]
    assert broken(message(**document)) == expected
    # Also beside authors that are right, and asked again.
    several = {"authors": [author(), *document["authors"], DEVICE]}
    assert broken(message(**several)) == expected
    assert broken(message(**several)) == expected
    assert REJECTIONS[code].changeable


def test_signer_custodian_and_actor_are_held_to_the_same_forms() -> None:
    malformed, short = ids(PERSON_ROOT, "8012"), ids(ORGANISATION_ROOT, "2123")
    datum = message(legalAuthenticatorId=malformed, custodianId=short)
    assert broken(datum) == [
        ("person_id_malformed", "document.legalAuthenticatorId"),
        ("organisation_id_malformed", "document.custodianId"),
    ]
    actor = {"id": malformed, "organisationId": short}
    expected = [
        ("person_id_malformed", "provenance.actor.id"),
        ("organisation_id_malformed", "provenance.actor.organisationId"),
    ]
    assert broken({**message(), "provenance": {"actor": actor}}) == expected
    assert broken({"provenance": {"actor": actor}}, "OpposeFeeding") == expected


def test_several_faults_are_all_told() -> None:
    datum = message(
        authors=[author(id=ids(PERSON_ROOT, "801234534765"), functionCode="AUTEUR")],
        custodianId=ids(ORGANISATION_ROOT, "1120456789"),
    )
    codes = {code for code, _ in broken(datum)}
    assert codes == {"rpps_key_wrong", "role_unknown", "organisation_key_wrong"}


def test_severities_are_those_of_the_notes() -> None:
    """Forms strictly, everything else a warning (SPEC b.1, TRAP 23); each may be changed."""
    refusing = {code for code in AUT if REJECTIONS[code].severity == "reject"}
    assert refusing == {"person_id_malformed", "organisation_id_malformed"}
    assert all(REJECTIONS[code].changeable for code in AUT)


identifiers = st.one_of(
    st.sampled_from([PERSON, SYSTEM, ORGANISATION, PATIENT, OTHER_PATIENT]),
    st.builds(
        "{}^{}".format,
        st.sampled_from([PERSON_ROOT, ORGANISATION_ROOT, "1.2.3", "1.2.250.1.213.1.4.10"]),
        st.text("0123458AB/x", min_size=1, max_size=15),
    ),
)
authors = st.builds(
    author,
    id=identifiers,
    organisationId=st.none() | identifiers,
    functionCode=st.sampled_from([None, "PCP", "AUTEUR"]),
    specialtyCode=st.sampled_from([None, "EXP_PATIENT", "G15_10", "X"]),
    isDevice=st.booleans(),
)


@given(st.lists(authors, min_size=1, max_size=3), identifiers, st.none() | identifiers)
def test_what_is_remembered_never_changes_an_answer(
    written: list[dict[str, Any]], signer: str, custodian: str | None
) -> None:
    datum = message(authors=written, legalAuthenticatorId=signer, custodianId=custodian)
    first = broken(datum)
    assert {code for code, _ in first} <= AUT
    assert broken(message()) == []
    assert broken(datum) == first
    assert broken(copy.deepcopy(datum)) == first
