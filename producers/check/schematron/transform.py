"""ISO schematrons: made into XSLT once, kept in a folder, and run on documents with Saxon.

SchXslt2 makes the XSLT (`schxslt2/`). Every test is then put inside a try, so that one which fails
to run, for want of a file it reads, is named and takes no other with it. No network is used: Saxon
may open files only. A schematron that was already made into XSLT is run as it is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Final

from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor, PyXdmNode, PyXsltExecutable

from producers.check.finding import Finding, of_schematron, shown
from schemas.cda.elements import Element

from .files import SCHEMATRON, SchematronError, SchematronFiles
from .svrl import findings_of_report

XSLT: Final = "http://www.w3.org/1999/XSL/Transform"
_STYLESHEETS: Final = (f"{{{XSLT}}}stylesheet", f"{{{XSLT}}}transform")
_SVRL: Final = "http://purl.oclc.org/dsdl/svrl"
_ERRORS: Final = "http://www.w3.org/2005/xqt-errors"
_BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"
_STAYS_ALIVE: Final = "Q{http://dmaus.name/ns/2023/schxslt}terminate-validation-on-error"
_PROTOCOLS: Final = "http://saxon.sf.net/feature/allowedProtocols"
_TESTS: Final = frozenset({"failed-assert", "successful-report"})
_MADE_BY: Final = "1"
"""Changes when what is made of a schematron changes."""


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
        self._processor.set_configuration_property(_PROTOCOLS, "file")
        self._kept = kept

    def schematron(self, file: Path) -> Schematron:
        """The schematron, or XSLT made of one, in this file. Raises SchematronError."""
        file = file.absolute()
        files = SchematronFiles(file)
        root = files.root()
        if root.tag in _STYLESHEETS:
            text = etree.tostring(_based(root, file), encoding="unicode")
        elif root.tag == f"{{{SCHEMATRON}}}schema":
            text = self._stylesheet(files)
        else:
            raise SchematronError(f"{file.name} is neither an ISO schematron nor a stylesheet")
        return Schematron(self, file, self._compiled(file, text))

    def node(self, document: Element) -> PyXdmNode:
        """A document as Saxon reads it."""
        text = etree.tostring(document, encoding="unicode", with_tail=False)
        return self._processor.parse_xml(xml_text=text, encoding="UTF-8")

    def _compiled(self, file: Path, text: str) -> PyXsltExecutable:
        compiler = self._processor.new_xslt30_processor()
        try:
            with _quiet():
                return compiler.compile_stylesheet(stylesheet_text=text, encoding="UTF-8")
        except PySaxonApiError as error:
            raise SchematronError(f"{file.name} can't be compiled: {_reason(error)}") from None

    def _stylesheet(self, files: SchematronFiles) -> str:
        """The XSLT of a schematron: the one that is kept, or made now and kept."""
        schema = etree.tostring(files.assembled(), encoding="unicode")
        kept = None if self._kept is None else self._kept / f"{_key(files.file, schema)}.xsl"
        if kept is not None and kept.is_file():
            return kept.read_text("utf-8")
        made = _surviving(self._transpiled(files.file, schema), files.file)
        if kept is not None:
            part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
            part.write_text(made, "utf-8")
            part.replace(kept)
        return made

    def _transpiled(self, file: Path, schema: str) -> str:
        compiler = self._processor.new_xslt30_processor()
        compiler.set_parameter(_STAYS_ALIVE, self._processor.make_boolean_value(False))
        try:
            with _quiet():
                transpiler = compiler.compile_stylesheet(
                    stylesheet_text=_transpiler(), encoding="UTF-8"
                )
                node = self._processor.parse_xml(xml_text=schema, encoding="UTF-8")
                return str(transpiler.transform_to_string(xdm_node=node))
        except PySaxonApiError as error:
            raise SchematronError(f"{file.name} is no schematron: {_reason(error)}") from None


def _transpiler() -> str:
    program = resources.files("producers.check.schematron").joinpath("schxslt2", "transpile.xsl")
    return program.read_text("utf-8")


def _based(root: Element, file: Path) -> Element:
    """The stylesheet, looking for the files it reads from the folder of `file`."""
    if root.get(_BASE) is None:
        root.set(_BASE, file.as_uri())
    return root


def _surviving(stylesheet: str, file: Path) -> str:
    """The XSLT with every test inside a try, and with the folder of the schematron as its base."""
    root = _based(etree.fromstring(stylesheet.encode()), file)
    for variable in list(root.iter(f"{{{XSLT}}}variable")):
        test = variable.getparent()
        holder = None if test is None else test.getparent()
        if variable.get("name") in _TESTS and test is not None and holder is not None:
            guard = etree.Element(f"{{{XSLT}}}try")
            holder.replace(test, guard)
            guard.append(test)
            guard.append(_caught())
    return etree.tostring(root, encoding="unicode")


def _caught() -> Element:
    """What a test that fails to run leaves in the report: the error's code and description."""
    caught = etree.Element(f"{{{XSLT}}}catch")
    error = etree.SubElement(caught, f"{{{_SVRL}}}error", nsmap={"svrl": _SVRL, "err": _ERRORS})
    error.set("code", "{local-name-from-QName($err:code)}")
    said = etree.SubElement(error, f"{{{XSLT}}}value-of")
    said.set("select", "$err:description")
    return caught


def _key(file: Path, schema: str) -> str:
    """Name of what is made of this schematron: its place, its text, and what makes it."""
    digest = sha256()
    for part in (_MADE_BY, file.as_uri(), schema, _transpiler()):
        digest.update(sha256(part.encode()).digest())
    return digest.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Saxon writes its own account of errors on the process's standard error: not in the block."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _reason(error: PySaxonApiError) -> str:
    return shown(str(error))[:500]


def _failed(file: Path, error: PySaxonApiError) -> Finding:
    """The whole run failed: said as an error, since nothing was looked at."""
    code = re.search(r"\b[A-Z]{4}\d{4}\b", str(error))
    why = code[0] if code else "unknown reason"
    return of_schematron(
        "error",
        "schematron_failed",
        f"Le schématron {file.name} n'a pas pu être appliqué ({why}).",
        f"The schematron {file.name} could not be run ({why}).",
    )
