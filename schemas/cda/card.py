"""The metadata of a document as a card for a terminal."""

from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from schemas import valuesets

from .document import CdaDocument

# XML lets C1 control characters through. Text of a file must never steer the terminal.
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)))


def card(document: CdaDocument) -> RenderableType:
    """A panel with document, patient, authors and act, then the remarks."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for name, value in _rows(document):
        if value:
            rows.add_row(name, _plain(value))
    parts: list[RenderableType] = [rows]
    for problem in document.problems:
        parts.append(Text.assemble(("! ", "yellow"), (problem.code, "yellow"), " ", problem.detail))
    return Panel(Group(*parts), title=_plain(document.file or "CDA"), title_align="left")


def _plain(value: str) -> Text:
    return Text(value.translate(_CONTROLS))


def _rows(document: CdaDocument) -> tuple[tuple[str, str | None], ...]:
    return (
        ("Document", document.unique_id),
        ("Version", _version(document)),
        ("Type", _type(document)),
        ("Title", document.title),
        ("Format", f"{document.format_code or '?'}  {document.mime_type}"),
        ("Patient", _patient(document)),
        ("Created", document.creation_time),
        ("Act", " to ".join(filter(None, (document.service_start, document.service_stop)))),
        ("Authors", "\n".join(_authors(document))),
        ("Custodian", document.custodian),
        ("Signed by", _signer(document)),
        ("Setting", _setting(document)),
        ("Body", " ".join(filter(None, (document.body.kind, document.body.media_type)))),
        ("Bytes", f"{document.size:,}  SHA-1 {document.sha1}"),
        ("SHA-256", document.sha256),
    )


def _version(document: CdaDocument) -> str:
    version = f"{document.version or '?'} of {document.set_id or '?'}"
    return f"{version}, replaces {document.replaces}" if document.replaces else version


def _type(document: CdaDocument) -> str | None:
    if document.type is None:
        return None
    label = valuesets.type_label(document.type.code) or "not in the list of types"
    class_label = valuesets.class_label(document.class_code or "")
    return f"{document.type}  {label}" + (f" ({class_label})" if class_label else "")


def _patient(document: CdaDocument) -> str:
    ins = document.ins
    identity = f"{ins.oid}^{ins.matricule}" if ins else "no single INS"
    key = "" if ins is None or ins.key_valid else " (wrong key)"
    traits = (document.birth_name, document.birth_given, document.sex, document.birth_time)
    return f"{identity}{key}  {' '.join(filter(None, traits))}"


def _authors(document: CdaDocument) -> list[str]:
    return [
        "  ".join(
            filter(None, (author.id, author.name, author.specialty, author.organisation_name))
        )
        for author in document.authors
    ]


def _signer(document: CdaDocument) -> str | None:
    signer = document.legal_authenticator
    return "  ".join(filter(None, (signer.id, signer.name, signer.time))) if signer else None


def _setting(document: CdaDocument) -> str:
    found = (document.practice_setting, document.facility_type)
    listed = (valuesets.PRACTICE_SETTINGS, valuesets.FACILITIES)
    labels = [
        f"{code} ({entries[code].label})" if code in entries else code
        for code, entries in zip(found, listed, strict=True)
        if code
    ]
    return ", ".join(labels)
