"""Files that a command reads: by path, or standard input."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

STDIN: Final = Path("-")


def name_of(file: Path) -> str:
    """The name of a file as text, whatever its bytes."""
    return os.fsencode(file).decode("utf-8", "replace")


def bytes_of(file: Path, bytes_max: int) -> bytes:
    """The bytes of a file or of standard input; of a larger one, one more than `bytes_max`.

    Raises OSError.
    """
    if file == STDIN:
        return sys.stdin.buffer.read(bytes_max + 1)
    with file.open("rb") as stream:
        return stream.read(bytes_max + 1)
