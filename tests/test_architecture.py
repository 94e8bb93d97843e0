"""The rules of the house, checked: import directions, lengths, forbidden drawers and words."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "ingest", "projections", "producers", "deploy")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "schemas": (),
    "ingest.runtime": ("schemas",),
    "ingest.feed": ("schemas", "ingest.runtime"),
    "ingest.eventstore": ("schemas", "ingest.runtime"),
    "ingest": ("schemas", "ingest.runtime", "ingest.feed", "ingest.eventstore"),
    "projections": ("schemas", "ingest.runtime", "ingest.feed", "ingest.eventstore"),
    "producers": ("schemas", "ingest.runtime", "ingest.feed"),
    "deploy": (
        "schemas",
        "ingest.runtime",
        "ingest.feed",
        "ingest.eventstore",
        "ingest",
        "projections",
        "producers",
    ),
}
"""What the modules of each room may import beside their own; all else is forbidden."""
ROOM_MODULES_MAX = 12
"""Modules in one room; those of its rooms are counted there."""
DRAWERS = {"utils", "util", "helpers", "core", "common", "misc", "tools", "base"}


def modules() -> list[Path]:
    return [p for name in PACKAGES for p in sorted((ROOT / name).rglob("*.py"))]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_import_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def room(module: str) -> str:
    """The narrowest room a module is in."""
    return max((r for r in MAY_IMPORT if f"{module}.".startswith(f"{r}.")), key=len)


def test_every_room_imports_what_it_may_and_nothing_else() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    wrong = [
        f"{importer} imports {imported}"
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
        if room(imported) not in (room(importer), *MAY_IMPORT[room(importer)])
    ]
    assert not wrong


def rooms() -> dict[str, list[str]]:
    """Every folder of code, with its modules."""
    found: dict[str, list[str]] = {}
    for path in modules():
        names = found.setdefault(str(path.parent.relative_to(ROOT)), [])
        if path.name != "__init__.py":
            names.append(path.stem)
    return found


def test_rooms_are_small(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of rooms is printed: it is the quickest way to find a subject."""
    with capsys.disabled():
        print()  # noqa: T201
        for name, found in rooms().items():
            print(f"{len(found):3} {name}: {', '.join(found)}")  # noqa: T201
    assert {
        name: len(found) for name, found in rooms().items() if len(found) > ROOM_MODULES_MAX
    } == {}


@pytest.mark.parametrize("name", rooms())
def test_a_room_says_what_is_in_it_and_what_it_may_import(name: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / name / "__init__.py").read_text())) or ""
    assert re.search(r"\b[Ii]mports?\b", said), "its __init__ says what it may import"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES_MAX
    assert path.stem not in DRAWERS
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module begins with what it is"
    too_long = [
        f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not too_long


@pytest.mark.parametrize("package", PACKAGES)
def test_only_settings_reads_the_environment(package: str) -> None:
    readers = re.compile(r"\bos\.environ\b|\bos\.getenv\b|\bgetenv\(")
    allowed = {"ingest/runtime/settings.py", "ingest/runtime/postgres/embedded.py"}
    offenders = {
        str(p.relative_to(ROOT))
        for p in (ROOT / package).rglob("*.py")
        if readers.search(p.read_text())
    }
    assert offenders <= allowed


def test_no_path_of_a_machine_and_no_registry_host() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    hosts = re.compile(rb"pypi\.org|repo1?\.maven|npmjs|deb\.debian|/(?:work|farm)/[a-z]")
    offenders = []
    for name in tracked:
        path = ROOT / name.decode()
        if name and path.is_file() and path != Path(__file__) and hosts.search(path.read_bytes()):
            offenders.append(name.decode())
    assert not offenders
