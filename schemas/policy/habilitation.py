"""The habilitation matrix: which documents a profession may read and feed (SPEC h.1).

The national matrix is published as an annex of an arrêté and not as data: whoever runs the system
keys its rows in. The matrix is configuration: a file of tab-separated columns
`valid_from  role  documents  rights`.

- `valid_from` (YYYY-MM-DD): the first day, in Paris, of the *version* of the row. All rows of one
  day are one version, which replaces the one before as a whole.
- `role`: a profession, a code of J65.
- `documents`: a typeCode, a classCode after `class:`, or `*` for all listed types. The narrower row
  wins: type, then class, then `*`.
- `rights`: `read`, `feed`, `read+feed` or `none`.

A right that no row gives is refused, for an unlisted type and before the first version too. A line
that begins with `#` is a comment. A first line that begins with `# MADE UP` marks a matrix for
tests and demonstrations.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

from schemas.valuesets import CLASS_OF_TYPE, CLASSES, SUBJECT_ROLES, TYPE_CODES, TYPES

COLUMNS: Final = ("valid_from", "role", "documents", "rights")
ALL_DOCUMENTS: Final = "*"
CLASS_PREFIX: Final = "class:"
MADE_UP: Final = "# MADE UP"
BYTES_MAX: Final = 8 * 1024 * 1024
PROBLEMS_MAX: Final = 20
_NOTHING: Final[frozenset[str]] = frozenset()


class HabilitationError(ValueError):
    """A text is no matrix. `problems`: 20 sentences at most, each with its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems: Final = problems


@dataclass(frozen=True, slots=True)
class Rights:
    """The typeCodes that a profession may read, and those that it may feed."""

    read: frozenset[str] = _NOTHING
    feed: frozenset[str] = _NOTHING


NO_RIGHTS: Final = Rights()


@dataclass(frozen=True, slots=True)
class MatrixVersion:
    """The matrix from one day on. A role missing in `rights` has no rights."""

    valid_from: date
    rights: Mapping[str, Rights]


@dataclass(frozen=True, slots=True)
class Matrix:
    """All versions, oldest first. `made_up`: marked as made up; production refuses the matrix."""

    versions: tuple[MatrixVersion, ...]
    made_up: bool = False

    def on(self, day: date) -> MatrixVersion | None:
        """The version that holds on this day. None before the first."""
        at = bisect_right(self.versions, day, key=lambda version: version.valid_from)
        return self.versions[at - 1] if at else None

    def rights(self, role_code: str | None, on_day: date) -> Rights:
        """The rights of this profession on this day. None and unlisted professions have none."""
        version = self.on(on_day)
        if version is None or role_code is None:
            return NO_RIGHTS
        return version.rights.get(role_code, NO_RIGHTS)


def readable_types(
    matrix: Matrix | None, role_code: str | None, on_day: date
) -> frozenset[str] | None:
    """The typeCodes that this profession may read that day; None when no matrix is configured."""
    return None if matrix is None else matrix.rights(role_code, on_day).read


def may_feed(matrix: Matrix | None, role_code: str | None, type_code: str, on_day: date) -> bool:
    """True when this profession may feed documents of this type that day (SPEC h.1).

    Without a matrix everybody may.
    """
    return matrix is None or type_code in matrix.rights(role_code, on_day).feed


def read_matrix(path: Path) -> Matrix:
    """The matrix in a file. Raises HabilitationError, and OSError for an unreadable file."""
    with path.open("rb") as stream:
        data = stream.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise HabilitationError([f"the file is larger than {BYTES_MAX} bytes"])
    try:
        return parse_matrix(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise HabilitationError(["the file is not UTF-8"]) from None


def parse_matrix(text: str) -> Matrix:
    """The matrix in a text of the form that the module tells. Raises HabilitationError."""
    problems: list[str] = []
    versions: dict[date, dict[str, dict[str, str]]] = {}
    seen: dict[tuple[date, str, str], int] = {}
    for number, cells in _rows(text, problems):
        day = _checked(number, cells, problems)
        if day is None:
            continue
        _, role, documents, rights = cells
        first = seen.setdefault((day, role, documents), number)
        if first != number:
            problems.append(f"line {number}: says again what line {first} says")
            continue
        versions.setdefault(day, {}).setdefault(role, {})[documents] = rights
    if not versions and not problems:
        problems.append("the file has no row")
    if problems:
        raise HabilitationError(problems[:PROBLEMS_MAX])
    return Matrix(
        tuple(_version(day, roles) for day, roles in sorted(versions.items())),
        text.startswith(MADE_UP),
    )


def _rows(text: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with the number of its line."""
    header = False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if not header:
            header = True
            if tuple(cells) != COLUMNS:
                problems.append(
                    f"line {number}: the columns must be {', '.join(COLUMNS)}, between tabs"
                )
                return
        elif len(cells) != len(COLUMNS):
            problems.append(
                f"line {number}: has {len(cells)} columns between tabs, not {len(COLUMNS)}"
            )
        else:
            yield number, cells


def _checked(number: int, cells: list[str], problems: list[str]) -> date | None:
    """The day of a right row. Else None, and its flaws are added to `problems`."""
    day, role, documents, rights = cells
    flaws = []
    if role not in SUBJECT_ROLES:
        flaws.append(f"{role!r} is no profession of J65")
    if not _names_documents(documents):
        flaws.append(f"{documents!r} is no type, no class after {CLASS_PREFIX} and not *")
    if rights not in _RIGHTS:
        flaws.append(f"{rights!r} is none of {', '.join(_RIGHTS)}")
    valid_from = _day(day)
    if valid_from is None:
        flaws.append(f"{day!r} is no day written YYYY-MM-DD")
    problems += [f"line {number}: {flaw}" for flaw in flaws]
    return None if flaws else valid_from


_RIGHTS: Final = ("read", "feed", "read+feed", "none")


def _names_documents(documents: str) -> bool:
    if documents.startswith(CLASS_PREFIX):
        return documents.removeprefix(CLASS_PREFIX) in CLASSES
    return documents == ALL_DOCUMENTS or documents in TYPES


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _version(day: date, roles: Mapping[str, Mapping[str, str]]) -> MatrixVersion:
    return MatrixVersion(
        day, MappingProxyType({role: _expanded(rows) for role, rows in roles.items()})
    )


def _expanded(rows: Mapping[str, str]) -> Rights:
    """The rights on every listed type, from the narrowest row that names the type."""
    everything = rows.get(ALL_DOCUMENTS, "none")
    found = {
        type_code: rows.get(type_code)
        or rows.get(f"{CLASS_PREFIX}{CLASS_OF_TYPE.get(type_code)}")
        or everything
        for type_code in TYPE_CODES
    }
    return Rights(
        frozenset(code for code, rights in found.items() if "read" in rights),
        frozenset(code for code, rights in found.items() if "feed" in rights),
    )
