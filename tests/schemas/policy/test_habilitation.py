"""The habilitation matrix: dated, narrowest row first, deny by default, faults with their line."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.policy.habilitation import (
    BYTES_MAX,
    COLUMNS,
    HabilitationError,
    Matrix,
    may_feed,
    parse_matrix,
    read_matrix,
    readable_types,
)
from schemas.valuesets import CLASS_OF_TYPE, SUBJECT_ROLES, TYPE_CODES

ROOT = Path(__file__).resolve().parents[3]
MADE_UP_FILE = ROOT / "schemas" / "valuesets" / "habilitation_made_up.tsv"
HEADER = "\t".join(COLUMNS)
ROLES = ("10", "21", "60", "93")
TYPES = ("11502-2", "11488-4", "57833-6", "60593-1", "E1762")
DOCUMENTS = (*TYPES, "class:10", "class:31", "class:42", "*")
FIRST = date(2024, 1, 1)

rows = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from(ROLES), st.sampled_from(DOCUMENTS)),
    st.sampled_from(("read", "feed", "read+feed", "none")),
    min_size=1,
    max_size=25,
)
Rows = dict[tuple[int, str, str], str]


def text_of(given_rows: Rows) -> str:
    lines = [
        f"{FIRST + timedelta(days=10 * version)}\t{role}\t{documents}\t{rights}"
        for (version, role, documents), rights in given_rows.items()
    ]
    return "\n".join(["# a comment", HEADER, *lines])


def allowed(given_rows: Rows, what: str, role: str, type_code: str, day: int) -> bool:
    """The oracle: the newest version begun, then the narrowest row of the role."""
    begun = [version for version, _, _ in given_rows if 10 * version <= day]
    if not begun:
        return False
    for documents in (type_code, f"class:{CLASS_OF_TYPE.get(type_code)}", "*"):
        rights = given_rows.get((max(begun), role, documents))
        if rights is not None:
            return what in rights.split("+")
    return False


@given(rows, st.sampled_from((*ROLES, "70")), st.sampled_from(TYPES), st.integers(-5, 45))
def test_rights_are_those_of_the_rows(
    given_rows: Rows, role: str, type_code: str, day: int
) -> None:
    matrix = parse_matrix(text_of(given_rows))
    on = FIRST + timedelta(days=day)
    assert may_feed(matrix, role, type_code, on) is allowed(
        given_rows, "feed", role, type_code, day
    )
    readable = readable_types(matrix, role, on)
    assert readable is not None
    assert (type_code in readable) is allowed(given_rows, "read", role, type_code, day)


def test_what_is_not_listed_is_refused() -> None:
    matrix = parse_matrix(f"{HEADER}\n2024-01-01\t10\t*\tread+feed")
    assert may_feed(matrix, "10", "11502-2", FIRST)
    assert not may_feed(matrix, "10", "11502-2", FIRST - timedelta(days=1)), "before the first"
    assert not may_feed(matrix, "10", "99999-9", FIRST), "a type of no list"
    assert not may_feed(matrix, "21", "11502-2", FIRST), "another profession"
    assert not may_feed(matrix, None, "11502-2", FIRST), "nobody knows which profession"
    assert readable_types(matrix, None, FIRST) == frozenset()


def test_without_a_matrix_everybody_may() -> None:
    assert may_feed(None, None, "11502-2", FIRST)
    assert readable_types(None, "10", FIRST) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2024-01-01\t11\t*\tread", "line 3: '11' is no profession of J65"),
        ("2024-01-01\t10\t1-1\tread", "line 3: '1-1' is no type"),
        ("2024-01-01\t10\tclass:7\tread", "line 3: 'class:7' is no type"),
        ("2024-01-01\t10\t*\twrite", "line 3: 'write' is none of read, feed"),
        ("2024-02-30\t10\t*\tread", "line 3: '2024-02-30' is no day"),
        ("20240101\t10\t*\tread", "line 3: '20240101' is no day"),
        ("2024-01-01\t10\t*", "line 3: has 3 columns"),
        ("2024-01-01\t10\t*\tread\tmore", "line 3: has 5 columns"),
        ("2024-01-01\t10\t*\tread\n2024-01-01\t10\t*\tfeed", "line 4: says again what line 3"),
    ],
)
def test_a_fault_is_told_with_its_line(line: str, said: str) -> None:
    with pytest.raises(HabilitationError) as refused:
        parse_matrix(f"# for a test\n{HEADER}\n{line}\n")
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(said)


@pytest.mark.parametrize("text", ["", "# only a comment\n", HEADER, "role\tdocuments\n10\t*"])
def test_a_text_without_rows_or_columns_is_no_matrix(text: str) -> None:
    with pytest.raises(HabilitationError):
        parse_matrix(text)


def test_all_faults_are_told_at_once() -> None:
    bad = "\n".join(f"2024-01-01\t{n}\t*\tread" for n in range(100, 105))
    with pytest.raises(HabilitationError) as refused:
        parse_matrix(f"{HEADER}\n{bad}")
    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        f"line {n}" for n in range(2, 7)
    ]


@given(st.text(max_size=300))
def test_any_text_is_a_matrix_or_refused(text: str) -> None:
    for given_text in (text, f"{HEADER}\n{text}"):
        try:
            found: Matrix | list[str] = parse_matrix(given_text)
        except HabilitationError as error:
            found = error.problems
        assert found


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "matrix.tsv"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HabilitationError, match="UTF-8"):
        read_matrix(file)
    file.write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(HabilitationError, match="larger"):
        read_matrix(file)


def test_lines_may_end_as_on_windows_and_begin_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "matrix.tsv"
    file.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\n2024-01-01\t10\t*\tread\r\n".encode())
    assert readable_types(read_matrix(file), "10", FIRST) == TYPE_CODES


def test_the_made_up_matrix_says_so_and_is_right() -> None:
    matrix = read_matrix(MADE_UP_FILE)
    assert matrix.made_up
    assert not parse_matrix(f"{HEADER}\n2024-01-01\t10\t*\tread").made_up
    assert len(matrix.versions) == 2
    for version in matrix.versions:
        assert set(version.rights) <= set(SUBJECT_ROLES)
    before, after = date(2025, 12, 31), date(2026, 1, 1)
    assert "11488-4" not in matrix.rights("21", before).read, "the first version still holds"
    assert "11488-4" in matrix.rights("21", after).read
    assert not may_feed(matrix, "21", "11488-4", after)
