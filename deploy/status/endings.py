"""What an exit code of a process of the group means, in words."""

from collections.abc import Mapping
from typing import Final

from ingest.runtime.console import Exit

ENDINGS: Final[Mapping[int, str]] = {
    Exit.FAILED: "the work failed",
    Exit.USAGE: "wrong settings, or not migrated",
    Exit.STOPPED: "too many messages would be rejected",
    Exit.UNAVAILABLE: "a service is away",
    Exit.HALTED: "halted, a person must decide",
    Exit.MISSING: "a program is missing",
    Exit.INTERNAL: "a fault of ours",
}
"""What an exit code of a process of the group means; its log says more."""


def ending(code: int) -> str:
    """An exit code of a process of the group in words."""
    if code < 0:
        return f"ended by signal {-code}"
    reason = ENDINGS.get(code)
    return f"exit code {code}" + (f": {reason}" if reason else "")
