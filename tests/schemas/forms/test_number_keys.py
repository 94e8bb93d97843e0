"""Keys of national numbers, compared with python-stdnum, which is not our code (decision 0043)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.fr import nir, siren, siret

from schemas.forms.health_identifiers import (
    luhn_is_valid,
    siren_is_well_formed,
    siret_is_well_formed,
    siret_key_is_valid,
)
from schemas.forms.identity import key_is_valid, matricule_key

DIGITS = "0123456789"
LA_POSTE = "356000000"


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


def keyed(body: str) -> str:
    return body + luhn.calc_check_digit(body)


FIRST13 = st.builds(
    "{}{}{:02}{}{}".format,
    st.sampled_from("123478"),
    digits(2),
    st.sampled_from([*range(1, 13), *range(20, 43), *range(50, 100)]),
    st.sampled_from(["2A", "2B", "01", "75", "97", "99"]),
    digits(6),
)


@given(st.text(DIGITS, max_size=20) | st.text(DIGITS, min_size=1, max_size=20).map(keyed))
def test_luhn(text: str) -> None:
    assert luhn_is_valid(text) is luhn.is_valid(text)


@pytest.mark.parametrize("text", ["", "٣", "²", "7 8949", "78a49"])
def test_luhn_of_other_texts(text: str) -> None:
    assert not luhn_is_valid(text)
    assert not luhn.is_valid(text)


@given(digits(9) | digits(8).map(keyed))
def test_siren(text: str) -> None:
    assert (siren_is_well_formed(text) and luhn_is_valid(text)) is siren.is_valid(text)


@given(st.tuples(digits(8).map(keyed), digits(4)).map("".join).map(keyed) | digits(14))
def test_siret_under_a_siren_with_the_right_key(text: str) -> None:
    """stdnum asks the key of the SIREN inside too, which SPEC b.2 does not."""
    ours = siret_is_well_formed(text) and siret_key_is_valid(text)
    assert siret.is_valid(text) is (ours and siren.is_valid(text[:9]))


@given(digits(5).map(LA_POSTE.__add__))
def test_siret_of_la_poste(text: str) -> None:
    """Both take a sum that five divides. Ours takes the Luhn key as well (SPEC b.2)."""
    assert siret_key_is_valid(text) is (siret.is_valid(text) or luhn.is_valid(text))


@given(FIRST13)
def test_key_of_a_matricule(first13: str) -> None:
    assert matricule_key(first13) == nir.calc_check_digits(first13)


@given(FIRST13, digits(2) | st.none())
def test_matricule(first13: str, key: str | None) -> None:
    matricule = first13 + (key or nir.calc_check_digits(first13))
    assert key_is_valid(matricule) is nir.is_valid(matricule)


@pytest.mark.parametrize("matricule", ["2 55 08 14 168 025 38", "255 081 416 802 538"])
def test_spaces_are_no_part_of_a_matricule(matricule: str) -> None:
    """stdnum takes them out. A matricule of the feed is compared as it came (SPEC a.1)."""
    assert nir.is_valid(matricule)
    assert not key_is_valid(matricule)
