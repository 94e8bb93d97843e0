"""What a header has exactly one of (CDA R2; SPEC a.5, b.4, c.1; TRAP 7).

Where one is meant, the first of several is never taken, nor are several joined: a second patient, a
second name of him, a second signer or a second document to replace would be lost without a word.
"""

from collections.abc import Iterator
from typing import Final

from .elements import Element, line_of, local_name, path
from .hardened import CdaUnreadable

_OF_DOCUMENT: Final = tuple(
    path(name)
    for name in (
        *("id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode"),
        *("setId", "versionNumber", "recordTarget", "custodian", "legalAuthenticator"),
        *("componentOf", "component"),
    )
)
_INSIDE: Final = tuple(
    (path(steps), tuple(path(name) for name in names))
    for steps, names in (
        ("recordTarget", ("patientRole",)),
        ("recordTarget/patientRole", ("patient",)),
        (
            "recordTarget/patientRole/patient",
            ("name", "administrativeGenderCode", "birthTime", "birthplace"),
        ),
        ("recordTarget/patientRole/patient/birthplace/place/addr", ("county",)),
        ("custodian", ("assignedCustodian",)),
        ("custodian/assignedCustodian", ("representedCustodianOrganization",)),
        ("legalAuthenticator", ("time", "assignedEntity")),
        ("component", ("nonXMLBody", "structuredBody")),
        ("component/nonXMLBody", ("text",)),
    )
)
_NAME: Final = path("recordTarget/patientRole/patient/name")
_FAMILY, _GIVEN, _RELATED = path("family"), path("given"), path("relatedDocument")
_QUALIFIED: Final = frozenset({"BR", "CL"})


def several_of_one(document: Element) -> CdaUnreadable | None:
    """The first of these elements that stands more than once, with its line; None: none does."""
    second = next(_seconds(document), None)
    if second is None:
        return None
    return CdaUnreadable(
        "several_of_one",
        f"{_told(second)} stands a second time, on line {line_of(second)}. A document has one: "
        "nobody could know which is meant.",
    )


def _seconds(document: Element) -> Iterator[Element]:
    yield from _seconds_among(document, _OF_DOCUMENT)
    for steps, names in _INSIDE:
        parent = document.find(steps)
        if parent is not None:
            yield from _seconds_among(parent, names)
    yield from _second_names(document)
    yield from _second_replacement(document)


def _seconds_among(parent: Element, names: tuple[str, ...]) -> Iterator[Element]:
    met = set[str]()
    for child in parent:
        if child.tag in names:
            if child.tag in met:
                yield child
            met.add(child.tag)


def _second_names(document: Element) -> Iterator[Element]:
    """Of a name of birth and of one in use there is one each; given names may be a list."""
    name = document.find(_NAME)
    met = set[tuple[str, str | None]]()
    for part in () if name is None else name:
        qualifier = part.get("qualifier")
        if part.tag == _FAMILY or (part.tag == _GIVEN and qualifier in _QUALIFIED):
            if (part.tag, qualifier) in met:
                yield part
            met.add((part.tag, qualifier))


def _second_replacement(document: Element) -> Iterator[Element]:
    """A document replaces one other, whose identifier stands once."""
    replaced = [e for e in document.iterfind(_RELATED) if e.get("typeCode") == "RPLC"]
    yield from replaced[1:]
    for related in replaced:
        for parent in related:
            yield from _seconds_among(parent, (path("id"),))


def _told(element: Element) -> str:
    name, qualifier = local_name(element), element.get("qualifier")
    if element.tag == _RELATED:
        return f"{name} with typeCode RPLC"
    return f"{name} with qualifier {qualifier}" if qualifier in _QUALIFIED else name
