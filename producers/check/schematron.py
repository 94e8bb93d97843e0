"""ISO schematrons: made into XSLT once, kept in a folder, and run on documents with Saxon.

SchXslt2 makes the XSLT (`schxslt2/`). Every test is then put inside a try, so that one which fails
to run, for want of a file it reads, is named and takes no other with it. No network is used: Saxon
may open files only. A schematron that was already made into XSLT is run as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor, PyXdmNode, PyXsltExecutable

from schemas.cda.elements import Element

from .finding import Finding, shown
from .svrl import findings_of_report

SCHEMATRON: Final = "http://purl.oclc.org/dsdl/schematron"
XSLT: Final = "http://www.w3.org/1999/XSL/Transform"
_SVRL: Final = "http://purl.oclc.org/dsdl/svrl"
_ERRORS: Final = "http://www.w3.org/2005/xqt-errors"
_BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"
_STAYS_ALIVE: Final = "Q{http://dmaus.name/ns/2023/schxslt}terminate-validation-on-error"
_TESTS: Final = frozenset({"failed-assert", "successful-report"})
_FILES_MAX: Final = 5000
_KEY_PREFIX: Final = "schematron-1"
"""Changes when what is made of a schematron changes."""


class SchematronError(Exception):
    """A schematron or stylesheet can't be used; the sentence says which file and why."""


class Schematron:
    """One schematron, ready to run on documents. Belongs to the thread that made it."""

    def __init__(self, saxon: Saxon, file: Path, executable: PyXsltExecutable) -> None:
        self.file = file
        self._saxon = saxon
        self._executable = executable

    def findings(self, document: Element) -> list[Finding]:
        """What it finds in a document, the root of its tree."""
        try:
            report = self._executable.transform_to_string(xdm_node=self._saxon.node(document))
        except PySaxonApiError as error:
            return [_failed(self.file, error)]
        return findings_of_report(report or "", document, self.file.name)


class Saxon:
    """The processor of this process, and the schematrons made with it."""

    def __init__(self, kept: Path | None) -> None:
        """`kept`: folder of the XSLT made so far; None: nothing is kept."""
        self._processor = PySaxonProcessor(license=False)
        self._processor.set_configuration_property(
            "http://saxon.sf.net/feature/allowedProtocols", "file"
        )
        self._processor.set_configuration_property(
            "http://saxon.sf.net/feature/standardErrorOutputFile", os.devnull
        )
        self._kept = kept

    def schematron(self, file: Path) -> Schematron:
        """The schematron, or XSLT made of one, in this file. Raises SchematronError."""
        file = file.absolute()
        root = _root_of(file, file)
        if root.tag in (f"{{{XSLT}}}stylesheet", f"{{{XSLT}}}transform"):
            return Schematron(self, file, self._compiled(file, None))
        if root.tag != f"{{{SCHEMATRON}}}schema":
            raise SchematronError(f"{file.name} is neither an ISO schematron nor a stylesheet")
        return Schematron(self, file, self._compiled(file, self._stylesheet(file)))

    def node(self, document: Element) -> PyXdmNode:
        """A document as Saxon reads it."""
        text = etree.tostring(document, encoding="unicode", with_tail=False)
        return self._processor.parse_xml(xml_text=text, encoding="UTF-8")

    def _compiled(self, file: Path, text: str | None) -> PyXsltExecutable:
        compiler = self._processor.new_xslt30_processor()
        try:
            if text is None:
                return compiler.compile_stylesheet(stylesheet_file=str(file))
            return compiler.compile_stylesheet(stylesheet_text=text, encoding="UTF-8")
        except PySaxonApiError as error:
            raise SchematronError(f"{file.name} can't be compiled: {shown(str(error))}") from None

    def _stylesheet(self, file: Path) -> str:
        """The XSLT of a schematron: the one that is kept, or made now and kept."""
        kept = None if self._kept is None else self._kept / f"{_key(file)}.xsl"
        if kept is not None and kept.is_file():
            return kept.read_text("utf-8")
        made = _surviving(self._transpiled(file), file)
        if kept is not None:
            part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
            part.write_text(made, "utf-8")
            part.replace(kept)
        return made

    def _transpiled(self, file: Path) -> str:
        compiler = self._processor.new_xslt30_processor()
        compiler.set_parameter(_STAYS_ALIVE, self._processor.make_boolean_value(False))
        program = resources.files("producers.check").joinpath("schxslt2", "transpile.xsl")
        try:
            transpiler = compiler.compile_stylesheet(
                stylesheet_text=program.read_text("utf-8"), encoding="UTF-8"
            )
            schema = self._processor.parse_xml(xml_file_name=str(file))
            made = transpiler.transform_to_string(xdm_node=schema)
        except PySaxonApiError as error:
            raise SchematronError(f"{file.name} is no schematron: {shown(str(error))}") from None
        return str(made)


