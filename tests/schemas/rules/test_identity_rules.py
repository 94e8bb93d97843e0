"""Rules on the person: what is accepted where, and what is never compared with what."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.feed.messages import Ins
from schemas.forms.identity import (
    INS_NIA,
    INS_NIR,
    INS_NIR_DEMO,
    INS_NIR_TEST,
    RETIRED_INS_OIDS,
    Environment,
    accepted_oids,
)
from schemas.rules.identity import FEEDING, insi_has_answered, traits_right
from schemas.rules.of_messages import RULES_OF, ins_accepted, qualified
from schemas.rules.table.rejections import Rejection
from schemas.valuesets import IDENTIFIER_OIDS

DOMINIQUE = "279035121518989"
TRAITS: dict[str, Any] = {
    "birthName": "PAT-TROIS",
    "birthGivenName": "DOMINIQUE",
    "givenNames": "DOMINIQUE MARIE-LOUISE",
    "sex": "F",
    "birthDate": "19790328",
    "birthPlace": "51215",
    "usedName": None,
    "usedGivenName": None,
}
OIDS = sorted({INS_NIA, INS_NIR, INS_NIR_DEMO, INS_NIR_TEST} | RETIRED_INS_OIDS)


@pytest.mark.parametrize("environment", get_args(Environment))
@pytest.mark.parametrize("oid", OIDS)
def test_each_environment_takes_its_own_identities_and_refuses_the_others(
    environment: Environment, oid: str
) -> None:
    """SPEC a.2, TRAP 3: quarantined, never repaired; retired kinds nowhere."""
    found = ins_accepted(oid, DOMINIQUE, accepted_oids(environment), "ins.")
    if IDENTIFIER_OIDS[oid][1] == environment:
        assert found is None
    else:
        assert found == Rejection("ins_oid_not_accepted", "ins.oid")


@given(st.sampled_from(OIDS), st.text(max_size=20))
def test_what_is_no_matricule_is_told_whatever_its_oid(oid: str, text: str) -> None:
    found = ins_accepted(oid, text, accepted_oids("production"), "ins.")
    assert found is not None
    foreign = oid not in (INS_NIR, INS_NIA)
    assert (found.code == "ins_oid_not_accepted") is foreign


@pytest.mark.parametrize(
    "changed",
    [
        {"sex": "M"},
        {"sex": "UN"},
        {"birthDate": "19780915"},
        {"birthDate": "1979"},
        {"birthDate": "19791231"},
        {"birthPlace": "75056"},
        {"birthPlace": "2B033"},
        {"birthPlace": "99350"},
        {"birthPlace": None},
    ],
)
def test_traits_are_never_held_against_the_matricule(changed: dict[str, Any]) -> None:
    """SPEC a.1, TRAP 4: sex, month and commune of the number may differ from those of today."""
    traits = {**TRAITS, **changed}
    ins = {"oid": INS_NIR_TEST, "matricule": DOMINIQUE}
    datum = {"traits": traits, "ins": ins, "insiRequestedAt": None}
    assert RULES_OF["DeclareIdentity"](datum) is None


@pytest.mark.parametrize("place", ["", "7505", "750561", "2a004", "LYON", "7505A ", "2C004\n"])
def test_a_birthplace_is_five_characters_of_the_cog(place: str) -> None:
    traits: Any = {**TRAITS, "birthPlace": place}
    assert traits_right(traits, "t.") == Rejection("traits_malformed", "t.birthPlace")


@pytest.mark.parametrize("status", ["PROVISOIRE", "RECUPEREE", "VALIDEE", "QUALIFIEE"])
def test_only_a_qualified_identity_feeds_and_every_other_may_forbid_and_repair(
    status: Any,
) -> None:
    """SPEC a.4, rule 28; TRAP 6."""
    ins: Ins = {"oid": INS_NIR_TEST, "matricule": DOMINIQUE, "status": status}
    for name in RULES_OF:
        refused = qualified(name, ins)
        assert (refused is not None) is (status != "QUALIFIEE" and name in FEEDING)
    assert {"DepositDocument", "DeclareIdentity"} <= FEEDING
    assert not FEEDING & {"RevokeIdentity", "OpposeFeeding", "CloseRecord", "DeleteDocument"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [(None, None), (0, None), (1_000, None), (1_001, "insi_time_wrong"), (-1, "insi_time_wrong")],
)
def test_insi_answered_before_the_declaration(asked: int | None, code: str | None) -> None:
    """An answer of the future would be newer than all to come (SPEC a.4)."""
    datum: Any = {"insiRequestedAt": asked, "provenance": {"occurredAt": 1_000}, "traits": TRAITS}
    assert insi_has_answered(datum) == (code and Rejection(code, "insiRequestedAt"))
    assert RULES_OF["DeclareIdentity"](datum) == insi_has_answered(datum)
