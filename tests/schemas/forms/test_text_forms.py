"""One look at several texts passes nothing that a look at each would refuse."""

from __future__ import annotations

from hypothesis import event, example, given
from hypothesis import strategies as st

from schemas.forms.texts import NAME_LENGTH_MAX, optional_text_is_fit, texts_are_fit

_TEXTS = st.none() | st.sampled_from(["", " ", "  ", "\u00a0", "ANNE", "L'ÉTÉ d'A", " A", "A\n"])
texts = st.lists(_TEXTS | st.text(max_size=300), max_size=5)


@given(texts)
@example(["A", " ", "B"])
@example([" ", "A"])
@example(["A", "  "])
@example([None, "", "A"])
@example(["A" * NAME_LENGTH_MAX, "B"])
def test_what_one_look_passes_each_look_passes(given_texts: list[str | None]) -> None:
    if texts_are_fit(*given_texts):
        event("all fit")
        assert all(optional_text_is_fit(text, NAME_LENGTH_MAX) for text in given_texts)


def test_usual_names_are_passed_at_once() -> None:
    assert texts_are_fit("PAT-TROIS", "DOMINIQUE", "DOMINIQUE MARIE-LOUISE", None, "D'ÉON")