def _surviving(stylesheet: str, file: Path) -> str:
    """The XSLT with every test inside a try, and with the folder of the schematron as its base."""
    root = etree.fromstring(stylesheet.encode())
    root.set(_BASE, file.as_uri())
    for variable in list(root.iter(f"{{{XSLT}}}variable")):
        test = variable.getparent()
        holder = None if test is None else test.getparent()
        if variable.get("name") in _TESTS and test is not None and holder is not None:
            guard = etree.Element(f"{{{XSLT}}}try")
            holder.replace(test, guard)
            guard.append(test)
            caught = etree.SubElement(guard, f"{{{XSLT}}}catch")
            error = etree.SubElement(
                caught, f"{{{_SVRL}}}error", nsmap={"svrl": _SVRL, "err": _ERRORS}
            )
            error.set("code", "{local-name-from-QName($err:code)}")
            said = etree.SubElement(error, f"{{{XSLT}}}value-of")
            said.set("select", "$err:description")
    return etree.tostring(root, encoding="unicode")


def _key(file: Path) -> str:
    """Name of what is made of this schematron: its place, all its files, and what makes it."""
    program = resources.files("producers.check").joinpath("schxslt2", "transpile.xsl")
    digest = sha256(f"{_KEY_PREFIX}|{file.as_uri()}|".encode())
    digest.update(sha256(program.read_bytes()).digest())
    for part in _files(file):
        digest.update(sha256(part.read_bytes()).digest())
    return digest.hexdigest()


def _files(file: Path) -> Iterator[Path]:
    """The schematron and every file it includes, at any depth, in the order of the text.

    Raises SchematronError for one that is not there or can't be read.
    """
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        if len(seen) > _FILES_MAX:
            raise SchematronError(f"{file.name} includes more than {_FILES_MAX} files")
        yield part
        waiting += reversed([*_included(part, file)])


def _included(part: Path, file: Path) -> Iterator[Path]:
    for element in _root_of(part, file).iter(
        f"{{{SCHEMATRON}}}include", f"{{{SCHEMATRON}}}extends"
    ):
        target = unquote((element.get("href") or "").partition("#")[0])
        if not target:
            continue
        if re.match(r"[a-z][a-z0-9+.-]+:", target, re.IGNORECASE):
            raise SchematronError(f"{part.name} includes {shown(target)}: only files are read")
        yield Path(os.path.normpath(part.parent / target))


def _root_of(part: Path, file: Path) -> Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(part.read_bytes(), parser)
    except OSError as error:
        raise SchematronError(
            f"{file.name} needs {part.name}, which can't be read: {error.strerror}"
        ) from None
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise SchematronError(
            f"{part.name} is no well-formed XML, line {line}, column {column}"
        ) from None


def _failed(file: Path, error: PySaxonApiError) -> Finding:
    """The whole run failed: said as an error, since nothing was looked at."""
    code = re.search(r"\b[A-Z]{4}\d{4}\b", str(error))
    why = code[0] if code else "unknown reason"
    return Finding(
        source="schematron",
        severity="error",
        rule=None,
        code="schematron_failed",
        french=f"Le schématron {file.name} n'a pas pu être appliqué ({why}).",
        english=f"The schematron {file.name} could not be run ({why}).",
    )
