"""may_see against a table written independently, over the product of all inputs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from schemas.events import DocumentFlags, DocumentStatus
from schemas.policy.may_see import (
    WITHOUT_END,
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
LATER = NOW + timedelta(microseconds=1)

# SPEC h.2, line by line: visible when Approved and with each flag alone; Archived; closed record.
# The line of the attending physician stands twice (SPEC j.23), "blocked" is "nobody".
EXPECTED = {
    # reader:         approved masked hidden-p hidden-r archived closed
    "patient":        (True,  True,  False, True,  True,  True),
    "representative": (True,  True,  False, False, True,  False),
    "author":         (True,  True,  True,  True,  True,  False),
    "attending":      (True,  False, True,  True,  True,  False),
    "sees masked":    (True,  True,  True,  True,  True,  False),
    "professional":   (True,  False, True,  True,  True,  False),
    "break-glass":    (True,  False, True,  True,  True,  False),
    "regulation":     (True,  False, True,  True,  False, False),
    "nobody":         (False, False, False, False, False, False),
}  # fmt: skip


def line(reader: Reader, record: RecordFacts, mine: bool) -> str:
    """Which line of the table applies, in the words of SPEC h.2 and h.3."""
    minor = record.birth_date is CHILD
    if reader.kind is ReaderKind.PATIENT:
        return "patient"
    if reader.kind is ReaderKind.REPRESENTATIVE:
        return "representative" if minor else "nobody"
    if reader.blocked or (reader.kind is ReaderKind.SECRET and not minor):
        return "nobody"
    if mine and ME in reader.ids:
        return "author"
    if reader.readable_types is not None and "11502-2" not in reader.readable_types:
        return "nobody"
    if reader.kind is ReaderKind.REGULATION:
        return "nobody" if record.regulation_opposed else "regulation"
    if reader.kind is ReaderKind.BREAK_GLASS:
        return "break-glass" if reader.motive and not record.break_glass_opposed else "nobody"
    if reader.attending:
        return "sees masked" if reader.attending_sees_masked else "attending"
    return "professional" if reader.authorised_until == LATER else "nobody"


def expected(row: str, status: DocumentStatus, flags: DocumentFlags, closed: bool) -> bool:
    approved, masked, hidden, hidden_rep, archived, when_closed = EXPECTED[row]
    if status in (DocumentStatus.DEPRECATED, DocumentStatus.DELETED) or not approved:
        return False
    answers: list[bool] = [approved]
    if flags & DocumentFlags.MASQUE_PS:
        answers.append(masked)
    if flags & DocumentFlags.INVISIBLE_PATIENT:
        answers.append(hidden)
    if flags & DocumentFlags.INVISIBLE_REPRESENTANTS_LEGAUX:
        answers.append(hidden_rep)
    if status is DocumentStatus.ARCHIVED:
        answers.append(archived)
    if closed:
        answers.append(when_closed)
    return all(answers)


WHO = list(
    product(
        (frozenset[str](), frozenset({ME})),
        (None, NOW, LATER),  # none, one that ends now, one that ends later
        (False, True),
        (False, True),
        (False, True),
        (None, frozenset({"11502-2"}), frozenset[str]()),
        ("", "unconscious"),
    )
)
RECORDS = [
    RecordFacts(*facts)
    for facts in product((False, True), (CHILD, ADULT, None), (False, True), (False, True))
]
PAPERS = [
    (status, DocumentFlags(bits), mine)
    for status, bits, mine in product(DocumentStatus, range(8), (False, True))
]


@pytest.mark.parametrize("kind", ReaderKind)
def test_every_input_against_the_table(kind: ReaderKind) -> None:
    table = {
        (row, closed): [expected(row, status, flags, closed) for status, flags, _ in PAPERS]
        for row, closed in product(EXPECTED, (False, True))
    }
    documents = [
        DocumentFacts("11502-2", status, flags, frozenset({ME, OTHER} if mine else {OTHER}))
        for status, flags, mine in PAPERS
    ]
    authored = [mine for _, _, mine in PAPERS]
    for who, record in product(WHO, RECORDS):
        reader = Reader(kind, *who)
        own = table[line(reader, record, True), record.closed]
        foreign = table[line(reader, record, False), record.closed]
        wanted = [o if mine else f for o, f, mine in zip(own, foreign, authored, strict=True)]
        assert [may_see(reader, record, d, NOW) for d in documents] == wanted, (reader, record)


@pytest.mark.parametrize("bits", [DocumentFlags.CONTENT, DocumentFlags.MASQUE_PS_BY_PATIENT])
@pytest.mark.parametrize("kind", ReaderKind)
def test_other_bits_hide_nothing(kind: ReaderKind, bits: DocumentFlags) -> None:
    reader = Reader(kind, authorised_until=LATER, motive="unconscious")
    document = DocumentFacts("11502-2", DocumentStatus.APPROVED, bits)
    assert may_see(reader, RecordFacts(False, CHILD), document, NOW)


def test_an_authorisation_ends_at_its_moment_without_an_event() -> None:
    reader = Reader(ReaderKind.PROFESSIONAL, authorised_until=NOW)
    document = DocumentFacts("11502-2", DocumentStatus.APPROVED, DocumentFlags(0))
    assert may_see(reader, RecordFacts(), document, NOW - timedelta(microseconds=1))
    assert not may_see(reader, RecordFacts(), document, NOW)
    for_ever = Reader(ReaderKind.PROFESSIONAL, authorised_until=WITHOUT_END)
    assert may_see(for_ever, RecordFacts(), document, NOW + timedelta(days=365_000))


def test_a_blank_motive_breaks_no_glass() -> None:
    document = DocumentFacts("11502-2", DocumentStatus.APPROVED, DocumentFlags(0))
    assert not may_see(Reader(ReaderKind.BREAK_GLASS, motive=" \t"), RecordFacts(), document, NOW)


@pytest.mark.parametrize("type_code", ["E1762", "IMG-KOS"])
@pytest.mark.parametrize("kind", ReaderKind)
def test_technical_documents_are_seen_by_nobody(type_code: str, kind: ReaderKind) -> None:
    document = DocumentFacts(type_code, DocumentStatus.APPROVED, DocumentFlags(0), frozenset({ME}))
    reader = Reader(
        kind,
        frozenset({ME}),
        authorised_until=WITHOUT_END,
        attending=True,
        attending_sees_masked=True,
        motive="unconscious",
    )
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
