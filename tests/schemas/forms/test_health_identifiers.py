"""National identifiers: every form there is passes, every other one is told as what it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.forms.health_identifiers import (
    ORGANISATION_ROOT,
    PERSON_ROOT,
    SIREN_ROOT,
    luhn_is_valid,
    organisation_id_flaw,
    organisation_identifier_flaw,
    person_id_flaw,
    person_identifier_flaw,
    siret_key_is_valid,
)

DIGITS = "0123456789"


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


def keyed(body: str) -> str:
    """The body with the one digit that makes it pass Luhn, found by trying."""
    return next(body + key for key in DIGITS if luhn_is_valid(body + key))


RPPS = digits(10).map(keyed)
FINESS = digits(8).map(keyed)
CORSICAN_FINESS = st.builds("2{}{}".format, st.sampled_from("AB"), digits(7))
SIREN = digits(8).map(keyed)
SIRET = digits(13).map(keyed)
ADELI = st.text(DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=9, max_size=9)
INTERNAL = st.text(DIGITS + "ABCabc./-", min_size=1, max_size=20)
PLACES = st.text(DIGITS + "AB", min_size=1, max_size=14)
PERSONS = st.one_of(
    RPPS.map("8{}".format),
    ADELI.map("0{}".format),
    st.builds("3{}/{}".format, FINESS | CORSICAN_FINESS, INTERNAL),
    st.builds("4{}/{}".format, SIREN, INTERNAL),
    st.builds("5{}/{}".format, SIRET, INTERNAL),
    st.builds("{}{}/{}".format, st.sampled_from("16"), PLACES, INTERNAL),
)
ORGANISATIONS = st.one_of(
    (FINESS | CORSICAN_FINESS).map("1{}".format),
    SIREN.map("2{}".format),
    SIRET.map("3{}".format),
    st.builds("{}{}".format, st.sampled_from("04"), INTERNAL),
)


@given(PERSONS)
def test_every_kind_of_person_is_right(value: str) -> None:
    assert person_id_flaw(value) is None
    assert person_identifier_flaw(f"{PERSON_ROOT}^{value}") is None


@given(ORGANISATIONS)
def test_every_kind_of_organisation_is_right(value: str) -> None:
    assert organisation_id_flaw(value) is None
    assert organisation_identifier_flaw(f"{ORGANISATION_ROOT}^{value}") is None
    # The legal entity may stand as an author (SPEC b.4).
    assert person_identifier_flaw(f"{ORGANISATION_ROOT}^{value}") is None


@given(st.text(DIGITS, min_size=1, max_size=14), st.integers(0, 13), st.integers(1, 9))
def test_luhn_finds_every_single_wrong_digit(body: str, place: int, shift: int) -> None:
    number = keyed(body)
    at = place % len(number)
    wrong = number[:at] + str((int(number[at]) + shift) % 10) + number[at + 1 :]
    assert not luhn_is_valid(wrong)


@given(RPPS, st.integers(1, 9))
def test_a_wrong_key_is_told_apart_from_a_wrong_form(rpps: str, shift: int) -> None:
    wrong = f"8{rpps[:-1]}{(int(rpps[-1]) + shift) % 10}"
    assert person_id_flaw(wrong) == "rpps_key_wrong"
    assert person_id_flaw(wrong[:-1]) == "person_id_malformed"
    assert person_id_flaw(wrong + "0") == "person_id_malformed"


@given(st.sampled_from([("1", FINESS), ("2", SIREN), ("3", SIRET)]), st.data(), st.integers(1, 9))
def test_organisations_of_another_length_or_key(
    kind: tuple[str, st.SearchStrategy[str]], data: st.DataObject, shift: int
) -> None:
    prefix, numbers = kind
    number = data.draw(numbers)
    wrong = f"{number[:-1]}{(int(number[-1]) + shift) % 10}"
    if not siret_key_is_valid(wrong):
        assert organisation_id_flaw(prefix + wrong) == "organisation_key_wrong"
    assert organisation_id_flaw(prefix + number[:-1]) == "organisation_id_malformed"
    assert organisation_id_flaw(prefix + number + "0") == "organisation_id_malformed"


@given(RPPS)
def test_a_person_is_no_organisation(rpps: str) -> None:
    assert organisation_id_flaw("8" + rpps) == "organisation_is_person"
    assert organisation_identifier_flaw(f"{PERSON_ROOT}^8{rpps}") == "organisation_is_person"


@given(st.text(max_size=30))
def test_any_text_is_judged_and_never_more_kindly_than_the_pattern_of_the_spec(text: str) -> None:
    """SPEC b.1: what its pattern takes is never malformed, what it does not take is never right."""
    taken = re.fullmatch(r"0[0-9A-Z]{9}|8[0-9]{11}|[13456][0-9A-Z]+/.+", text) is not None
    fault = person_id_flaw(text)
    if not taken:
        assert fault in ("person_id_malformed", "person_id_unknown_form")
    organisation_id_flaw(text)


@given(st.from_regex(r"(0[0-9A-Z]{9}|8[0-9]{11}|[13456][0-9A-Z]+/.+)", fullmatch=True))
def test_what_the_pattern_of_the_spec_takes_is_never_malformed(text: str) -> None:
    assert person_id_flaw(text) in (None, "rpps_key_wrong", "person_id_unknown_form")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("801234567897", None),
        ("0750123456", None),
        ("3750100125/1453", None),
        ("4123456789/88", None),
        ("518003502400041/1.2.250.1.215.1.2", None),
        ("801234534765", "rpps_key_wrong"),
        ("80123456789", "person_id_malformed"),
        ("8 01234567897", "person_id_malformed"),
        ("8٠1234567897", "person_id_malformed"),
        ("075012345", "person_id_malformed"),
        ("3750100125", "person_id_malformed"),
        ("3750100125/", "person_id_malformed"),
        ("375010012/1453", "person_id_unknown_form"),
        ("775010012/1453", "person_id_unknown_form"),
        ("", "person_id_unknown_form"),
    ],
)
def test_persons_of_the_spec_and_of_the_samples(value: str, fault: str | None) -> None:
    assert person_id_flaw(value) == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("1750803447", None),
        ("12A0000014", None),
        ("318003502400041", None),
        ("1120456789", "organisation_key_wrong"),
        ("2801234567", "organisation_key_wrong"),
        ("101235555", "organisation_id_malformed"),
        ("1801234567897", "organisation_id_malformed"),
        ("801234567897", "organisation_is_person"),
        ("99700AB", "organisation_id_unknown_form"),
        ("", "organisation_id_unknown_form"),
    ],
)
def test_organisations_of_the_spec_and_of_the_samples(value: str, fault: str | None) -> None:
    assert organisation_id_flaw(value) == fault


def test_establishments_of_la_poste_are_the_exception() -> None:
    assert organisation_id_flaw("335600000000011") == "organisation_key_wrong"
    assert not luhn_is_valid("35600000049837")
    assert organisation_id_flaw("335600000049837") is None
    # Nobody else has it.
    assert organisation_id_flaw("335600000149836") == "organisation_key_wrong"


def test_an_endless_identifier_is_malformed_and_not_remembered() -> None:
    assert person_id_flaw("5" + "1" * 14 + "/" + "x" * 1_000_000) == "person_id_malformed"
    assert organisation_id_flaw("0" + "x" * 1_000_000) == "organisation_id_malformed"


def test_other_roots() -> None:
    assert person_identifier_flaw("1.2.250.1.999.1^12") is None
    assert organisation_identifier_flaw(f"{SIREN_ROOT}^356000000") is None
    assert organisation_identifier_flaw(f"{SIREN_ROOT}^356000001") == "organisation_key_wrong"
    unknown = ("1.2.250.1.213.6.3.2^12", f"{SIREN_ROOT}^3560000001", ORGANISATION_ROOT)
    for identifier in unknown:
        assert organisation_identifier_flaw(identifier) == "organisation_id_unknown_form"
