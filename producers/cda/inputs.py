"""What is named on the command line as files to check: files, folders, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STDIN: Final = Path("-")
SUFFIXES: Final = frozenset({".xml", ".cda", ".avro", ".bin", ".json", ".hl7", ".er7"})
"""Files of a folder that are looked at; named files always are."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files in the order named, those of a folder by name. `passed_over`: of folders, not taken."""

    files: tuple[Path, ...]
    passed_over: int


def inputs(named: Iterable[Path]) -> Inputs:
    """The files to check. Raises FileNotFoundError for what is not there."""
    files: list[Path] = []
    passed_over = 0
    for path in named:
        if path != STDIN and path.is_dir():
            inside = sorted(found for found in path.rglob("*") if found.is_file())
            taken = [found for found in inside if found.suffix.lower() in SUFFIXES]
            files += taken
            passed_over += len(inside) - len(taken)
        elif path == STDIN or path.exists():
            files.append(path)
        else:
            raise FileNotFoundError(2, "no such file or folder", str(path))
    return Inputs(tuple(files), passed_over)


def name_of(file: Path) -> str:
    """The name of a file as text, whatever its bytes."""
    return os.fsencode(file).decode("utf-8", "replace")


def bytes_of(file: Path, bytes_max: int) -> bytes:
    """The bytes of a file or of standard input, but one more than `bytes_max` at most.

    Raises OSError.
    """
    if file == STDIN:
        return sys.stdin.buffer.read(bytes_max + 1)
    with file.open("rb") as stream:
        return stream.read(bytes_max + 1)
