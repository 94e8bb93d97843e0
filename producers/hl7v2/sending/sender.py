"""HL7 v2 messages into the durable queue: each one is read, then refused or queued."""

from __future__ import annotations

import contextlib
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from ingest.runtime.settings import Settings
from producers.cda.refused import Refused
from producers.hl7v2.errors import Hl7Error
from producers.hl7v2.message.parsing import read_header, read_message
from producers.hl7v2.order.order import Order, check_processing, read_order
from producers.publish.errors import AlreadyQueued, QueueFull
from producers.send.file_sender import FileSender, Request, read_file
from producers.send.sent_file import queue_is_full

from .feed_message import document_of, feed_message
from .provenance import provenance_of_order
from .sent_message import SentHl7Message

_MESSAGES: Final = UUID("b0c5f4a6-54c8-5d2f-9d39-0a1cf7a1f0c7")
"""Namespace of message ids: the same bytes are the same message, however often they come."""
_UNUSABLE: Final = (
    "The queue on disk can't be written; nothing was taken. Send it again later.",
    "La file d'attente sur disque est inutilisable ; rien n'a été pris. Renvoyez plus tard.",
)
_NO_FILE: Final = Path("-")
_OVERHEAD_BYTES: Final = 1024 * 1024
"""Room in a message for all that is not its document."""


def message_bytes_max(settings: Settings) -> int:
    """The largest message that is read: the largest document in base64, and room for the rest."""
    return settings.max_content_bytes * 4 // 3 + _OVERHEAD_BYTES


class Hl7Sender(FileSender):
    """Takes messages: each one is refused or queued; a copy of one goes under the same id."""

    def submit(self, file: Path, request: Request) -> SentHl7Message:
        """The message of a file is queued durably, or refused."""
        limit = message_bytes_max(self._settings)
        try:
            data = read_file(file, limit)
        except Refused as refusal:
            return SentHl7Message(file, refusal=refusal)
        return self.take(data, request, file) if len(data) <= limit else self.too_large(data, file)

    def take(self, data: bytes, request: Request, label: Path = _NO_FILE) -> SentHl7Message:
        """The message of these bytes is queued durably, or refused. Raises QueueError only."""
        sent = SentHl7Message(label, rules_page=self._settings.rules_documentation_url)
        try:
            sent.message = read_message(data)
            check_processing(sent.message, self._settings.environment)
            order = read_order(sent.message)
            sent.action, sent.broken = order.action, order.remarks
            sent.not_for_dmp = not order.for_dmp
            if order.for_dmp:
                self._queue_order(sent, order, data, request)
        except Hl7Error as error:
            sent.message = sent.message or read_header(data)
            sent.error = error
            sent.refusal = _refusal(error)
        except Refused as refusal:
            sent.refusal = refusal
        except QueueFull:
            sent.refusal = queue_is_full()
        return sent

    def too_large(self, beginning: bytes, label: Path = _NO_FILE) -> SentHl7Message:
        """The refusal of a message that was not read to its end."""
        error = Hl7Error("hl7_too_long", "MSH^1", 199)
        return SentHl7Message(
            label,
            rules_page=self._settings.rules_documentation_url,
            refusal=_refusal(error),
            message=read_header(beginning),
            error=error,
        )

    def unusable(self, data: bytes) -> SentHl7Message:
        """The refusal of a message when the queue can keep none."""
        refusal = Refused("queue_unusable", *_UNUSABLE)
        return SentHl7Message(_NO_FILE, message=read_header(data), refusal=refusal)

    @staticmethod
    def message_id_of(data: bytes) -> UUID:
        """The id under which these bytes go, however often they come."""
        return uuid5(_MESSAGES, sha256(data).hexdigest())

    def _queue_order(
        self, sent: SentHl7Message, order: Order, data: bytes, request: Request
    ) -> None:
        settings = self._settings
        found = document_of(order, settings.environment, settings.max_content_bytes)
        sent.remarks = len(found.problems) if found is not None else 0
        provenance = provenance_of_order(settings, order, found, request, self._clock.now())
        message = feed_message(order, found, provenance)
        # The same bytes have the same id: a message that comes twice is applied once (TRAP 21).
        message_id = self.message_id_of(data)
        sent.message_id = message_id
        if self._publisher.is_waiting(message_id):
            return
        datum = {"messageId": message_id.bytes, **message.fields}
        # Copies may come at the same time over several connections: the queued one is enough.
        with contextlib.suppress(AlreadyQueued):
            self._publisher.submit(datum, message.schema, again=True)


def _refusal(error: Hl7Error) -> Refused:
    rule = error.rule
    return Refused(error.code, rule.english, rule.french)
