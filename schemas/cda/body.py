"""The body of a document and the codes derived from it: format and mime type (SPEC f.2, c.1)."""

from typing import Final, NamedTuple

from schemas import valuesets

from .document import Body
from .elements import NAMESPACE, Element, path

XSL_NAMESPACE: Final = "http://www.w3.org/1999/XSL/Transform"
_STYLESHEETS: Final = frozenset({f"{{{XSL_NAMESPACE}}}stylesheet", f"{{{XSL_NAMESPACE}}}transform"})
_STRUCTURED: Final = "structuredBody"
_UNSTRUCTURED: Final = "nonXMLBody"
_STRUCTURED_BODY: Final = path(f"component/{_STRUCTURED}")
_UNSTRUCTURED_BODY: Final = path(f"component/{_UNSTRUCTURED}")
_TEXT: Final = path("text")


class MediaKind(NamedTuple):
    """`structuredBody`, `nonXMLBody` or None; the media type of the latter."""

    kind: str | None
    media_type: str | None


def media_kind(document: Element) -> MediaKind:
    """The kind of body and, of an N1, its media type. Base64 is never decoded here."""
    unstructured = document.find(_UNSTRUCTURED_BODY)
    if unstructured is not None:
        text = unstructured.find(_TEXT)
        media_type = None if text is None else text.get("mediaType")
        return MediaKind(_UNSTRUCTURED, media_type.strip() if media_type else None)
    structured = document.find(_STRUCTURED_BODY)
    return MediaKind(None if structured is None else _STRUCTURED, None)


def body(document: Element) -> Body:
    """The kind of body, and the media types of its base64, which is never decoded here."""
    kind, media_type = media_kind(document)
    structured = document.find(_STRUCTURED_BODY) if kind == _STRUCTURED else None
    if structured is None:
        return Body(kind, media_type)
    return Body(_STRUCTURED, " | ".join(_embedded_media_types(structured)) or None)


def _embedded_media_types(structured: Element) -> list[str]:
    values = structured.iter(f"{{{NAMESPACE}}}value", f"{{{NAMESPACE}}}text")
    found = {
        (value.get("mediaType") or "").strip()
        for value in values
        if value.get("representation") == "B64"
    }
    return sorted(found - {""})


def is_stylesheet(root: Element) -> bool:
    """True for a stylesheet that holds the document (self-presentable)."""
    return root.tag in _STYLESHEETS


def mime_type(root: Element) -> str:
    """The mimeType of the whole file."""
    return "application/xslt+xml" if is_stylesheet(root) else "text/xml"


def format_code(templates: tuple[str, ...], type_code: str | None, found: Body) -> str | None:
    """The formatCode that templates, or the media type of an N1, give; None when no rule does.

    Of formats that followed each other, the newest: dates inside files are no proof.
    """
    roots = tuple(template.partition("^")[0] for template in templates)
    media_type = found.media_type if found.kind == _UNSTRUCTURED else None
    entry = valuesets.format_of(roots, type_code, media_type)
    return entry.code if entry else None
