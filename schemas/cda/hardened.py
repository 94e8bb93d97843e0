"""Reads bytes of anybody as an XML tree: no DTD, no entity, no network, bounded cost (TRAP 24).

Cheap counts on the raw bytes come first, since a tree costs up to a hundred times its text. At
these bounds the worst file built so far takes one second and 80 MB. The counts hold for encodings
in which `<` is one byte, hence the list of encodings. A stylesheet instruction or an embedded
stylesheet is never resolved or run.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from lxml import etree

MAX_BYTES: Final = 8 * 1024 * 1024
"""Largest document (decision 0005). libxml2 refuses a text node of 10 MB."""
MAX_MARKUP: Final = 120_000
"""Most `<` in a document: tags, comments and instructions (the largest official sample: 6,300)."""
MAX_ATTRIBUTES: Final = 120_000
"""Most `=` in a document: an upper bound of its attributes (largest official sample: 5,400)."""
MAX_DEPTH: Final = 256
"""Deepest nesting of elements: the default bound of libxml2."""

UnreadableCode = Literal[
    "unreadable",
    "empty",
    "too_large",
    "too_many_elements",
    "too_many_attributes",
    "too_deep",
    "encoding_not_accepted",
    "doctype",
    "not_xml",
    "no_clinical_document",
    "several_clinical_documents",
    "several_of_one",
]

_BOM: Final = b"\xef\xbb\xbf"
_ENCODINGS: Final = frozenset(
    {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"}
)
_DECLARED: Final = re.compile(
    rb"""<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']"""
)
_SPACE: Final = b" \t\r\n"
_DEPTH_ERROR: Final = "Excessive depth"
_HARDENED: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}


@dataclass(frozen=True, slots=True)
class CdaUnreadable:
    """The reason why these bytes are not read as a CDA. `detail` holds nothing of their content."""

    code: UnreadableCode
    detail: str


def unreadable_bytes(data: bytes) -> CdaUnreadable | None:
    """The reason that the raw bytes alone give, None without one. Linear in their number."""
    if not data.strip(_BOM + _SPACE):
        return CdaUnreadable("empty", "The file holds nothing.")
    if len(data) > MAX_BYTES:
        return CdaUnreadable("too_large", f"A document has at most {MAX_BYTES} bytes.")
    if _encoding(data) not in _ENCODINGS:
        return CdaUnreadable("encoding_not_accepted", "Write the document in UTF-8.")
    if _exceeds(data, b"<", MAX_MARKUP):
        return CdaUnreadable("too_many_elements", f"At most {MAX_MARKUP} tags are read.")
    if _exceeds(data, b"=", MAX_ATTRIBUTES):
        return CdaUnreadable(
            "too_many_attributes", f"At most {MAX_ATTRIBUTES} attributes are read."
        )
    if _has_doctype(data):
        return CdaUnreadable("doctype", "A document type declaration (DTD, entities) is refused.")
    return None


def _exceeds(data: bytes, mark: bytes, most: int) -> bool:
    """True when the mark occurs more than `most` times. Short files are not counted."""
    return len(data) > most and data.count(mark) > most


def _encoding(data: bytes) -> str:
    """The declared encoding in lower case, utf-8 without one, "" for one unlike ASCII."""
    text = data.removeprefix(_BOM)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:256]:
        return ""
    declared = _DECLARED.match(text)
    return declared.group(1).decode("ascii").lower() if declared else "utf-8"


def _has_doctype(data: bytes) -> bool:
    """True when a DOCTYPE stands in the prolog, the only place where XML allows one."""
    position = len(_BOM) if data.startswith(_BOM) else 0
    while position >= 0:
        while data[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
            position += 1
        if data.startswith(b"<?", position):
            position = _after(data, b"?>", position + 2)
        elif data.startswith(b"<!--", position):
            position = _after(data, b"-->", position + 4)
        else:
            return data.startswith(b"<!DOCTYPE", position)
    return False


def _after(data: bytes, mark: bytes, start: int) -> int:
    found = data.find(mark, start)
    return found + len(mark) if found >= 0 else -1


def hardened_tree(data: bytes) -> etree._Element | CdaUnreadable:
    """The root of the whole tree without comments and instructions, or the reason for none."""
    refusal = unreadable_bytes(data)
    if refusal is not None:
        return refusal
    parser = etree.XMLParser(**_HARDENED)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        return unreadable_syntax(error)
    return unreadable_tree(root) or root


def hardened_pull_parser(tags: tuple[str, ...]) -> etree.XMLPullParser:
    """An incremental parser as careful as `hardened_tree`. It reports the start of these tags."""
    return etree.XMLPullParser(events=("start",), tag=tags, **_HARDENED)


def unreadable_tree(root: etree._Element) -> CdaUnreadable | None:
    """The second look at DTD and encoding: the view of the parser must agree with the raw bytes."""
    information = root.getroottree().docinfo
    # The stubs promise a DTD where lxml gives None.
    if cast("object | None", information.internalDTD) is not None:
        return CdaUnreadable("doctype", "A document type declaration (DTD, entities) is refused.")
    if (information.encoding or "utf-8").lower() not in _ENCODINGS:
        return CdaUnreadable("encoding_not_accepted", "Write the document in UTF-8.")
    return None


def unreadable_syntax(error: etree.XMLSyntaxError) -> CdaUnreadable:
    """Line and kind of the error. The sentence of libxml2 may quote the content: it is left out."""
    if _DEPTH_ERROR in str(error.msg):
        return CdaUnreadable("too_deep", f"Elements nest at most {MAX_DEPTH} deep.")
    line, column = error.position
    code = error.code  # type: ignore[attr-defined]  # the stubs forget it
    return CdaUnreadable(
        "not_xml",
        f"Not well-formed XML at line {line}, column {column} (libxml2 error {code}).",
    )
