"""The checker of one process: bytes of a file in, its report out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ingest.runtime.folders import private_folder
from ingest.runtime.habilitation import configured_matrix
from ingest.runtime.settings import Settings
from producers.check.files.cda import MESSAGE, check_cda, clinical_document, remarks_on
from producers.check.files.hl7 import check_hl7, content_of, is_hl7
from producers.check.files.json_message import NotAMessage
from producers.check.files.message import (
    avro_of,
    check_message,
    document_in,
    is_message,
    malformed,
)
from producers.check.rules.rule_checker import RuleChecker
from producers.check.schematron.transform import Saxon, Schematron
from producers.check.schematron.xml_schema import XmlSchema
from schemas.rules.table.severities import Severities

from .finding import FileReport, Finding, in_order
from .remarks import remarks


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What is checked, the same for every file and process.

    `now`: seconds since 1970, the time of the messages. `schematrons` and `xsds`: their files.
    """

    settings: Settings
    severities: Severities
    now: float
    schematrons: tuple[Path, ...] = ()
    xsds: tuple[Path, ...] = ()


class Checker:
    """Checks files by one plan; schematrons and schemas are made ready once."""

    def __init__(self, plan: CheckPlan) -> None:
        """Raises SettingsError (the habilitation matrix), SchematronError and XsdError."""
        self._plan = plan
        self._rules = RuleChecker(
            environment=plan.settings.environment,
            severities=plan.severities,
            page=plan.settings.rules_documentation_url,
            content_bytes_max=plan.settings.max_content_bytes,
            matrix=configured_matrix(plan.settings),
            remarks_page=plan.settings.remarks_documentation_url,
        )
        self._xsds = [XmlSchema(file) for file in plan.xsds]
        self._schematrons: list[Schematron] = []
        if plan.schematrons:
            saxon = Saxon(private_folder(plan.settings.home / "cache" / "schematron"))
            self._schematrons = [saxon.schematron(file) for file in plan.schematrons]

    def check(self, name: str, data: bytes) -> FileReport:
        """All that is found in these bytes; never raises, whatever the bytes."""
        if is_hl7(data):
            report = self._hl7(name, data)
        else:
            report = self._message(name, data) if is_message(data) else self._cda(name, data)
        return replace(report, findings=in_order(report.findings))

    def unreadable(self, name: str, reason: str) -> FileReport:
        """The report of a file that can't be read."""
        refusal = remarks.unreadable(reason)
        return FileReport(name, "unreadable", None, (refusal,))

    def _message(self, name: str, data: bytes) -> FileReport:
        """The rules on the message, and the remarks on its CDA, with the lines of the CDA."""
        try:
            value = avro_of(data)
        except NotAMessage as error:
            return FileReport(name, "message", None, (malformed(error, self._rules),))
        report = check_message(name, value, self._rules)
        content = document_in(value)
        if content is None:
            return report
        inside = remarks_on(content, report.findings, self._plan.settings.remarks_documentation_url)
        return replace(report, findings=(*report.findings, *inside, *self._validated(content)))

    def _hl7(self, name: str, data: bytes) -> FileReport:
        """The rules of the volet, then those on the CDA; lines are those of the CDA."""
        plan = self._plan
        report = check_hl7(name, data, self._rules, plan.settings, plan.now)
        content = content_of(data)
        inside = self._validated(content) if content is not None else []
        return replace(report, findings=(*report.findings, *inside))

    def _cda(self, name: str, data: bytes) -> FileReport:
        plan = self._plan
        checked = check_cda(data, self._rules, plan.settings, plan.now)
        if not checked.readable:
            return FileReport(name, "unreadable", None, tuple(checked.findings))
        findings = [*checked.findings, *self._validated(data)]
        return FileReport(name, "cda", MESSAGE, tuple(findings), tuple(checked.unlooked))

    def _validated(self, data: bytes) -> list[Finding]:
        """What schemas and schematrons find in a CDA; nothing in other bytes."""
        if not self._xsds and not self._schematrons:
            return []
        document = clinical_document(data)
        if document is None:
            return []
        findings: list[Finding] = []
        for schema in self._xsds:
            findings += schema.findings(document)
        for schematron in self._schematrons:
            findings += schematron.findings(document)
        return findings
