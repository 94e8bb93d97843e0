"""Parts that tests need and a machine may lack: a loud skip by hand, a failure in CI.

A test says what it needs with a mark (`java`, `samples`) or by a fixture that calls `missing`. What
nobody is asked to have (docker compose, a national schematron) is a plain `pytest.skip`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final, Literal, NoReturn

import pytest

Part = Literal["java", "kafka", "postgresql", "prometheus", "faketime", "samples", "git"]

OFFICIAL: Final = Path(__file__).resolve().parents[2] / "shared"
"""The official samples lie beside the project and are never committed."""
JAVA: Final = ("java", "javac", "mvn")
PACKAGES: Final[dict[Part, str]] = {
    "java": "openjdk-17-jdk-headless and maven",
    "kafka": "openjdk-17-jdk-headless and maven",
    "postgresql": "postgresql",
    "prometheus": "prometheus",
    "faketime": "faketime",
}
"""Packages of Debian that bring a part."""


def in_ci() -> bool:
    """Whether nothing may be missing."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def missing(part: Part, what: str) -> NoReturn:
    """The test that runs is skipped; in CI it fails. `what` says what was looked for in vain."""
    brought = f" (Debian: {PACKAGES[part]})" if part in PACKAGES else ""
    told = f"missing {part}: {what}{brought}"
    if in_ci():
        pytest.fail(f"{told}; CI must have it", pytrace=False)
    pytest.skip(told)


def need_java() -> None:
    """Java and Maven are there, or `missing`."""
    if absent := [name for name in JAVA if shutil.which(name) is None]:
        missing("java", f"no {', '.join(absent)}")


def need_samples(folder: str) -> None:
    """This folder of the official samples is there, or `missing`."""
    if not any((OFFICIAL / folder).glob("*")):
        missing("samples", f"nothing lies in ../shared/{folder}")
