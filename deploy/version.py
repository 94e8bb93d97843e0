"""The version of the program, installed or only copied."""

import importlib.metadata
import tomllib
from pathlib import Path

UNKNOWN = "unknown"


def program_version() -> str:
    """That of the installed distribution; in an image, where the packages are only copied, that of
    the pyproject.toml beside them."""
    try:
        return importlib.metadata.version("histoire")
    except importlib.metadata.PackageNotFoundError:
        return version_of_tree(Path(__file__).resolve().parent.parent)


def version_of_tree(root: Path) -> str:
    """What `root/pyproject.toml` says; `unknown` where there is none."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return UNKNOWN
    return str(project.get("version", UNKNOWN))
