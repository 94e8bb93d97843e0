"""may_see against a table written independently, over the product of all inputs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product

import pytest

from schemas.events import DocumentStatus, Flags
from schemas.may_see import (
    DocumentFacts,
    Reader,
    ReaderKind,
    RecordFacts,
    earliest_birth_date,
    is_minor,
    may_see,
)

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
CHILD, ADULT = date(2015, 3, 1), date(1980, 3, 1)
ME = "1.2.250.1.71.4.2.1^899700000001"
OTHER = "1.2.250.1.71.4.2.1^899700000002"

# SPEC h.2, line by line: visible when Approved and with each flag alone; Archived; closed record.
EXPECTED = {
    # reader:         approved masked hidden-p hidden-r archived closed
    "patient":        (True,  True,  False, True,  True,  True),
    "representative": (True,  True,  False, False, True,  False),
    "author":         (True,  True,  True,  True,  True,  False),
    "treating":       (True,  True,  True,  True,  True,  False),
    "professional":   (True,  False, True,  True,  True,  False),
    "regulation":     (True,  False, True,  True,  False, False),
    "nobody":         (False, False, False, False, False, False),
}  # fmt: skip


def line(reader: Reader, mine: bool, minor: bool, in_matrix: bool) -> str:
    """Which line of the table applies, in the words of SPEC h.2."""
    if reader.kind is ReaderKind.PATIENT:
        return "patient"
    if reader.kind is ReaderKind.REPRESENTATIVE:
        return "representative" if minor else "nobody"
    if reader.blocked:
        return "nobody"
    if mine and reader.ids:
        return "author"
    if not in_matrix:
        return "nobody"
    if reader.kind is ReaderKind.REGULATION:
        return "regulation"
    if not reader.authorised:
        return "nobody"
    return "treating" if reader.sees_masked else "professional"


def expected(row: str, status: DocumentStatus, flags: Flags, closed: bool) -> bool:
    approved, masked, hidden, hidden_rep, archived, when_closed = EXPECTED[row]
    if status in (DocumentStatus.DEPRECATED, DocumentStatus.DELETED) or not approved:
        return False
    answers = [approved]
    if flags & Flags.MASQUE_PS:
        answers.append(masked)
    if flags & Flags.INVISIBLE_PATIENT:
        answers.append(hidden)
    if flags & Flags.INVISIBLE_REPRESENTANTS_LEGAUX:
        answers.append(hidden_rep)
    if status is DocumentStatus.ARCHIVED:
        answers.append(archived)
    if closed:
        answers.append(when_closed)
    return all(answers)


READERS = [
    Reader(kind, ids, authorised, blocked, sees_masked, types)
    for kind, ids, authorised, blocked, sees_masked, types in product(
        ReaderKind,
        (frozenset[str](), frozenset({ME})),
        (False, True),
        (False, True),
        (False, True),
        (None, frozenset({"11502-2"}), frozenset[str]()),
    )
]


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_every_input_against_the_table(reader: Reader) -> None:
    for closed, birth, status, bits, mine in product(
        (False, True), (CHILD, ADULT, None), DocumentStatus, range(32), (False, True)
    ):
        authors = frozenset({ME, OTHER} if mine else {OTHER})
        document = DocumentFacts("11502-2", status, Flags(bits), authors)
        in_matrix = reader.readable_types is None or "11502-2" in reader.readable_types
        row = line(reader, mine, birth is CHILD, in_matrix)
        assert may_see(reader, RecordFacts(closed, birth), document, NOW) is expected(
            row, status, Flags(bits), closed
        )


@pytest.mark.parametrize("type_code", ["E1762", "IMG-KOS"])
@pytest.mark.parametrize("kind", ReaderKind)
def test_technical_documents_are_seen_by_nobody(type_code: str, kind: ReaderKind) -> None:
    document = DocumentFacts(type_code, DocumentStatus.APPROVED, Flags(0), frozenset({ME}))
    reader = Reader(kind, frozenset({ME}), authorised=True, sees_masked=True)
    assert not may_see(reader, RecordFacts(False, CHILD), document, NOW)


@pytest.mark.parametrize(
    ("birth", "now", "minor"),
    [
        (date(2008, 6, 15), datetime(2026, 6, 14, 21, 59, tzinfo=UTC), True),
        # 22:00 UTC is midnight in Paris in summer: the birthday has begun there.
        (date(2008, 6, 15), datetime(2026, 6, 14, 22, 0, tzinfo=UTC), False),
        (date(2008, 2, 29), datetime(2026, 2, 28, 12, tzinfo=UTC), True),
        (date(2008, 2, 29), datetime(2026, 3, 1, 12, tzinfo=UTC), False),
        (None, datetime(2026, 3, 1, 12, tzinfo=UTC), False),
    ],
)
def test_majority_comes_by_the_calendar_of_paris(
    birth: date | None, now: datetime, minor: bool
) -> None:
    assert is_minor(birth, now) is minor


@pytest.mark.parametrize(
    ("literal", "first_day"),
    [
        ("19790328", date(1979, 3, 28)),
        ("197903", date(1979, 3, 1)),
        ("1979", date(1979, 1, 1)),
        ("20150301083000+0100", date(2015, 3, 1)),
        ("19790000", date(1979, 1, 1)),
        ("19791331", None),
        ("", None),
        ("197", None),
        ("abcdefgh", None),
    ],
)
def test_partial_birth_dates_count_from_their_first_day(
    literal: str, first_day: date | None
) -> None:
    assert earliest_birth_date(literal) == first_day
