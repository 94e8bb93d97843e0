"""Codes of a value set, and the days on which they are valid, by the tables of this folder.

Days are `YYYYMMDD`, the beginning of an HL7 literal: a time as written is compared with them as
text, to its precision. An empty day is unknown.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Generic, TypeVar

_DAY: Final = 8


@dataclass(frozen=True, slots=True)
class ListedCode:
    """A code of a value set: system (OID if known), French label, first and last day.

    A code whose label changed has one version for each label.
    """

    code: str
    system: str
    label: str
    in_dmp: bool = True
    start: str = ""
    end: str = ""

    def has_begun(self, at: str) -> bool:
        """False when this version is known to begin after `at`, an HL7 literal."""
        day = at[:_DAY]
        return day >= self.start[: len(day)]

    def has_ended(self, at: str) -> bool:
        """True when this version is known to have ended before `at`, an HL7 literal."""
        day = at[:_DAY]
        return bool(self.end) and day > self.end[: len(day)]


@dataclass(frozen=True, slots=True)
class FormatCode(ListedCode):
    """A formatCode (J60), the CDA templates that give it; for an N1, the media type of the body."""

    templates: frozenset[str] = frozenset()
    n1_media_type: str | None = None


C = TypeVar("C", bound=ListedCode)


class CodeList(Mapping[str, C], Generic[C]):
    """A value set: the newest version of each code. `at` gives the version of a day. Immutable."""

    def __init__(self, rows: Iterable[C]) -> None:
        versions: defaultdict[str, list[C]] = defaultdict(list)
        for row in rows:
            versions[row.code].append(row)
        self._versions: Mapping[str, tuple[C, ...]] = {
            code: tuple(sorted(found, key=lambda row: row.start))
            for code, found in versions.items()
        }

    def __getitem__(self, code: str) -> C:
        return self._versions[code][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def at(self, code: str, at: str | None) -> C | None:
        """The version valid at this HL7 literal, the newest for None. None for an unlisted code.

        When none is valid: the nearest older version, else the oldest.
        """
        versions = self._versions.get(code)
        if versions is None:
            return None
        if at is None:
            return versions[-1]
        return next((row for row in reversed(versions) if row.has_begun(at)), versions[0])

    def label(self, code: str, at: str | None = None) -> str | None:
        """The French label of the code at this HL7 literal, the newest for None."""
        found = self.at(code, at)
        return None if found is None else found.label

    def of_dmp(self) -> frozenset[str]:
        """The codes that the DMP takes, or once took."""
        return frozenset(
            code for code, rows in self._versions.items() if any(row.in_dmp for row in rows)
        )

    def ends(self) -> Mapping[str, str]:
        """The last day of every code that has one, past or future."""
        return {code: rows[-1].end for code, rows in self._versions.items() if rows[-1].end}


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a table. Line 1 is the origin of the table, line 2 the names of its columns."""
    table = files(__package__).joinpath(f"{name}.tsv")
    lines = table.read_text("utf-8").splitlines()
    columns = lines[1].split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[2:]]


def listed(name: str) -> CodeList[ListedCode]:
    """The table of this name as a value set."""
    return CodeList(
        ListedCode(
            row["code"],
            row["system"],
            row["label"],
            row.get("in_dmp", "yes") == "yes",
            row.get("start", ""),
            row.get("end", ""),
        )
        for row in rows_of(name)
    )


def formats() -> CodeList[FormatCode]:
    """The table of formats."""
    return CodeList(
        FormatCode(
            row["code"],
            row["system"],
            row["label"],
            row["in_dmp"] == "yes",
            row["start"],
            row["end"],
            frozenset(row["templates"].split()),
            row["n1_media_type"] or None,
        )
        for row in rows_of("format_code")
    )
