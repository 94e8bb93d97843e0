"""The checker of one process: bytes of a file in, its report out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ingest.runtime.folders import private_folder
from ingest.runtime.settings import Settings
from schemas.severities import Severities

from . import remarks
from .cda_file import MESSAGE, check_cda
from .finding import FileReport, in_order
from .message_file import check_message, is_message
from .rules_of_message import Judge
from .schematron import Saxon, Schematron
from .xml_schema import XmlSchema


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be looked at, the same for every file and process.

    `now`: seconds since 1970, the time of the messages. `schematrons` and `xsds`: their files.
    """

    settings: Settings
    severities: Severities
    now: float
    schematrons: tuple[Path, ...] = ()
    xsds: tuple[Path, ...] = ()


class Checker:
    """Checks files by one plan; schematrons and schemas are made ready once."""

    def __init__(self, plan: Plan) -> None:
        """Raises SchematronError and XsdError."""
        self._plan = plan
        self._judge = Judge(
            plan.settings.environment,
            plan.severities,
            plan.settings.rules_documentation_url,
            plan.settings.max_content_bytes,
        )
        self._xsds = [XmlSchema(file) for file in plan.xsds]
        self._schematrons: list[Schematron] = []
        if plan.schematrons:
            saxon = Saxon(private_folder(plan.settings.home / "cache" / "schematron"))
            self._schematrons = [saxon.schematron(file) for file in plan.schematrons]

    def check(self, name: str, data: bytes) -> FileReport:
        """All that is found in these bytes; never raises, whatever they are."""
        if is_message(data):
            report = check_message(name, data, self._judge)
        else:
            report = self._cda(name, data)
        return replace(report, findings=in_order(report.findings))

    def unreadable(self, name: str, reason: str) -> FileReport:
        """The report of a file that can't be read."""
        refusal = remarks.unreadable(reason)
        return FileReport(name, "unreadable", None, (refusal,))

    def _cda(self, name: str, data: bytes) -> FileReport:
        plan = self._plan
        checked = check_cda(data, self._judge, plan.settings, plan.now)
        if checked.document is None:
            return FileReport(name, "unreadable", None, tuple(checked.findings))
        findings = list(checked.findings)
        for schema in self._xsds:
            findings += schema.findings(checked.document)
        for schematron in self._schematrons:
            findings += schematron.findings(checked.document)
        return FileReport(name, "cda", MESSAGE, tuple(findings), tuple(checked.unlooked))
