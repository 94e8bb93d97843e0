"""`make watch`: when a file is saved, the tests of its room run.

A room's tests lie in the folder of the same name below `tests`; a test module that is saved runs
itself. A file of a room without tests of its own runs those of the room around it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rich.console import Console
from watchfiles import PythonFilter, watch

ROOT: Final = Path(__file__).resolve().parent.parent
ROOMS: Final = ("schemas", "ingest", "projections", "producers", "deploy")
DATA: Final = (".tsv", ".sql", ".avsc", ".json", ".yml")


def to_run_for(saved: Path, root: Path = ROOT) -> Path | None:
    """The tests to run for a file (paths from `root`); None when it is no file of ours."""
    if saved.parts[0] == "tests":
        named = saved.name.startswith("test_") and saved.suffix == ".py"
        return saved if named else saved.parent
    if saved.parts[0] not in ROOMS:
        return None
    room = Path("tests") / saved.parent
    while not (root / room).is_dir():
        room = room.parent
    return room


def chosen(saved: Iterable[Path], root: Path = ROOT) -> list[str]:
    """Arguments for pytest, without what lies below another one."""
    found = {tests for path in saved if (tests := to_run_for(path, root)) is not None}
    found = {path for path in found if (root / path).exists()}
    return sorted(str(path) for path in found if not found & set(path.parents))


def main() -> None:
    """Runs until Ctrl-C."""
    folders = [ROOT / name for name in (*ROOMS, "tests")]
    told = Console(stderr=True)
    told.print(f"Watching {', '.join(ROOMS)} and tests. Ctrl-C ends it.")
    kinds = PythonFilter(extra_extensions=DATA)
    for changes in watch(*folders, watch_filter=kinds, raise_interrupt=False):
        saved = sorted(Path(path).relative_to(ROOT) for _, path in changes)
        if named := chosen(saved):
            told.print(f"{', '.join(map(str, saved))} → {' '.join(named)}", soft_wrap=True)
            subprocess.run([sys.executable, "-m", "pytest", "-q", *named], cwd=ROOT, check=False)


if __name__ == "__main__":
    main()
