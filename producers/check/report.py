"""Reports for a person: each finding with what it takes to mend it, then a line that sums up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from .finding import SEVERITIES, FileReport, Finding, Severity

_COLOURS: Final[dict[Severity, str]] = {
    "reject": "bold red",
    "error": "red",
    "warn": "yellow",
    "info": "cyan",
}
_NAMES: Final[dict[Severity, str]] = {
    "reject": "reject",
    "error": "error",
    "warn": "warning",
    "info": "remark",
}


class Totals:
    """The files and findings seen so far."""

    def __init__(self) -> None:
        self.files = 0
        self.failed = 0
        self._findings: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)

    def add(self, report: FileReport, strict: bool) -> None:
        """Count a report."""
        self.files += 1
        self.failed += not report.passes(strict)
        for finding in report.findings:
            self._findings[finding.severity] += 1

    def line(self) -> Text:
        """`30 files: 25 pass, 5 fail; 7 rejects, 41 warnings`."""
        passing = self.files - self.failed
        text = Text(f"{_number(self.files, 'file')}: ")
        text.append(f"{passing} pass", "green" if passing else "")
        text.append(", ")
        fails = "fails" if self.failed == 1 else "fail"
        text.append(
            f"{self.failed} {fails}" if self.failed else "none fails", _failing(self.failed)
        )
        counted = [_number(n, _NAMES[s]) for s, n in self._findings.items() if n]
        return text.append(f"; {', '.join(counted) or 'nothing found'}")


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _failing(count: int) -> str:
    return "bold red" if count else "green"


def show(console: Console, report: FileReport, strict: bool) -> None:
    """Write the report of one file."""
    passes = report.passes(strict)
    what = report.message or report.kind
    verdict = Text("passes", "green") if passes else Text("fails", "bold red")
    console.print(Text.assemble((_plain(report.file), "bold"), f"  {what}  ", verdict))
    for finding in report.findings:
        _show(console, finding)
    for sentence in report.unlooked:
        console.print(Text(f"  ! {sentence}", "yellow"))


def _show(console: Console, finding: Finding) -> None:
    colour = _COLOURS[finding.severity]
    head = Text.assemble("  ", (finding.severity, colour), " ")
    head.append(" ".join(filter(None, (finding.rule, finding.code))), colour)
    where = _where(finding)
    if where:
        head.append(f"  {where}", "dim")
    console.print(head)
    sentences: Sequence[str] = tuple(dict.fromkeys((finding.french, finding.english)))
    for sentence in sentences:
        console.print(Text(f"      {sentence}"))
    if finding.repair:
        console.print(Text(f"      → {finding.repair}", "green"))
    if finding.documentation:
        console.print(Text(f"      {finding.documentation}", "dim"))


def _where(finding: Finding) -> str:
    line = f"line {finding.line}" if finding.line else None
    return ", ".join(filter(None, (finding.path, finding.place, line)))


def _plain(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)
