"""Comparing strict traits: what is one identity, whatever the spelling, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.feed.messages import Traits
from schemas.forms.traits import (
    StrictTraits,
    comparable_name,
    completed,
    differing_trait,
    strict_traits,
)

DOMINIQUE = StrictTraits(
    "PAT-TROIS", "DOMINIQUE", "DOMINIQUE MARIE-LOUISE", "F", "19790328", "51215"
)
NAMES = ("birth_name", "birth_given_name", "given_names")
FIELD = {
    "birth_name": "birthName",
    "birth_given_name": "birthGivenName",
    "given_names": "givenNames",
    "sex": "sex",
    "birth_date": "birthDate",
    "birth_place": "birthPlace",
}
LETTERS = "ABCÇDEÉÈÊËFGHIÎÏJLMNÑOÔŒPRSTUÙÛÜVYŸZÆ"
WORDS = st.text(LETTERS, min_size=1, max_size=8)
PLAIN = str.maketrans("ÇÉÈÊËÎÏÑÔÙÛÜŸ", "CEEEEIINOUUUY", "") | {ord("Œ"): "OE", ord("Æ"): "AE"}
BETWEEN = st.sampled_from([" ", "-", "'", "’", "‐", "–", "  ", "\u00a0", " - "])


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str, str]:
    """One name written in two ways, and as INSi writes it."""
    words = draw(st.lists(WORDS, min_size=1, max_size=3))

    def written() -> str:
        shapes = {"A": str.upper, "a": str.lower, "Aa": str.title}
        parts = [shapes[draw(st.sampled_from(sorted(shapes)))](word) for word in words]
        if draw(st.booleans()):
            parts = [part.translate(PLAIN | {ord("œ"): "oe"}) for part in parts]
        out: str = parts[0]
        for part in parts[1:]:
            out += draw(BETWEEN) + part
        return out

    return written(), written(), " ".join(words).translate(PLAIN)


UNSEEN = st.sampled_from("\u200b\u200c\u200d\u00ad\u2060\ufeff\u200e\u202a\u061c\U000e0041")


@given(WORDS, WORDS, UNSEEN)
def test_characters_that_nobody_sees_do_not_make_another_name(
    one: str, other: str, unseen: str
) -> None:
    assert comparable_name(f"{unseen}{one}{unseen}{other}") == comparable_name(one + other)


@pytest.mark.parametrize("moment", ["06", "0600", "060000", "060000+0100", "235959-0500", " "])
def test_an_hour_or_a_zone_does_not_make_another_day_of_birth(moment: str) -> None:
    said = DOMINIQUE._replace(birth_date=f"19790328{moment}")
    assert differing_trait(DOMINIQUE, said) is None
    other = DOMINIQUE._replace(birth_date=f"19790329{moment}")
    assert differing_trait(DOMINIQUE, other) == "birthDate"


@pytest.mark.parametrize("literal", ["1979", "197903"])
def test_a_month_is_no_day(literal: str) -> None:
    assert differing_trait(DOMINIQUE, DOMINIQUE._replace(birth_date=literal)) == "birthDate"


@given(spellings())
def test_case_accents_hyphens_and_apostrophes_do_not_make_another_name(
    name: tuple[str, str, str],
) -> None:
    one, other, insi = name
    assert comparable_name(one) == comparable_name(other) == insi
    said, again = DOMINIQUE._replace(birth_name=one), DOMINIQUE._replace(birth_name=other)
    assert differing_trait(said, again) is None


@given(st.text(max_size=40))
def test_the_form_for_comparing_is_settled(name: str) -> None:
    once = comparable_name(name)
    assert comparable_name(once) == once
    assert once == once.strip()
    assert "  " not in once


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3))
def test_other_letters_make_another_name(one: list[str], other: list[str]) -> None:
    plain, others = " ".join(one).translate(PLAIN), " ".join(other).translate(PLAIN)
    said = DOMINIQUE._replace(birth_name="-".join(one).lower())
    differing = differing_trait(said, DOMINIQUE._replace(birth_name=" ".join(other)))
    assert (differing == "birthName") is (plain != others)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("D'ARTAGNAN", "d’Artagnan"),
        ("JEAN-PIERRE", "Jean Pierre"),
        ("LE GOFF", "Le-Goff"),
        ("LECOEUR", "Lecœur"),
        ("HAÏ", "HAI"),
        ("ÉLODIE", "E\u0301lodie"),
    ],
)
def test_known_spellings_of_one_name(one: str, other: str) -> None:
    assert comparable_name(one) == comparable_name(other)


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("birth_name", "PAT-QUATRE"),
        ("birth_given_name", "DOMINIC"),
        # The list of given names is one text: an order is a different list.
        ("given_names", "MARIE-LOUISE DOMINIQUE"),
        ("given_names", "DOMINIQUE"),
        ("sex", "M"),
        ("birth_date", "19790329"),
        # Literals: a year alone is not the same statement as a day (TRAP 8).
        ("birth_date", "1979"),
        ("birth_place", "51108"),
        ("birth_place", "2A004"),
    ],
)
def test_each_strict_trait_counts(changed: str, value: str) -> None:
    other = DOMINIQUE._replace(**{changed: value})
    assert differing_trait(DOMINIQUE, other) == FIELD[changed]
    assert differing_trait(other, DOMINIQUE) == FIELD[changed]


def test_names_run_together_are_another_name() -> None:
    together = DOMINIQUE._replace(birth_name="PATTROIS")
    assert differing_trait(DOMINIQUE, together) == "birthName"


def test_names_in_use_do_not_count() -> None:
    traits: Traits = {
        "birthName": "PAT-TROIS",
        "birthGivenName": "DOMINIQUE",
        "givenNames": "DOMINIQUE MARIE-LOUISE",
        "sex": "F",
        "birthDate": "19790328",
        "birthPlace": "51215",
        "usedName": "MARTIN",
        "usedGivenName": "MARIE",
    }
    assert strict_traits(traits) == DOMINIQUE


def test_a_birthplace_left_out_changes_nothing_and_cannot_be_changed_by_it() -> None:
    silent = DOMINIQUE._replace(birth_place=None)
    assert differing_trait(DOMINIQUE, silent) is None
    assert differing_trait(silent, DOMINIQUE) is None
    kept = completed(silent, DOMINIQUE)
    assert differing_trait(kept, DOMINIQUE._replace(birth_place="75056")) == "birthPlace"
    moved = DOMINIQUE._replace(birth_place="75056")
    assert completed(moved, DOMINIQUE) == moved
