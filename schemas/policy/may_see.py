"""Who may see a document: one pure function for page, API, search, notification, export, count.

The table is SPEC h.2 (with c.4, c.5, d.5 and h.3). A document that may not be seen is absent from
rows and counts alike, never "forbidden" (TRAP 17). The sources are silent or disagree on these:

- A *closed* record (SPEC d.5: no read) shows nothing, except to the patient himself: his right of
  access to what is kept outlasts the closure. A death closes the record too.
- Opposition to feeding and a revoked identity forbid feeding (SPEC a.4, d.5), not reading.
- The attending physician (médecin traitant DMP) reads without a dated authorisation: SPEC h.2 asks
  for one of other professionals only, and d.5 names the two apart.
- Only the patient sees masked documents by right; the attending physician does when the
  installation says so (`Reader.attending_sees_masked`, default no: SPEC j.23).
- Authors see their own documents without authorisation, whatever the habilitation matrix gives
  their profession (SPEC b.4: authorship is a right of access), until the patient blocks them.
- Break-glass (SPEC h.3) replaces the authorisation and nothing else. It needs a recorded motive;
  the matrix holds; masked documents stay masked (h.2 never gives them to "other professionals"); a
  block wins, and an opposition made beforehand wins too.
- The regulation centre needs no authorisation (h.2), sees no archived documents (the table has a
  dash), and may be opposed beforehand as break-glass may (h.3).
- A secret connection (SPEC h.3) shows a professional the documents that he sees anyway: the access
  is hidden, not documents. It exists for minors only and shows nothing of others.
- A representative sees nothing while the birth date is unknown, and nothing from the 18th birthday
  on, by the calendar of Paris at the moment of reading (SPEC h.3, TRAP 19).
- An authorisation ends at its moment, at reading time, without an event (SPEC d.5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from schemas.events import DocumentFlags, DocumentStatus
from schemas.valuesets import TECHNICAL_TYPES

MAJORITY: Final = 18
PARIS: Final = ZoneInfo("Europe/Paris")
"""The zone in which ages and days are counted."""
_KOS_TYPES: Final = frozenset({"IMG-KOS"})
NEVER_LISTED: Final = TECHNICAL_TYPES | _KOS_TYPES
"""Types of documents that serve others: the signature of a submission set, the KOS of a report."""
_NOBODY: Final[frozenset[str]] = frozenset()
WITHOUT_END: Final = datetime.max.replace(tzinfo=UTC)
"""`Reader.authorised_until` of an authorisation that does not end."""


class ReaderKind(Enum):
    """The capacity of a reader. The last three are modes of access of their own (SPEC h.3)."""

    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    PROFESSIONAL = "professional"
    SECRET = "secret"
    BREAK_GLASS = "break-glass"
    REGULATION = "regulation"


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads. All fields but `kind` concern professionals.

    `ids`: his identifiers and those of his organisation (`root^extension`). `authorised_until`: end
    of the access that the patient gave (aware time, excluded), None without access. `blocked`: the
    patient blocked him or his organisation, which wins over everything. `attending`: he is the
    attending physician. `attending_sees_masked`: the installation lets attending physicians see
    masked documents. `readable_types`: typeCodes that the habilitation matrix gives his profession,
    None when no matrix is configured. `motive`: the recorded motive of a break-glass.
    """

    kind: ReaderKind
    ids: frozenset[str] = _NOBODY
    authorised_until: datetime | None = None
    blocked: bool = False
    attending: bool = False
    attending_sees_masked: bool = False
    readable_types: frozenset[str] | None = None
    motive: str = ""


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """The facts of a record that decide. `birth_date`: the earliest possible day, None if unknown.
    `break_glass_opposed`, `regulation_opposed`: the person opposed this access beforehand.
    """

    closed: bool = False
    birth_date: date | None = None
    break_glass_opposed: bool = False
    regulation_opposed: bool = False


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """The facts of a document that decide. `authors`: ids of all authors and organisations."""

    type_code: str
    status: DocumentStatus
    flags: DocumentFlags
    authors: frozenset[str] = _NOBODY


class _Standing(Enum):
    PATIENT = 0
    REPRESENTATIVE = 1
    AUTHOR = 2
    PROFESSIONAL = 3
    PROFESSIONAL_SEES_MASKED = 4
    REGULATION = 5


