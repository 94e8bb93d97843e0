"""Every rule that a message breaks; ingestion stops at the first.

The rules of ingestion are a chain that ends at the first broken rule. Here the chain runs again and
again: each time the wrong field gets a valid value, until no rule is broken. A second list of the
rules is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from schemas.rules.table.rejections import Rejection

FirstBroken = Callable[[Mapping[str, Any]], Rejection | None]
Steps = tuple[str, ...]
ValidValue = Callable[[Steps], Any]

_TURNS_MAX: Final = 200
_ITEMS_MAX: Final = 1000


@dataclass(slots=True)
class Broken:
    """The broken rules, in the order of the chain. `datum`: the message once repaired.

    `repaired`: paths of the fields that got a valid value. `complete`: every rule was checked.
    """

    datum: Mapping[str, Any]
    rejections: list[Rejection] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    complete: bool = True


def every_broken_rule(datum: Mapping[str, Any], first: FirstBroken, valid: ValidValue) -> Broken:
    """All rules of the chain `first` that this message breaks.

    `valid`: a valid value of a field, by its path. No object of a message is ever changed: rules
    may remember what they looked at.
    """
    broken = Broken(datum)
    for _ in range(_TURNS_MAX):
        rejection = first(broken.datum)
        if rejection is None:
            return broken
        if not _repair(broken, rejection, first, valid):
            break
    broken.complete = False
    return broken


def _repair(broken: Broken, rejection: Rejection, first: FirstBroken, valid: ValidValue) -> bool:
    """Note the broken rule and repair its field; False when the rule stays broken."""
    steps = tuple((rejection.path or "").split("."))
    length = _list_in(broken.datum, steps)
    if length is not None and _repair_items(broken, rejection, steps[:length], first, valid):
        return True
    broken.rejections.append(rejection)
    if rejection.path is None or not _has(broken.datum, steps):
        return False
    broken.repaired.append(rejection.path)
    steps = steps if length is None else steps[:length]
    broken.datum = _with(broken.datum, steps, valid(steps))
    if first(broken.datum) != rejection:
        return True
    return _repair_sibling(broken, rejection, steps, first, valid)


def _repair_sibling(
    broken: Broken, rejection: Rejection, steps: Steps, first: FirstBroken, valid: ValidValue
) -> bool:
    """A rule on two fields is still broken: repair the field beside the one it names."""
    parent = _at(broken.datum, steps[:-1])
    for name in list(parent) if isinstance(parent, Mapping) else ():
        beside = (*steps[:-1], name)
        trial = _with(broken.datum, beside, valid(beside))
        after = first(trial)
        if after != rejection and (after is None or not _concerns(after, beside)):
            broken.datum = trial
            broken.repaired.append(".".join(beside))
            return True
    return False


def _repair_items(
    broken: Broken, rejection: Rejection, at: Steps, first: FirstBroken, valid: ValidValue
) -> bool:
    """Check the items of a list one by one, and leave the wrong ones out.

    False when no single item is wrong.
    """
    items = _at(broken.datum, at)
    place, kept, rejections = ".".join(at), [], []
    for index, item in enumerate(items[:_ITEMS_MAX]):
        found = first(_with(broken.datum, at, [item]))
        if found is not None and _concerns(found, at):
            rest = (found.path or "")[len(place) :]
            rejections.append(replace(found, path=f"{place}[{index}]{rest}"))
        else:
            kept.append(item)
    kept += items[_ITEMS_MAX:]
    repaired = _with(broken.datum, at, kept or valid(at) or [])
    if not rejections or first(repaired) == rejection:
        return False
    broken.datum = repaired
    broken.rejections += rejections
    broken.repaired.append(place)
    return True


def _concerns(rejection: Rejection, steps: Steps) -> bool:
    path, place = rejection.path or "", ".".join(steps)
    return path == place or path.startswith(f"{place}.")


def _list_in(datum: Mapping[str, Any], steps: Steps) -> int | None:
    """How many steps lead to the first list with items on this path; None when there is none."""
    found: Any = datum
    for count, step in enumerate(steps, 1):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
        if isinstance(found, list) and found:
            return count
    return None


def _has(datum: Mapping[str, Any], steps: Steps) -> bool:
    parent = _at(datum, steps[:-1])
    return isinstance(parent, list) or (isinstance(parent, Mapping) and steps[-1] in parent)


def _at(datum: Any, steps: Steps) -> Any:
    """The value at this path; the list itself for a path that goes on inside one."""
    found = datum
    for step in steps:
        if isinstance(found, list):
            return found
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found


def _with(datum: Mapping[str, Any], steps: Steps, value: Any) -> Mapping[str, Any]:
    """The message with another value at this path; the objects on the way to it are copied."""
    first, *rest = steps
    return {**datum, first: _with(datum[first], tuple(rest), value) if rest else value}
