"""An installation says how strict the rules are whose strictness is left open, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rules.table.rejections import REJECTIONS, Rejection
from schemas.rules.table.severities import (
    AS_THE_TABLE_SAYS,
    EFFECTS,
    Effect,
    SeverityError,
    find_rule,
    parse_severities,
)

CHANGEABLE = sorted(rule.code for rule in REJECTIONS.values() if rule.changeable)
FIXED = sorted(rule.code for rule in REJECTIONS.values() if not rule.changeable)
choices = st.dictionaries(st.sampled_from(CHANGEABLE), st.sampled_from(EFFECTS))


@given(choices, st.booleans(), st.booleans())
def test_what_is_asked_for_holds_and_all_else_is_as_the_table_says(
    asked: dict[str, Effect], by_id: bool, spaced: bool
) -> None:
    comma = " , " if spaced else ","
    names = {code: REJECTIONS[code].rule_id if by_id else code for code in asked}
    found = parse_severities(comma.join(f"{names[code]}={asked[code]}" for code in asked))
    assert found.changed == asked
    for code, rule in REJECTIONS.items():
        assert found.of(code) == asked.get(code, rule.severity)


def test_no_text_changes_nothing() -> None:
    assert parse_severities(" ").changed == {}
    assert all(AS_THE_TABLE_SAYS.of(code) == rule.severity for code, rule in REJECTIONS.items())


@pytest.mark.parametrize("code", FIXED)
def test_a_rule_the_texts_fix_stays(code: str) -> None:
    for effect in EFFECTS:
        with pytest.raises(SeverityError, match=f"{REJECTIONS[code].rule_id}.* is fixed"):
            parse_severities(f"{code}={effect}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{CHANGEABLE[0]}=perhaps", "=reject"),
        (CHANGEABLE[0], "=reject"),
        (f"{CHANGEABLE[0]}=warn,{CHANGEABLE[0]}=off", "named twice"),
        (f"{CHANGEABLE[0]}=warn,{CHANGEABLE[1][:-1]}=off", f"item 2 .*{CHANGEABLE[1]}"),
        ("=warn", "item 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(SeverityError, match=sentence):
        parse_severities(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(SeverityError) as caught:
        parse_severities(f"s3cret{text}=warn")
    assert "s3cret" not in str(caught.value)


def test_a_rule_is_found_by_id_or_code_in_either_case() -> None:
    for rule in REJECTIONS.values():
        for name in (rule.rule_id, rule.rule_id.lower(), rule.code, rule.code.upper()):
            assert find_rule(name) is rule


def test_a_broken_rule_refuses_warns_or_is_nothing() -> None:
    code = CHANGEABLE[0]
    broken, warnings = Rejection(code, "a.b"), list[Rejection]()
    assert parse_severities(f"{code}=off").apply(broken, warnings) is None
    assert warnings == []
    assert parse_severities(f"{code}=warn").apply(broken, warnings) is None
    assert warnings == [broken]
    assert parse_severities(f"{code}=reject").apply(broken, warnings) is broken
    assert warnings == [broken]
