"""The effect of a broken rule in one installation: rejection, warning, or none.

The table has the effect of each rule (`valuesets/rejections.tsv`). An installation may change it
for rules whose strictness the French texts leave open (`changeable`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final, Literal, get_args

from .rejections import REJECTIONS, Rejection, RejectionRule

Effect = Literal["reject", "warn", "off"]
"""`off`: the rule is not looked at, and the outcome does not name it."""

EFFECTS: Final = get_args(Effect)
_BY_ID: Final[Mapping[str, RejectionRule]] = {
    rule.rule_id.upper(): rule for rule in REJECTIONS.values()
}


class SeverityError(ValueError):
    """A text names no valid severities. The sentence names the part that is wrong."""


def find_rule(name: str) -> RejectionRule | None:
    """The rule with this id or code, in either case; None when there is none."""
    return REJECTIONS.get(name.lower()) or _BY_ID.get(name.upper())


def nearest_rule(name: str) -> str:
    """The rule id or code most like this text, for somebody who mistyped it; "" without one."""
    known = [*_BY_ID, *REJECTIONS]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or difflib.get_close_matches(
        name.upper(), known, n=1, cutoff=0.5
    )
    return near[0] if near else ""


class Severities:
    """The severity of every rule in one installation. Immutable."""

    def __init__(self, changed: Mapping[str, Effect] | None = None) -> None:
        """`changed`: the effects that differ from the table, by code."""
        self._effects: Mapping[str, Effect] = {
            **{code: rule.severity for code, rule in REJECTIONS.items()},
            **(changed or {}),
        }
        self.changed: Mapping[str, Effect] = dict(changed or {})

    def of(self, code: str) -> Effect:
        """The effect of breaking the rule with this code."""
        return self._effects[code]

    def apply(self, broken: Rejection, warnings: list[Rejection]) -> Rejection | None:
        """Returns `broken` when its rule rejects; adds it to `warnings` when its rule warns."""
        effect = self._effects[broken.code]
        if effect == "reject":
            return broken
        if effect == "warn":
            warnings.append(broken)
        return None


AS_THE_TABLE_SAYS: Final = Severities()
"""No severity is changed."""


def parse_severities(text: str) -> Severities:
    """The severities of a text like `AUT-03=reject,MET-02=warn`, with rule ids or codes.

    Raises SeverityError for an unknown rule or value, a rule named twice, and a rule whose severity
    may not be changed, even to the same. The sentence repeats only words of the table.
    """
    changed: dict[str, Effect] = {}
    for number, part in enumerate(text.split(","), start=1):
        if not part.strip():
            continue
        name, _, value = (piece.strip() for piece in part.partition("="))
        rule, effect = find_rule(name), _EFFECT_OF.get(value.lower())
        if rule is None:
            near = nearest_rule(name)
            hint = f"did you mean {near}?" if near else "`histoire rules` lists all"
            raise SeverityError(f"item {number} names no rule; {hint}")
        _check(rule, effect, rule.code in changed)
        changed[rule.code] = effect or rule.severity
    return Severities(changed)


def _check(rule: RejectionRule, effect: Effect | None, is_named: bool) -> None:
    if not rule.changeable:
        raise SeverityError(
            f"the severity of {rule.rule_id} ({rule.code}) is fixed: {rule.severity}"
        )
    if effect is None:
        raise SeverityError(f"write {rule.rule_id}=reject, {rule.rule_id}=warn or off")
    if is_named:
        raise SeverityError(f"{rule.rule_id} ({rule.code}) is named twice")


_EFFECT_OF: Final[Mapping[str, Effect]] = {effect: effect for effect in EFFECTS}
