"""What reading and deciding depend on beside the messages: the site where this process runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.policy.habilitation import Matrix
from schemas.policy.may_do import DEFAULT_POLICY, Policy
from schemas.rules.table.rejections import RULES_PAGE
from schemas.rules.table.severities import AS_THE_TABLE_SAYS, Severities


@dataclass(frozen=True, slots=True)
class Context:
    """What reading and deciding depend on beside the messages: the environment, the shape of the
    feed, how strict the rules are here, and who may do what.

    `partitions`: how many each topic of the feed has. `rules_page`: where outcomes send those who
    want to know more. `matrix`: the habilitation matrix; None: no profession is restricted.
    """

    accepted_oids: frozenset[str]
    partitions: Mapping[str, int]
    content_bytes_max: int
    severities: Severities = AS_THE_TABLE_SAYS
    policy: Policy = DEFAULT_POLICY
    registry_required: bool = False
    rules_page: str = RULES_PAGE
    matrix: Matrix | None = None
