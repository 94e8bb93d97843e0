"""Why a message is not queued."""

from __future__ import annotations

import sqlite3
from typing import Final
from uuid import UUID


class QueueError(Exception):
    """The file of the queue can't be used; the sentence says why."""


class AlreadyQueued(QueueError):
    """A message with this id is in the queue: it waits, or was replied to."""


class QueueFull(Exception):
    """As many messages or bytes wait as the queue takes; nothing was queued. Try again later."""


class AlreadySubmitted(Exception):
    """This document was submitted before and not refused: `message_id` is that message."""

    def __init__(self, message_id: UUID) -> None:
        super().__init__(f"the document was submitted before, as message {message_id}")
        self.message_id = message_id


UNUSABLE: Final = (QueueError, sqlite3.Error)
"""What a queue raises whose disk fails: the first in writing, the second in reading."""
