"""The rows of the simulator's tables: sectors, kinds of documents, scenarios."""

from dataclasses import dataclass
from typing import Final, Literal

Do = Literal["replace", "visibility", "archive", "unarchive", "delete"]
Flags = dict[str, bool]

TOGETHER: Final = ("lab", "hospital", "gp")
"""Sectors that share their number streams."""


class TableError(ValueError):
    """A table of the simulator is wrong; the sentence names file, row and field."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a document, so many hours after the step before."""

    do: Do
    after_hours: tuple[float, float]
    by: Literal["author", "patient"]
    flags: Flags
    status: str
    visibility_only: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """The life of a document: how it is deposited, and the steps that follow."""

    name: str
    flags: Flags
    status: str
    minors_only: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """A coded act, the code of a serviceEvent; in imaging with its modality and region.

    `modality` and `region` are codes of the table `dicom`, empty elsewhere.
    """

    code: str
    system: str
    display: str
    modality: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a structured body and the sentences it may hold."""

    code: str
    title: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """One kind of document of a sector: a row of its table.

    `templates` are (root, extension) beside those of every document; `sizes` bytes of a document
    whose bytes are not made; `panels` how many chapters of analyses; `function` its author's
    functionCode (J47); `study` whether it is about an imaging study; `follower` the kind that
    follows it in all it goes through, for a share of `follower_share`; `encounter` None: no code.
    """

    name: str
    weight: float
    type_code: str
    class_code: str
    format_code: str
    mime_type: str
    title: str
    templates: tuple[tuple[str, str | None], ...]
    body: str
    panels: tuple[int, int] | None
    pdf_copy: bool
    sizes: tuple[int, int]
    acts: tuple[Act, ...]
    sections: tuple[Section, ...]
    specialties: tuple[str, ...]
    function: str | None
    prescriber: bool
    order: bool
    study: bool
    recipient: bool
    status_code: bool
    follower: str | None
    follower_share: float
    encounter: str | None
    content_type_code: str
    duration_hours: tuple[float, float]
    written_after_hours: tuple[float, float]
    act_precision: str
    scenarios: tuple[tuple[Scenario, float], ...]


@dataclass(frozen=True, slots=True)
class SoftwareRow:
    """A product; each organisation has one."""

    id: str
    name: str
    version: str
    approval: str | None


@dataclass(frozen=True, slots=True)
class Sector:
    """Who feeds: products, organisations, and the kinds of documents they make.

    `author`: who writes them, a key of AUTHORS. `ages`: of the patients they are about, in years;
    None: all. `actor_role`: of authors whose specialty names no profession.
    """

    name: str
    title: str
    weight: float
    software: tuple[SoftwareRow, ...]
    organisation_count: int
    organisation_names: tuple[str, ...]
    organisation_prefix: str
    professionals: tuple[int, int]
    facility_type: str
    practice_setting: str
    actor_role: str
    author: str
    ages: tuple[int, int] | None
    kinds: tuple[DocumentKind, ...]

    @property
    def purpose(self) -> tuple[str, ...]:
        """What tells its number streams from those of other sectors."""
        return () if self.name in TOGETHER else (self.name,)

    def kind(self, name: str) -> DocumentKind:
        """The kind of document of this name. Raises TableError."""
        for kind in self.kinds:
            if kind.name == name:
                return kind
        raise TableError(f"{self.name}.json: no kind {name!r}")
