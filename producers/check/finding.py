"""What a check finds in a file: values, with everything that a vendor needs to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.forms.identity import MATRICULE_LIKE
from schemas.rules.table.rejections import Rejection

Severity = Literal["reject", "error", "warn", "info"]
"""`reject`: ingestion would reject the message. `error`: a schematron or schema finds a fault."""
Source = Literal["rules", "cda", "schematron", "xsd"]
FAILING: Final[frozenset[Severity]] = frozenset({"reject", "error"})
SEVERITIES: Final[tuple[Severity, ...]] = ("reject", "error", "warn", "info")

_MASK: Final = "***************"
_SPACES: Final = re.compile(r"\s+")
_TEXT_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a file.

    `rule` and `code`: of our tables, or the ids the schematron or schema gives. `path`: the field
    of the message. `place`, `line`: where in the XML. `documentation`: where the rule is explained.
    """

    source: Source
    severity: Severity
    rule: str | None
    code: str
    french: str
    english: str
    path: str | None = None
    place: str | None = None
    line: int | None = None
    repair: str | None = None
    documentation: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object in `findings` of `--json`."""
        return {
            "source": self.source,
            "severity": self.severity,
            "rule": self.rule,
            "code": self.code,
            "french": self.french,
            "english": self.english,
            "path": self.path,
            "place": self.place,
            "line": self.line,
            "repair": self.repair,
            "documentation": self.documentation,
        }


def of_rule(rejection: Rejection, severity: Severity, page: str) -> Finding:
    """The finding that explains a broken rule, without a place. `page`: where rules are told of."""
    rule = rejection.rule
    return Finding(
        source="rules",
        severity=severity,
        rule=rule.rule_id,
        code=rule.code,
        french=rule.french,
        english=rule.english,
        path=rejection.path,
        repair=rule.repair,
        documentation=rule.link(page),
    )


def of_schematron(
    severity: Severity, code: str, french: str, english: str, repair: str | None = None
) -> Finding:
    """The finding about a schematron itself: that it, or a part of it, did not look."""
    return Finding("schematron", severity, None, code, french, english, repair=repair)


@dataclass(frozen=True, slots=True)
class FileReport:
    """All that was found in one file. `kind`: what it was read as; `message`: what it would send.

    `unlooked`: what could not be looked at, and why; empty when everything was.
    """

    file: str
    kind: Literal["cda", "message", "hl7", "unreadable"]
    message: str | None
    findings: tuple[Finding, ...]
    unlooked: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def passes(self, strict: bool) -> bool:
        """Nothing would be refused; with `strict`, there is no warning either."""
        bad = FAILING | {"warn"} if strict else FAILING
        return not any(finding.severity in bad for finding in self.findings)

    def as_json(self, strict: bool) -> dict[str, Any]:
        """The object of a file in `--json`."""
        return {
            "file": self.file,
            "kind": self.kind,
            "message": self.message,
            "passes": self.passes(strict),
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "findings": [finding.as_json() for finding in self.findings],
            "unlooked": list(self.unlooked),
        }


def shown(text: str) -> str:
    """A text of others as a report may show it: one line, bounded, matricules masked."""
    line = _SPACES.sub(" ", text).strip()
    if len(line) > _TEXT_MAX:
        line = f"{line[:_TEXT_MAX]}..."
    return MATRICULE_LIKE.sub(_MASK, "".join(c if c.isprintable() else "?" for c in line))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, the worst first, then by line; the order found in for equals."""
    once = dict.fromkeys(findings)
    return tuple(sorted(once, key=lambda f: (SEVERITIES.index(f.severity), f.line or 0)))
