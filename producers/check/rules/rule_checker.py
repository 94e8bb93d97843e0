"""The rules of ingestion on one message, hard and soft, without a feed and without a store.

What only the store knows (duplicates, heads of records, targets) is not checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Any, Final, cast

from producers.check.finding import Finding, Severity, of_rule
from schemas.feed.messages import DepositDocument
from schemas.forms.identity import Environment, accepted_oids
from schemas.policy.habilitation import Matrix
from schemas.rules.of_messages import (
    RULES_OF,
    SOFT_RULES_OF,
    content_findings,
    content_right,
    ins_accepted,
    provenance_complete,
    qualified,
)
from schemas.rules.profession import profession_may_feed
from schemas.rules.table.rejections import REMARKS_PAGE, Rejection
from schemas.rules.table.severities import Severities

from .every_rule import Broken, Steps, every_broken_rule
from .valid_values import valid_value

NOT_LOOKED_AT: Final = (
    "The rules behind the last one that is named could not be looked at: mend it first."
)
_OIDS: Final = frozenset({"oid", "otherOid"})
_OF_MATRIX: Final = frozenset({"document.typeCode", "provenance.actor.roleCode"})
"""The fields that the habilitation matrix looks at."""


@dataclass(frozen=True, slots=True)
class RuleChecker:
    """Checks messages as the ingestion of one installation does.

    `page`: address of the documentation of the rules, `remarks_page`: of the remarks. `matrix`:
    the habilitation matrix, None: no profession is restricted.
    """

    environment: Environment
    severities: Severities
    page: str
    content_bytes_max: int
    matrix: Matrix | None = None
    remarks_page: str = REMARKS_PAGE

    def broken(self, name: str, datum: Mapping[str, Any]) -> Broken:
        """Every hard rule that this message breaks; then the rules on the profession of its actor,
        and on its bytes.
        """
        oids = accepted_oids(self.environment)

        def first(looked_at: Mapping[str, Any]) -> Rejection | None:
            return _first_broken(name, looked_at, oids)

        broken = every_broken_rule(datum, first, self._valid)
        broken.rejections += self._profession(broken)
        broken.rejections += self._content(datum, broken.rejections)
        return broken

    def soft(self, name: str, broken: Broken) -> list[Rejection]:
        """The rules of changeable severity that are broken, but for fields that were repaired.

        They suppose that the hard rules hold: the repaired message is checked.
        """
        found: list[Rejection] = []
        for rule in SOFT_RULES_OF.get(name, ()):
            found += every_broken_rule(broken.datum, rule, self._valid).rejections
        repaired = tuple(broken.repaired)
        return [r for r in found if r.path is None or not r.path.startswith(repaired)]

    def severity(self, rejection: Rejection) -> Severity | None:
        """What breaking this rule means in this installation; None: nothing."""
        effect = self.severities.of(rejection.code)
        return None if effect == "off" else effect

    def finding(self, rejection: Rejection, severity: Severity) -> Finding:
        """The finding that explains a broken rule, without its place in a file."""
        return of_rule(rejection, severity, self.page)

    def findings(self, rejections: Iterable[Rejection]) -> list[Finding]:
        """The findings of broken rules, but for those that are off in this installation."""
        weighed = ((rejection, self.severity(rejection)) for rejection in rejections)
        return [self.finding(rejection, severity) for rejection, severity in weighed if severity]

    def _valid(self, steps: Steps) -> Any:
        if steps[-1] in _OIDS:
            return min(accepted_oids(self.environment))
        return valid_value(steps)

    def _profession(self, broken: Broken) -> list[Rejection]:
        """Only of what the message says: a repaired type or profession is nobody's."""
        if "document" not in broken.datum or not _OF_MATRIX.isdisjoint(broken.repaired):
            return []
        rejection = profession_may_feed(cast(DepositDocument, broken.datum), self.matrix)
        return [] if rejection is None else [rejection]

    def _content(self, datum: Mapping[str, Any], before: list[Rejection]) -> list[Rejection]:
        content = datum.get("content")
        if content is None or "document" not in datum:
            return []
        named = {rejection.code for rejection in before}
        document = dict(datum["document"])
        found: list[Rejection] = []
        while len(found) <= len(_RECOMPUTED):
            rejection = content_right(content, document, datum["ins"], self.content_bytes_max)  # type: ignore[arg-type]  # a copy to be repaired
            if rejection is None:
                found += content_findings(  # what only warns
                    content,
                    document,  # type: ignore[arg-type]
                    datum["ins"],
                    self.content_bytes_max,
                )
                break
            if rejection.code not in named:
                found.append(rejection)
            recompute = _RECOMPUTED.get(rejection.path or "")
            if recompute is None:
                break
            document[recompute] = _computed(content)[recompute]
        return found


_RECOMPUTED: Final[Mapping[str, str]] = {
    "document.size": "size",
    "document.sha256": "sha256",
    "document.hash": "hash",
}


def _computed(content: bytes) -> Mapping[str, Any]:
    return {
        "size": len(content),
        "sha256": sha256(content).digest(),
        "hash": sha1(content, usedforsecurity=False).digest(),
    }


def _first_broken(name: str, datum: Mapping[str, Any], oids: frozenset[str]) -> Rejection | None:
    ins = datum.get("ins")
    if ins is not None:
        rejection = ins_accepted(ins["oid"], ins["matricule"], oids, "ins.") or qualified(name, ins)
        if rejection is not None:
            return rejection
    return (
        provenance_complete(datum["provenance"])
        or RULES_OF[name](datum)
        or _other_ins_right(datum, oids)
    )


def _other_ins_right(datum: Mapping[str, Any], oids: frozenset[str]) -> Rejection | None:
    """The other INS of a link is accepted, and differs from the first (SPEC a.2)."""
    if "otherOid" not in datum:
        return None
    oid, matricule = datum["otherOid"], datum["otherMatricule"]
    rejection = ins_accepted(oid, matricule, oids, "")
    if rejection is not None:
        at = "otherOid" if rejection.path == "oid" else "otherMatricule"
        return Rejection(rejection.code, at)
    if (oid, matricule) == (datum["ins"]["oid"], datum["ins"]["matricule"]):
        return Rejection("link_to_itself", "otherMatricule")
    return None
