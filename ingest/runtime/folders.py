"""Private folders below home: what is embedded is health data, keys or both."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o700
TRAVERSE = 0o711
"""The folder can be passed through but not listed: the embedded server runs under another account.
"""


def private_folder(path: Path) -> Path:
    """The folder exists and only its owner can enter it; its absolute path.

    Raises PermissionError when it belongs to somebody else.
    """
    absolute = path.expanduser().absolute()
    absolute.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    if absolute.stat().st_mode & 0o077:
        absolute.chmod(PRIVATE)
    return absolute


def home_folder(home: Path) -> Path:
    """Home exists, others can't list it, and its keys and document bytes are closed to them."""
    absolute = home.expanduser().absolute()
    absolute.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    if absolute.stat().st_mode & 0o077 & ~(TRAVERSE & 0o077):
        absolute.chmod(PRIVATE)
    private_folder(absolute / "content")
    key = absolute / "master.key"
    if key.exists() and key.stat().st_mode & 0o077:
        key.chmod(0o600)
    return absolute


@contextmanager
def exclusive(lock_file: Path) -> Iterator[None]:
    """One process at a time in the block; the lock ends with the process, even by kill -9."""
    handle = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
