"""XML schemas (XSD 1.0) with libxml2, which opens no network."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final, cast

from lxml import etree

from producers.check.finding import Finding, shown
from producers.check.xml_places import element_at, place_of
from schemas.cda.elements import Element

_FINDINGS_MAX: Final = 500
_HL7: Final = "{urn:hl7-org:v3}"


class XsdError(Exception):
    """A schema can't be used; the sentence says which file and why."""


class XmlSchema:
    """One schema, compiled once."""

    def __init__(self, file: Path) -> None:
        """Raises XsdError. What it includes is looked for beside the file."""
        self.file = file
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            self._schema = etree.XMLSchema(etree.parse(str(file), parser))
        except OSError as error:
            raise XsdError(
                f"{file.name} can't be read: {error.strerror or 'no such file'}"
            ) from None
        except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
            raise XsdError(f"{file.name} is no schema: {shown(str(error))}") from None

    def findings(self, document: Element) -> list[Finding]:
        """The faults of a document, the root of its tree."""
        if self._schema.validate(document):
            return []
        log = cast("Iterable[etree._LogEntry]", self._schema.error_log)
        return [_finding(entry, document, self.file.name) for entry in islice(log, _FINDINGS_MAX)]


def _finding(entry: etree._LogEntry, document: Element, name: str) -> Finding:
    at = element_at(document, entry.path) if entry.path else None
    sentence = shown(entry.message.replace(_HL7, ""))
    return Finding(
        source="xsd",
        severity="error",
        rule=str(entry.type_name).removeprefix("SCHEMAV_").lower(),
        code=name,
        french=sentence,
        english=sentence,
        place=None if at is None else place_of(at),
        line=entry.line or None,
    )
