"""Groups of soft rules. One look tells that a message keeps a whole group, and nearly all do.

A rule costs one call for each message. A group that is kept costs one call for all of its rules.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from schemas.rules.document.plausibility import SOFT_RULES_OF_ORDER, times_in_order
from schemas.rules.document.soft_metadata import SOFT_DEPOSIT_RULES, plain_metadata
from schemas.rules.table.rejections import SoftRule

from .speaker_forms import SOFT_AUTHOR_RULES, SOFT_SPEAKER_RULES, speakers_right


class SoftGroup(NamedTuple):
    """Rules of one subject. `all_kept`: True when none of them is broken; False tells nothing."""

    rules: tuple[SoftRule, ...]
    all_kept: Callable[[Any], bool]


def not_known(_: object) -> bool:
    """`all_kept` of rules that no single look covers."""
    return False


_SPEAKERS: Final = SoftGroup(SOFT_SPEAKER_RULES, speakers_right)
_METADATA: Final = tuple(rule for rule in SOFT_DEPOSIT_RULES if rule not in SOFT_RULES_OF_ORDER)
_AUTHORS: Final = SoftGroup((*SOFT_SPEAKER_RULES, *SOFT_AUTHOR_RULES), speakers_right)

SOFT_GROUPS_OF_ALL: Final = (_SPEAKERS,)
"""On every kind of message."""
SOFT_GROUPS_OF_DEPOSIT: Final = (
    SoftGroup(_METADATA, plain_metadata),
    SoftGroup(SOFT_RULES_OF_ORDER, times_in_order),
    _AUTHORS,
)
"""On deposits."""
