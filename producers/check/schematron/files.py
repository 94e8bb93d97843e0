"""The files of a schematron as one document: includes and extensions put in their places.

It is done here and not by Saxon, which opens no file whose name in the text is not plain ASCII, as
some names of the national schematrons are. Nothing is read but files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from lxml import etree

from producers.check.finding import shown
from schemas.cda.elements import Element

SCHEMATRON: Final = "http://purl.oclc.org/dsdl/schematron"
_INCLUDE: Final = f"{{{SCHEMATRON}}}include"
_EXTENDS: Final = f"{{{SCHEMATRON}}}extends"
_FILES_MAX: Final = 5000
_DEPTH_MAX: Final = 32
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class SchematronError(Exception):
    """A schematron or stylesheet can't be used; the sentence says which file and why."""


class SchematronFiles:
    """Reads one schematron and what it includes, each file as often as it is named."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0

    def root(self) -> Element:
        """The root of the file itself. Raises SchematronError."""
        return self._root_of(self.file)

    def assembled(self) -> Element:
        """The schematron without any include. Raises SchematronError for what can't be read."""
        return self._assemble(self.root(), self.file, 0)

    def _assemble(self, element: Element, part: Path, depth: int) -> Element:
        if depth > _DEPTH_MAX:
            raise SchematronError(f"{self.file.name} includes itself, or nests too deeply")
        for include in list(element.iter(_INCLUDE, _EXTENDS)):
            href = include.get("href")
            holder = include.getparent()
            if href is None or holder is None:
                continue
            target, name = self._target(href, part)
            found = self._assemble(_named(self._root_of(target), name, target), target, depth + 1)
            place = holder.index(include)
            holder[place : place + 1] = [found] if include.tag == _INCLUDE else list(found)
        return element

    def _target(self, href: str, part: Path) -> tuple[Path, str]:
        path, _, name = href.partition("#")
        if _SCHEME.match(path):
            raise SchematronError(f"{part.name} includes {shown(href)}: only files are read")
        return (part.parent / unquote(path) if path else part), name

    def _root_of(self, part: Path) -> Element:
        self._read += 1
        if self._read > _FILES_MAX:
            raise SchematronError(f"{self.file.name} includes more than {_FILES_MAX} files")
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )
        try:
            return etree.fromstring(part.read_bytes(), parser)
        except OSError as error:
            raise SchematronError(_missing(self.file, part, error)) from None
        except etree.XMLSyntaxError as error:
            line, column = error.position
            raise SchematronError(
                f"{part.name} is no well-formed XML, line {line}, column {column}"
            ) from None


def _missing(file: Path, part: Path, error: OSError) -> str:
    reason = error.strerror or "unknown reason"
    if part == file:
        return f"{file.name} can't be read: {reason}"
    return f"{file.name} includes {part.name}, which can't be read: {reason}"


def _named(root: Element, name: str, part: Path) -> Element:
    """The element of this id, the root without one."""
    if not name:
        return root
    for element in root.iter():
        if element.get("id") == name:
            return element
    raise SchematronError(f"{part.name} has no element with the id {shown(name)}")
