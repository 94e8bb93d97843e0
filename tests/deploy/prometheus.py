"""The programs of Debian's package `prometheus`, or a loud skip."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.missing import missing

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


def program(name: str) -> str:
    """Its path; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        missing("prometheus", f"{name} is not installed")
    return found


def rules() -> list[dict[str, Any]]:
    """The alert rules that are deployed."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]
