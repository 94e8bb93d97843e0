"""The rule on the habilitation matrix of the installation (SPEC h.1)."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.feed.messages import DepositDocument
from schemas.policy.habilitation import Matrix, may_feed
from schemas.policy.may_do import ActorKind, actor_kind
from schemas.rules.table.rejections import Rejection

_PARIS: Final = ZoneInfo("Europe/Paris")
_LATEST: Final = 253_370_764_800_000
"""9999-01-01 in milliseconds. A later moment counts as this one."""


def profession_may_feed(datum: DepositDocument, matrix: Matrix | None) -> Rejection | None:
    """A professional feeds the types that the matrix gives his profession that day (SPEC h.1).

    The day is that of the message in Paris. Patients, representatives and machines have no
    profession: no matrix restricts them. Without a matrix everybody may feed.
    """
    if matrix is None:
        return None
    provenance = datum["provenance"]
    actor = provenance["actor"]
    if actor_kind(actor, datum["ins"]) is not ActorKind.PROFESSIONAL:
        return None
    seconds = min(max(provenance["occurredAt"], 0), _LATEST) // 1000
    day = datetime.fromtimestamp(seconds, UTC).astimezone(_PARIS).date()
    if may_feed(matrix, actor["roleCode"], datum["document"]["typeCode"], day):
        return None
    return Rejection("not_habilitated", "provenance.actor.roleCode")
