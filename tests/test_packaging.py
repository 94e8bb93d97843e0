"""The top-level names are generic: a stranger's package must never stand in for one of ours.

pip and uv install such a stranger over ours without a word, and an editable install lets it win;
so each name is checked for where its file lies and for who claims to own it.
"""

import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("schemas", "ingest", "projections", "producers", "deploy")


@pytest.mark.parametrize("name", NAMES)
def test_name_is_found_in_this_tree(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None, f"{name} is a namespace package: its __init__.py is missing"
    assert Path(spec.origin).resolve() == ROOT / name / "__init__.py"


@pytest.mark.parametrize("name", NAMES)
def test_no_foreign_distribution_claims_the_name(name: str) -> None:
    owners = set(importlib.metadata.packages_distributions().get(name, []))
    assert owners <= {"histoire"}


def test_every_package_of_the_tree_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for name in NAMES
        for init in (ROOT / name).rglob("__init__.py")
    }
    assert listed == found


def test_data_files_are_declared() -> None:
    """A file that a package reads at run time must be package data, or a wheel lacks it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared: dict[str, list[str]] = project["tool"]["setuptools"]["package-data"]
    covered = {
        path
        for package, patterns in declared.items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    code = {".py", ".pyc"}
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", *NAMES],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    data = {ROOT / name for name in tracked if Path(name).suffix not in code}
    missing = {str(p.relative_to(ROOT)) for p in data - covered}
    assert not missing


def test_command_is_the_same_from_anywhere(tmp_path: Path) -> None:
    """The console script runs our tree also when started in another folder."""
    histoire = Path(sys.executable).parent / "histoire"
    out = subprocess.run(
        [histoire, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert importlib.metadata.version("histoire") in out.stdout
