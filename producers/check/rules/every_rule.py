"""Every rule that a message breaks, where ingestion stops at the first.

Rules are a chain that ends at the first one broken. So what is broken gets a sound value and the
chain is asked again, until it has nothing to say: no second list of the rules has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from schemas.rules.table.rejections import Rejection

FirstBroken = Callable[[Mapping[str, Any]], Rejection | None]
Steps = tuple[str, ...]
Sound = Callable[[Steps], Any]

_TURNS_MAX: Final = 200
_ITEMS_MAX: Final = 1000


@dataclass(slots=True)
class Broken:
    """The rules that were broken, in the order of the chain; `datum`: the message once mended.

    `mended`: paths of what got a sound value. `complete`: no rule was left unasked.
    """

    datum: Mapping[str, Any]
    rejections: list[Rejection] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    complete: bool = True


def every_broken_rule(datum: Mapping[str, Any], first: FirstBroken, sound: Sound) -> Broken:
    """All rules of the chain `first` that this message breaks.

    `sound`: what may stand in a field, by its path. No object of a message is ever changed: rules
    may remember what they looked at.
    """
    broken = Broken(datum)
    for _ in range(_TURNS_MAX):
        rejection = first(broken.datum)
        if rejection is None:
            return broken
        if not _mend(broken, rejection, first, sound):
            break
    broken.complete = False
    return broken


def _mend(broken: Broken, rejection: Rejection, first: FirstBroken, sound: Sound) -> bool:
    """Note what is broken and put something sound there; False when the rule stays broken."""
    steps = tuple((rejection.path or "").split("."))
    length = _list_in(broken.datum, steps)
    if length is not None and _mend_items(broken, rejection, steps[:length], first, sound):
        return True
    broken.rejections.append(rejection)
    if rejection.path is None or not _has(broken.datum, steps):
        return False
    broken.mended.append(rejection.path)
    steps = steps if length is None else steps[:length]
    broken.datum = _with(broken.datum, steps, sound(steps))
    if first(broken.datum) != rejection:
        return True
    return _mend_sibling(broken, rejection, steps, first, sound)


def _mend_sibling(
    broken: Broken, rejection: Rejection, steps: Steps, first: FirstBroken, sound: Sound
) -> bool:
    """A rule on two fields is still broken: mend the field beside the one it names."""
    parent = _at(broken.datum, steps[:-1])
    for name in list(parent) if isinstance(parent, Mapping) else ():
        beside = (*steps[:-1], name)
        trial = _with(broken.datum, beside, sound(beside))
        after = first(trial)
        if after != rejection and (after is None or not _concerns(after, beside)):
            broken.datum = trial
            broken.mended.append(".".join(beside))
            return True
    return False


def _mend_items(
    broken: Broken, rejection: Rejection, at: Steps, first: FirstBroken, sound: Sound
) -> bool:
    """Look at the items of a list one by one, and leave the broken ones out.

    False when no single item is at fault.
    """
    items = _at(broken.datum, at)
    place, kept, faults = ".".join(at), [], []
    for index, item in enumerate(items[:_ITEMS_MAX]):
        found = first(_with(broken.datum, at, [item]))
        if found is not None and _concerns(found, at):
            rest = (found.path or "")[len(place) :]
            faults.append(replace(found, path=f"{place}[{index}]{rest}"))
        else:
            kept.append(item)
    kept += items[_ITEMS_MAX:]
    mended = _with(broken.datum, at, kept or sound(at) or [])
    if not faults or first(mended) == rejection:
        return False
    broken.datum = mended
    broken.rejections += faults
    broken.mended.append(place)
    return True


def _concerns(rejection: Rejection, steps: Steps) -> bool:
    path, place = rejection.path or "", ".".join(steps)
    return path == place or path.startswith(f"{place}.")


def _list_in(datum: Mapping[str, Any], steps: Steps) -> int | None:
    """How many steps lead to a list with items that the path goes to or through; None if none."""
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
    """What stands there; the list itself for a path that goes on inside one."""
    found = datum
    for step in steps:
        if isinstance(found, list):
            return found
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found


def _with(datum: Mapping[str, Any], steps: Steps, value: Any) -> Mapping[str, Any]:
    """The message with another value there; what lies on the way to it is copied."""
    first, *rest = steps
    return {**datum, first: _with(datum[first], tuple(rest), value) if rest else value}