@dataclass(frozen=True, slots=True)
class _Right:
    hidden_by: DocumentFlags
    statuses: frozenset[DocumentStatus]
    closed_too: bool = False


_KEPT: Final = frozenset({DocumentStatus.APPROVED, DocumentStatus.ARCHIVED})

_RIGHTS: Final[Mapping[_Standing, _Right]] = MappingProxyType(
    {
        _Standing.PATIENT: _Right(DocumentFlags.INVISIBLE_PATIENT, _KEPT, closed_too=True),
        _Standing.REPRESENTATIVE: _Right(
            DocumentFlags.INVISIBLE_PATIENT | DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX, _KEPT
        ),
        _Standing.AUTHOR: _Right(DocumentFlags(0), _KEPT),
        _Standing.PROFESSIONAL: _Right(DocumentFlags.MASQUE_PS, _KEPT),
        _Standing.PROFESSIONAL_SEES_MASKED: _Right(DocumentFlags(0), _KEPT),
        _Standing.REGULATION: _Right(DocumentFlags.MASQUE_PS, frozenset({DocumentStatus.APPROVED})),
    }
)


def may_see(reader: Reader, record: RecordFacts, document: DocumentFacts, now: datetime) -> bool:
    """True when this reader may know at `now` (aware) that this document exists.

    Archived documents are shown apart. Nobody sees replaced and deleted documents, signatures and
    key object selections (SPEC h.2, TRAP 25).
    """
    if is_technical(document.type_code):
        return False
    standing = _standing(reader, record, document, now)
    if standing is None:
        return False
    right = _RIGHTS[standing]
    if record.closed and not right.closed_too:
        return False
    return document.status in right.statuses and not document.flags & right.hidden_by


def is_technical(type_code: str) -> bool:
    """True for types that serve other documents and are never listed nor counted (TRAP 25).

    They are the signature of a submission set and the KOS of an imaging report.
    """
    return type_code in NEVER_LISTED


def is_minor(birth_date: date | None, now: datetime) -> bool:
    """True when this person is known to be under 18 in Paris at `now` (aware time).

    Somebody born on 29 February comes of age on 1 March.
    """
    if birth_date is None:
        return False
    today = now.astimezone(PARIS)
    last = (today.year - MAJORITY, today.month, today.day)
    return (birth_date.year, birth_date.month, birth_date.day) > last


def earliest_birth_date(literal: str) -> date | None:
    """The first possible day of a birth date (HL7 literal, maybe partial); None when unreadable.

    A year alone counts from 1 January: a representative's access then ends too early rather than
    too late.
    """
    digits = literal[:8]
    if len(digits) not in (4, 6, 8) or not (digits.isascii() and digits.isdigit()):
        return None
    year, month, day = int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1)
    try:
        return date(year, month or 1, day or 1)
    except ValueError:
        return None


def _standing(
    reader: Reader, record: RecordFacts, document: DocumentFacts, now: datetime
) -> _Standing | None:
    kind = reader.kind
    if kind is ReaderKind.PATIENT:
        return _Standing.PATIENT
    if kind is ReaderKind.REPRESENTATIVE:
        return _Standing.REPRESENTATIVE if is_minor(record.birth_date, now) else None
    if reader.blocked:
        return None
    if kind is ReaderKind.SECRET and not is_minor(record.birth_date, now):
        return None
    if not reader.ids.isdisjoint(document.authors):
        return _Standing.AUTHOR
    readable = reader.readable_types is None or document.type_code in reader.readable_types
    return _as_other_professional(reader, record, now) if readable else None


def _as_other_professional(reader: Reader, record: RecordFacts, now: datetime) -> _Standing | None:
    """The standing of a professional towards documents of others that his profession may read."""
    if reader.kind is ReaderKind.REGULATION:
        return None if record.regulation_opposed else _Standing.REGULATION
    if reader.kind is ReaderKind.BREAK_GLASS:
        refused = record.break_glass_opposed or not reader.motive.strip()
        return None if refused else _Standing.PROFESSIONAL
    if reader.attending:
        masked_too = reader.attending_sees_masked
        return _Standing.PROFESSIONAL_SEES_MASKED if masked_too else _Standing.PROFESSIONAL
    until = reader.authorised_until
    return _Standing.PROFESSIONAL if until is not None and now < until else None
