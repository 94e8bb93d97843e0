"""What a header has exactly one of (CDA R2; SPEC a.5, b.4, c.1; TRAP 7).

Where one is meant, the first of several is never taken, nor are several joined: a second patient, a
second name of him, a second signer or a second document to replace would be lost without a word.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .elements import Element, line_of, local_name, path
from .hardened import CdaUnreadable

Tree = Mapping[str, "Tree"]


def _tree(names: Mapping[str, Any]) -> Tree:
    return {path(name): _tree(inside) for name, inside in names.items()}


_NONE: Final[Mapping[str, Any]] = {}
_SINGLE: Final = _tree(
    {
        **dict.fromkeys(
            ("id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode"), _NONE
        ),
        **dict.fromkeys(("setId", "versionNumber", "componentOf"), _NONE),
        "recordTarget": {
            "patientRole": {
                "patient": dict.fromkeys(
                    ("name", "administrativeGenderCode", "birthTime", "birthplace"), _NONE
                )
            }
        },
        "custodian": {"assignedCustodian": {"representedCustodianOrganization": _NONE}},
        "legalAuthenticator": {"time": _NONE, "assignedEntity": _NONE},
        "component": {"nonXMLBody": {"text": _NONE}, "structuredBody": _NONE},
    }
)
"""Elements that stand at most once in their parent, and those inside them."""
_PARENT_OF_ID: Final = _tree({"id": _NONE})
_ADDRESS: Final = path("recordTarget/patientRole/patient/birthplace/place/addr")
_IN_ADDRESS: Final = _tree({"county": _NONE})
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
    yield from _seconds_among(document, _SINGLE)
    address = document.find(_ADDRESS)
    if address is not None:
        yield from _seconds_among(address, _IN_ADDRESS)
    yield from _second_names(document)
    yield from _second_replacement(document)


def _seconds_among(parent: Element, single: Tree) -> Iterator[Element]:
    """In one walk: those of a parent, and those inside the first of each."""
    met = set[str]()
    for child in parent:
        inside = single.get(child.tag)
        if inside is None:
            continue
        if child.tag in met:
            yield child
        elif inside:
            yield from _seconds_among(child, inside)
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
            yield from _seconds_among(parent, _PARENT_OF_ID)


def _told(element: Element) -> str:
    name, qualifier = local_name(element), element.get("qualifier")
    if element.tag == _RELATED:
        return f"{name} with typeCode RPLC"
    return f"{name} with qualifier {qualifier}" if qualifier in _QUALIFIED else name
