"""Sending CDA files: each one is read, refused or queued, acknowledged, and has an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.settings import Settings
from producers.cda.deposit import deposit
from producers.cda.refused import Refused
from producers.cda.sendable import sendable_document
from producers.cda.visibility import RequestedVisibility
from producers.input_files import bytes_of
from producers.outcomes.reader import OutcomeReader
from producers.publish.errors import AlreadySubmitted, QueueFull
from producers.publish.publisher import DocumentPublisher
from schemas.cda import CdaDocument

from .provenance import provenance_of
from .sent_file import SentFile, queue_is_full, refused_by_feed

_LOOK_SECONDS: Final = 0.2
_NO_FILE: Final = "Le fichier ne peut pas être lu."


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for all files. `actor` None: whom the settings name, else the author."""

    visibility: RequestedVisibility = field(default_factory=RequestedVisibility)
    replaces: str | None = None
    actor: str | None = None
    organisation: str | None = None


class FileSender:
    """Sends files through a durable queue; the next call sends what is not acknowledged."""

    def __init__(self, settings: Settings, publisher: DocumentPublisher, clock: Clock) -> None:
        self._settings = settings
        self._publisher = publisher
        self._clock = clock

    def submit(self, file: Path, request: Request) -> SentFile:
        """The file is queued durably, or the result says why it is refused."""
        sent_file = SentFile(file, rules_page=self._settings.rules_documentation_url)
        try:
            limit = self._settings.max_content_bytes
            content = read_file(file, limit)
            found = sendable_document(content, self._settings.environment, limit)
            sent_file.remarks = len(found.problems)
            self._queue(sent_file, found, content, request)
        except Refused as refusal:
            sent_file.refusal = refusal
        except QueueFull:
            sent_file.refusal = queue_is_full()
        return sent_file

    def acknowledge(self, sent_files: Iterable[SentFile], timeout_seconds: float) -> None:
        """Wait until all that was queued is on the feed or refused, for at most that long."""
        self._publisher.flush(timeout_seconds)
        self.look_up(sent_files)

    def look_up(self, sent_files: Iterable[SentFile]) -> None:
        """Each file that was queued has what the feed has replied so far."""
        for sent_file in sent_files:
            found = sent_file.message_id and self._publisher.submission(sent_file.message_id)
            if not found:
                continue
            sent_file.partition, sent_file.offset = found.partition, found.offset
            if found.code is not None:
                sent_file.refusal = refused_by_feed(found.code)

    def wait(
        self,
        sent_files: Iterable[SentFile],
        reader: OutcomeReader,
        timeout_seconds: float,
        stop: StopSignal,
    ) -> None:
        """Follow the outcomes until every acknowledged file has one, for at most that long.

        Ends earlier when `stop` is set.
        """
        waiting = {str(f.message_id): f for f in sent_files if f.offset is not None}
        end = self._clock.monotonic() + timeout_seconds
        while waiting and self._clock.monotonic() < end and not stop.is_set():
            for outcome in reader.read(_LOOK_SECONDS):
                sent_file = waiting.pop(outcome.message_id or "", None)
                if sent_file is not None:
                    sent_file.outcome = outcome

    def _queue(
        self, sent_file: SentFile, found: CdaDocument, content: bytes, request: Request
    ) -> None:
        provenance = provenance_of(
            self._settings, found, request.actor, request.organisation, self._clock.now()
        )
        message = deposit(found, content, provenance, request.visibility, request.replaces)
        submit = self._publisher.submit
        try:
            sent_file.message_id = submit(message, "DepositDocument")
        except AlreadySubmitted as before:
            # Only ingestion knows whether the two are equal: a lost mask or other bytes must not
            # pass for a duplicate.
            sent_file.before = before.message_id
            sent_file.message_id = submit(message, "DepositDocument", again=True)


def read_file(path: Path, bytes_max: int) -> bytes:
    """The bytes of a file, or of standard input (`-`); of a larger one, one more than `bytes_max`.

    Raises Refused when there is no file that can be read.
    """
    try:
        return bytes_of(path, bytes_max)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise Refused("file_unreadable", f"The file cannot be read: {reason}.", _NO_FILE) from None


def send_files(
    sender: FileSender,
    files: Iterable[Path],
    request: Request,
    stop: StopSignal,
    advance: Callable[[int], None],
    make_room: Callable[[], bool],
) -> list[SentFile]:
    """Submit every file, in the order given; none after `stop` is set.

    `make_room` is called when the queue is full; it begins to send, or returns False if it can't.
    """
    sent_files: list[SentFile] = []
    for file in files:
        if stop.is_set():
            break
        sent_file = sender.submit(file, request)
        if sent_file.refusal and sent_file.refusal.code == "queue_full" and make_room():
            sent_file = sender.submit(file, request)
        sent_files.append(sent_file)
        advance(1)
    return sent_files
