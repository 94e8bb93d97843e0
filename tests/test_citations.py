"""What texts point to is there: headings of citations, targets of links, files, modules."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from schemas.rules.table.sources import anchor, citations, headings
from tests.missing import missing

ROOT = Path(__file__).resolve().parent.parent
FORMER: Final = re.compile(
    r"\b(?:DESIGN|STORE|KAFKA|RELIABILITY|EVENTSOURCING|PEERS|SPEED|SECURITY|STYLE) \d"
    r"|\b(?:DESIGN|STORE|KAFKA|RELIABILITY|HOUSE|PEERS|TRAPS|STYLE)\.md\b|\bTRAPS \d|\bHOUSE\b"
)
"""Keys of texts that are not in the repository."""
FROZEN: Final = "ingest/eventstore/sql/"
"""Migrations keep their text for ever; docs/decisions/README.md says what their keys are now."""
SPEAKS_OF_KEYS: Final = {
    "docs/domain/README.md",
    "docs/rules.md",
    "schemas/rules/table/page.py",
    "schemas/rules/table/sources.py",
    "tests/schemas/rules/test_rules_table.py",
    "tests/test_citations.py",
}
"""Files that explain what a key is, and name some that are none."""
TEXTS: Final = (".py", ".md", ".tsv", ".sql", ".yml", ".json", ".avsc", ".toml", ".service", "")
GENERATED: Final = ("requirements.lock", "docs/examples/")
EXAMPLES: Final = {"software.toml", "NNNN-name.md"}
"""Files that only a reader has, and a name that stands for others."""
PACKAGES: Final = "schemas|ingest|producers|projections|deploy|tests|benchmarks"


@cache
def tracked() -> tuple[str, ...]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        missing("git", f"not a git repository: {done.stderr.strip()[:100]}")
    return tuple(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def texts(*endings: str) -> Iterator[tuple[str, str]]:
    for name in tracked():
        if Path(name).suffix in (endings or TEXTS) and not name.startswith(GENERATED):
            yield name, (ROOT / name).read_text("utf-8", errors="replace")


def on_one_line(text: str) -> str:
    """Without line breaks and the signs of a comment behind them: citations go over lines."""
    return re.sub(r"\s*\n\s*(?:#+ |-- |// |\* |> )?", " ", text)


def cited(text: str) -> list[str]:
    return [citation.key for citation in citations(on_one_line(text))]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            "(SPEC a.4, d.5, h; TRAP 17, 19).",
            ["SPEC a.4", "SPEC d.5", "SPEC h", "TRAP 17", "TRAP 19"],
        ),
        (
            "TRAP 8 to TRAP\n    10, SPEC c.1, c.2 say",
            ["TRAP 8", "TRAP 10", "SPEC c.1", "SPEC c.2"],
        ),
        ("SPEC b.1, a warning; SPEC a.4 (rule 39), d.1", ["SPEC b.1", "SPEC a.4", "SPEC d.1"]),
        ("decision\n# 0007, decision 0018", ["decision 0007", "decision 0018"]),
        ("SPEC g\tSPEC b.1 and b.2", ["SPEC g", "SPEC b.1", "SPEC b.2"]),
    ],
)
def test_citations_are_read_in_lists_and_over_lines(text: str, keys: list[str]) -> None:
    assert cited(text) == keys


def test_every_citation_has_its_heading() -> None:
    known = headings()
    found = [(name, key) for name, text in texts() for key in cited(text)]
    wrong = [(name, key) for name, key in found if key not in known and name not in SPEAKS_OF_KEYS]
    assert not wrong
    assert len(found) > 1000


def test_no_citation_has_a_form_that_cannot_be_followed() -> None:
    """The words SPEC and TRAP stand before a key only, and "decision" before each number."""
    wrong = [
        (name, text[found.start() : found.start() + 60])
        for name, text in ((name, on_one_line(text)) for name, text in texts())
        if name not in SPEAKS_OF_KEYS
        for found in re.finditer(
            r"\bSPEC\b(?! [a-j]\b)|\bTRAP\b(?! \d)|\bdecisions? \d{4}(?:,| and| to) \d{4}"
            r"|\bdecisions \d{4}",
            text,
        )
    ]
    assert not wrong


def test_no_text_cites_what_is_not_in_the_repository() -> None:
    wrong = [
        (name, found[0])
        for name, text in texts()
        if not name.startswith(FROZEN) and name not in {"docs/decisions/README.md", *SPEAKS_OF_KEYS}
        for found in FORMER.finditer(text)
    ]
    assert not wrong


def test_the_keys_of_migrations_are_explained() -> None:
    explained = (ROOT / "docs/decisions/README.md").read_text()
    for name, text in texts(".sql"):
        for key in FORMER.finditer(text):
            line = re.search(rf"{key[0]}[.\d]*", text)
            assert line is not None
            assert Path(name).name in explained
            assert line[0] in explained


def test_indexes_lead_to_every_decision_and_trap() -> None:
    decisions = (ROOT / "docs/decisions/README.md").read_text()
    traps = (ROOT / "docs/domain/traps.md").read_text()
    domain = (ROOT / "docs/domain/README.md").read_text()
    for key, target in headings().items():
        page, _, place = target.partition("#")
        if key.startswith("decision"):
            assert f"[{key.split()[1]}]({Path(page).name})" in decisions
        elif key.startswith("TRAP"):
            assert f"](#{place})" in traps
        else:
            assert f"]({Path(page).name})" in domain
    assert "](traps.md)" in domain


def without_code(text: str) -> str:
    return re.sub(
        r"`[^`\n]*`", "``", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    )


@cache
def anchors(page: Path) -> frozenset[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r'<a id="([^"]+)"></a>', text))
    for heading in re.findall(r"^#+ .*$", text, re.MULTILINE):
        place, number = anchor(re.sub(r"<[^>]*>", "", heading)), 0
        while place in named:
            number += 1
            place = f"{anchor(heading)}-{number}"
        named.add(place)
    return frozenset(named)


def links(name: str) -> Iterator[tuple[Path, str]]:
    text = without_code((ROOT / name).read_text())
    for target in re.findall(r"(?<!\\)\]\(([^()\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            path, _, place = target.partition("#")
            yield (ROOT / name).parent / path if path else ROOT / name, place


def test_links_of_pages_lead_somewhere() -> None:
    pages = [name for name in tracked() if name.endswith(".md")]
    wrong = [
        (name, str(path), place)
        for name in pages
        for path, place in links(name)
        if not path.exists() or (place and place not in anchors(path.resolve()))
    ]
    assert not wrong


def named_files(text: str) -> Iterator[str]:
    """Paths and globs below a folder of ours, and modules after `python -m` or in backticks."""
    for path in re.findall(rf"(?<![\w./-])((?:{PACKAGES}|docs)/[\w./*-]*[\w*])(?![\w{{<])", text):
        if not re.search(r"\b[A-Z]{4,}\b", path) or path.endswith((".md", ".avsc")):
            yield path
    for module in re.findall(rf"(?:python -m |`)((?:{PACKAGES})(?:\.\w+)+)(?=`|\s|\()", text):
        yield module.replace(".", "/")


def is_there(path: str) -> bool:
    """A file, a folder, a glob that finds some, or a module with what is inside it."""
    if "*" in path:
        return any(ROOT.glob(path))
    if (ROOT / path).exists():
        return True
    inner: list[str] = []
    place = ROOT / path
    while place != ROOT:
        for source in (place.with_suffix(".py"), place / "__init__.py"):
            if source.exists():
                text = source.read_text()
                return all(re.search(rf"\b{name}\b", text) for name in inner)
        inner.append(place.name)
        place = place.parent
    return False


def test_files_and_modules_named_are_there() -> None:
    named = {
        (name, path)
        for name, text in texts()
        if not name.startswith((FROZEN, "tests/test_citations.py"))
        for path in named_files(text)
    }
    wrong = [(name, path) for name, path in sorted(named) if not is_there(path)]
    assert len(named) > 100
    assert not wrong


def test_files_named_without_their_folder_are_there() -> None:
    names = {Path(name).name for name in tracked()} | EXAMPLES
    wrong = [
        (page, found)
        for page, text in texts()
        if not page.startswith("tests/")
        for found in re.findall(r"(?<![\w./*-])([\w-]+\.(?:py|tsv|sql|avsc|md|yml|toml))\b", text)
        if found not in names
    ]
    assert not wrong
