"""The advisory locks of a store and its wake-up, each named once.

The SQL of the migrations names `PARTITIONS` too: their text never changes.
"""

from typing import Final

_SPACE: Final = 7201
MIGRATIONS: Final = (_SPACE, 1)
"""Held while tables, rights and secrets are made."""
PARTITIONS: Final = (_SPACE, 2)
"""Held while partitions of `event` are made."""
WRITERS: Final = (_SPACE, 3)
"""Held by every writer: positions become visible in their order (decision 0015)."""

CHANNEL: Final = "histoire_events"
"""NOTIFY channel: a mere wake-up, sent with each batch that has events."""
