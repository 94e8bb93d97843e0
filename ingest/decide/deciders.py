"""The decider of every message, with what it needs to know.

A decider is a function from a view and a message to a decision or a rejection. Its needs tell
beforehand what it will ask the view; they make a batch fast and can make no decision wrong, since a
view raises NotRead for what was not read (decision 0042).
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar, cast

from ingest.facts.decision import Decision
from ingest.facts.message import Interpreted
from ingest.facts.needs import Needs
from ingest.facts.view import View
from schemas.rules.table.rejections import Rejection

Result = Decision | Rejection
M = TypeVar("M", bound=Interpreted)
N = TypeVar("N", bound=Interpreted)
Rule = Callable[[View, M], Result]
NeedsOf = Callable[[View, M], Needs]
"""What deciding this message asks the view, as far as the view tells. It may ask the view itself:
where that raises NotRead, the rest is told once that was read."""


class Decider(NamedTuple):
    """How a message is decided, and what that needs."""

    rule: Rule[Interpreted]
    needs: NeedsOf[Interpreted]


DECIDERS: Final[dict[str, Decider]] = {}
"""By the name of the message. Filled by `decides`."""


def decides(name: str, *, needs: NeedsOf[N]) -> Callable[[Rule[M]], Rule[M]]:
    """The function decides messages of this name. A test compares its types with the name."""

    def register(rule: Rule[M]) -> Rule[M]:
        DECIDERS[name] = Decider(cast(Rule[Interpreted], rule), cast("NeedsOf[Interpreted]", needs))
        return rule

    return register
