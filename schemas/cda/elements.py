"""Reads single elements of a CDA header: identifiers, codes, texts. A nullFlavor is absent."""

from collections.abc import Iterator
from functools import cache
from typing import Final, cast

from lxml import etree

from .document import Coded

Element = etree._Element

NAMESPACE: Final = "urn:hl7-org:v3"
_MAX_PLACES: Final = 20
_MAX_NAME: Final = 40
CLINICAL_DOCUMENT: Final = f"{{{NAMESPACE}}}ClinicalDocument"
ACCESSION_NUMBER: Final = "{urn:dicom-org:ps3-20}accessionNumber"


@cache
def path(steps: str) -> str:
    """`a/b[@c]` with the CDA namespace on every step, for `find` and `findall`."""
    return "/".join(f"{{{NAMESPACE}}}{step}" for step in steps.split("/"))


def identifier(element: Element | None) -> str | None:
    """`root^extension`, or the root alone; None for a nullFlavor or without a root."""
    if element is None or element.get("nullFlavor") is not None:
        return None
    root = (element.get("root") or "").strip()
    extension = (element.get("extension") or "").strip()
    if not root:
        return None
    return f"{root}^{extension}" if extension else root


def identifiers(parent: Element, steps: str) -> tuple[str, ...]:
    """All identifiers at this path, in the order of the file."""
    found = (identifier(element) for element in parent.iterfind(path(steps)))
    return tuple(value for value in found if value is not None)


def preferred_identifier(parent: Element, steps: str, root: str) -> str | None:
    """The first identifier under this root, else the first of all."""
    found = identifiers(parent, steps)
    return next((value for value in found if value.startswith(root + "^")), None) or next(
        iter(found), None
    )


def attribute(parent: Element, steps: str, name: str) -> str | None:
    """This attribute of the first element at this path. None for a nullFlavor."""
    element = parent.find(path(steps))
    if element is None or element.get("nullFlavor") is not None:
        return None
    return (element.get(name) or "").strip() or None


def coded(element: Element | None) -> Coded | None:
    """Code and system of a coded element; None for a nullFlavor or without a code."""
    if element is None or element.get("nullFlavor") is not None:
        return None
    code = (element.get("code") or "").strip()
    return Coded(code, (element.get("codeSystem") or "").strip()) if code else None


def text_of(element: Element | None) -> str | None:
    """All text inside, with runs of white space as one space. None without text."""
    if element is None:
        return None
    text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
    return " ".join(text.split()) or None


def person_name(parent: Element, steps: str) -> str | None:
    """Family name then given name of the person at this path, for display."""
    name = parent.find(path(steps))
    if name is None:
        return None
    parts = (text_of(name.find(path("family"))), text_of(name.find(path("given"))))
    return " ".join(part for part in parts if part) or text_of(name)


def header_elements(document: Element) -> Iterator[Element]:
    """Every element of the header, which is all but the body (`component`)."""
    for child in document:
        if child.tag != path("component"):
            yield from child.iter(f"{{{NAMESPACE}}}*")


def local_name(element: Element) -> str:
    """The tag without its namespace."""
    return str(etree.QName(element).localname)


class Places:
    """The first places of a flaw. Later ones cost nothing and are not named.

    A hostile header has a hundred thousand places, each two hundred elements deep.
    """

    def __init__(self) -> None:
        self._found: list[str] = []
        self.line: int | None = None

    def add(self, element: Element) -> None:
        """Remembers where this element stands, while there is room."""
        if not self._found:
            self.line = line_of(element)
        if len(self._found) < _MAX_PLACES:
            self._found.append(place(element))

    def __str__(self) -> str:
        """`a, b and c` for a sentence, each place once, in the order of the file."""
        *others, last = dict.fromkeys(self._found)
        return f"{', '.join(others)} and {last}" if others else last


def line_of(element: Element | None) -> int | None:
    """The line of the file on which an element begins, from 1. None without an element."""
    return None if element is None else cast("int | None", element.sourceline)


def line_at(document: Element, steps: str) -> int | None:
    """The line of the first element at this path, else of the nearest existing one above."""
    parts = steps.split("/")
    for count in range(len(parts), 0, -1):
        found = document.find(path("/".join(parts[:count])))
        if found is not None:
            return line_of(found)
    return line_of(document)


def place(element: Element) -> str:
    """The path of an element from the header: names only, never a value."""
    names = [local_name(element)[:_MAX_NAME]]
    for ancestor in element.iterancestors():
        if ancestor.tag == CLINICAL_DOCUMENT:
            break
        names.append(local_name(ancestor)[:_MAX_NAME])
    return "/".join(reversed(names))
