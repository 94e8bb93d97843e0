"""The files that the arguments of `histoire check` name: files, folders, standard input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from producers.input_files import STDIN

SUFFIXES: Final = frozenset({".xml", ".cda", ".avro", ".bin", ".json", ".hl7", ".er7"})
"""Files of a folder that are checked; a file that is named itself always is."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files in the order named, those of a folder by name.

    `passed_over`: how many files of the folders are not checked.
    """

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
