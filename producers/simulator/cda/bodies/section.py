"""What sections of all bodies have: templates, a code, a title, a text, entries."""

from random import Random
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from producers.simulator.randomness import uuid_bytes


def section(
    templates: tuple[str, ...], code: str, title: str | None, text: str, entries: str = ""
) -> str:
    """A section in its component. `code`, `text`, `entries`: elements as text."""
    shown = f"<title>{escape(title)}</title>" if title else ""
    return (
        f"<component><section>{template_ids(templates)}{code}{shown}"
        f"<text>{text}</text>{entries}</section></component>"
    )


def template_ids(roots: tuple[str, ...]) -> str:
    """The templateId elements."""
    return "".join(f'<templateId root="{root}"/>' for root in roots)


def random_uuid(rng: Random) -> str:
    """A UUID in capitals, as an OID root."""
    return str(UUID(bytes=uuid_bytes(rng))).upper()


def code_of_mark(code: str, system: str, display: str, mark: str) -> str:
    """A code whose text stands in the narrative, at the element with this mark."""
    return (
        f'<code code="{code}" codeSystem="{system}" displayName={quoteattr(display)}>'
        f'<originalText><reference value="#{mark}"/></originalText></code>'
    )
