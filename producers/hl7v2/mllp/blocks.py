"""MLLP blocks: VT, a message, FS CR. Anything else ends the connection, with a reason.

The beginning of a block that is too large is kept, and its sender gets an ACK. Why not hl7.mllp:
decision 0044.
"""

from __future__ import annotations

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from typing import Final

START: Final = b"\x0b"
END: Final = b"\x1c\r"
_BETWEEN: Final = frozenset({b"\r", b"\n"})
_BEGINNING_BYTES: Final = 4096


class NoBlock(Exception):
    """The connection can't be used any more.

    `reason`: a name for the log; None when the peer closed it between two blocks.
    """

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


class BlockTooLarge(Exception):
    """A block beyond the limit of the reader; `beginning`: its first bytes, at most 4096."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__("a block is too large")
        self.beginning = beginning


async def read_block(reader: StreamReader) -> bytes:
    """The message in the next block. Raises NoBlock and BlockTooLarge."""
    try:
        first = await reader.readexactly(1)
        while first in _BETWEEN:
            first = await reader.readexactly(1)
    except IncompleteReadError:
        raise NoBlock(None) from None
    if first != START:
        raise NoBlock("hl7_no_mllp")
    try:
        return (await reader.readuntil(END))[: -len(END)]
    except IncompleteReadError:
        raise NoBlock("hl7_block_incomplete") from None
    except LimitOverrunError:
        raise BlockTooLarge(await reader.read(_BEGINNING_BYTES)) from None


def block(message: bytes) -> bytes:
    """The block of a message."""
    return START + message + END
