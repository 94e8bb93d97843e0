"""An event decided, before it is in the log."""

from collections.abc import Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """An event decided. `datum` is of the schema of `name`.

    Of a deposit only: `encoded`, since the received bytes are stored as they are, and
    `has_content`, whether the bytes of the document are kept, which its datum does not tell.
    """

    stream: bytes
    record: int
    name: str
    datum: Mapping[str, object]
    encoded: bytes | None = None
    has_content: bool = False
