"""The version of the program, installed or only copied."""

import importlib.metadata
import tomllib
from pathlib import Path

UNKNOWN = "unknown"


def program_version() -> str:
    """The version of the installed distribution, else of the pyproject.toml beside the packages.

    An image has the packages as copies only.
    """
    try:
        return importlib.metadata.version("histoire")
    except importlib.metadata.PackageNotFoundError:
        return version_of_tree(Path(__file__).resolve().parent.parent)


def version_of_tree(root: Path) -> str:
    """The version in `root/pyproject.toml`; `unknown` where there is none."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return UNKNOWN
    return str(project.get("version", UNKNOWN))
