"""Sending CDA files: each one read, refused or queued, acknowledged, and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from ingest.runtime.lifecycle import Clock, StopSignal
from ingest.runtime.settings import Settings
from producers.cda.deposit import Flags, Refused, deposit, read_document, read_file
from producers.outcomes.reading import Answer, AnswerReader, with_repair
from producers.publish.publisher import AlreadySubmitted, DocumentPublisher, QueueFull
from schemas.cda import CdaDocument
from schemas.feed.messages import DOCUMENTS, Provenance
from schemas.rules.table.rejections import REJECTIONS, RULES_PAGE

from .provenance import provenance_of

_LOOK_SECONDS: Final = 0.2
_QUEUE_FULL: Final = (
    "The queue is full: send what waits with `histoire send --flush`, then this file again.",
    "La file d'attente est pleine : envoyez d'abord ce qui attend, puis ce fichier.",
)


@dataclass(slots=True)
class Sending:
    """A file on its way. `before`: the message that sent this document earlier from this queue.

    `refusal`: it was not sent, or the publisher refused it. `answer`: its last outcome.
    `rules_page`: where the rules are explained.
    """

    file: Path
    message_id: UUID | None = None
    before: UUID | None = None
    remarks: int = 0
    partition: int | None = None
    offset: int | None = None
    refusal: Refused | None = None
    answer: Answer | None = None
    rules_page: str = RULES_PAGE

    @property
    def state(self) -> str:
        """`refused`, `queued`, `acknowledged`, or the outcome in lower case."""
        if self.refusal is not None:
            return "refused"
        if self.answer is not None:
            return self.answer.outcome["status"].lower()
        return "queued" if self.offset is None else "acknowledged"

    def as_json(self) -> dict[str, Any]:
        """For `--json`: one object."""
        refusal, answer = self.refusal, self.answer
        rule = REJECTIONS.get(refusal.code) if refusal else None
        return {
            "file": str(self.file),
            "state": self.state,
            "messageId": self.message_id and str(self.message_id),
            "sentBefore": self.before and str(self.before),
            "topic": None if self.offset is None else DOCUMENTS,
            "partition": self.partition,
            "offset": self.offset,
            "code": refusal.code if refusal else answer and answer.outcome["code"],
            "ruleId": rule.rule_id if rule else answer and answer.outcome["ruleId"],
            "path": refusal.path if refusal else answer and answer.outcome["path"],
            "english": refusal.english if refusal else answer and answer.english,
            "french": refusal.french if refusal else answer and answer.french,
            "repair": refusal.repair if refusal else answer and answer.repair,
            "documentation": rule.link(self.rules_page)
            if rule
            else answer and answer.documentation,
            "warnings": [with_repair(warning) for warning in answer.warnings] if answer else [],
            "remarks": self.remarks,
        }


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for all files. `actor` None: who the settings name, else the author."""

    flags: Flags = field(default_factory=Flags)
    replaces: str | None = None
    actor: str | None = None
    organisation: str | None = None


class FileSender:
    """Sends files through a durable queue; what is not acknowledged is sent by the next call."""

    def __init__(self, settings: Settings, publisher: DocumentPublisher, clock: Clock) -> None:
        self._settings = settings
        self._publisher = publisher
        self._clock = clock

    def submit(self, file: Path, request: Request) -> Sending:
        """Read a file and queue it durably, or say why it is refused."""
        sending = Sending(file, rules_page=self._settings.rules_documentation_url)
        try:
            limit = self._settings.max_content_bytes
            content = read_file(file, limit)
            found = read_document(content, self._settings.environment, limit)
            sending.remarks = len(found.problems)
            self._queue(sending, found, content, request)
        except Refused as refusal:
            sending.refusal = refusal
        except QueueFull:
            sending.refusal = queue_is_full()
        return sending

    def acknowledge(self, sendings: Iterable[Sending], timeout_seconds: float) -> None:
        """Wait until all that was queued is on the feed or refused, for at most that long."""
        self._publisher.flush(timeout_seconds)
        self.look_up(sendings)

    def look_up(self, sendings: Iterable[Sending]) -> None:
        """What the feed has answered so far to each file that was queued."""
        for sending in sendings:
            found = sending.message_id and self._publisher.submission(sending.message_id)
            if not found:
                continue
            sending.partition, sending.offset = found.partition, found.offset
            if found.code is not None:
                sending.refusal = Refused(
                    found.code,
                    f"The feed refuses the message: {found.code}.",
                    f"Le flux refuse le message : {found.code}.",
                )

    def wait(
        self,
        sendings: Iterable[Sending],
        reader: AnswerReader,
        timeout_seconds: float,
        stop: StopSignal,
    ) -> None:
        """Follow the outcomes until every acknowledged file has one, for at most that long.

        Ends earlier when asked to stop.
        """
        waiting = {str(s.message_id): s for s in sendings if s.offset is not None}
        end = self._clock.monotonic() + timeout_seconds
        while waiting and self._clock.monotonic() < end and not stop.is_set():
            for answer in reader.read(_LOOK_SECONDS):
                sending = waiting.pop(answer.message_id or "", None)
                if sending is not None:
                    sending.answer = answer

    def _queue(
        self, sending: Sending, found: CdaDocument, content: bytes, request: Request
    ) -> None:
        provenance = self._provenance(found, request)
        # The publisher gives the id and keeps it; the zeros never leave this process.
        message = deposit(found, content, bytes(16), provenance, request.flags, request.replaces)
        del message["messageId"]
        submit = self._publisher.submit
        try:
            sending.message_id = submit(message, "DepositDocument")
        except AlreadySubmitted as before:
            # Ingestion knows whether it is the same: a lost mask or other bytes must not pass.
            sending.before = before.message_id
            sending.message_id = submit(message, "DepositDocument", again=True)

    def _provenance(self, found: CdaDocument | None, request: Request) -> Provenance:
        return provenance_of(
            self._settings, found, request.actor, request.organisation, self._clock.now()
        )


def send_files(
    sender: FileSender,
    files: Iterable[Path],
    request: Request,
    stop: StopSignal,
    advance: Callable[[int], None],
    make_room: Callable[[], bool],
) -> list[Sending]:
    """Submit every file, in the order given; no more of them once asked to stop.

    `make_room` begins to send when the queue is full; False: it can't.
    """
    sendings: list[Sending] = []
    for file in files:
        if stop.is_set():
            break
        sending = sender.submit(file, request)
        if sending.refusal and sending.refusal.code == "queue_full" and make_room():
            sending = sender.submit(file, request)
        sendings.append(sending)
        advance(1)
    return sendings


def queue_is_full() -> Refused:
    """The refusal of what the durable queue has no room for."""
    return Refused("queue_full", *_QUEUE_FULL)
