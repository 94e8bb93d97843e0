"""Messages of HL7 v2 into the durable queue, and the ACK that each of them gets."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID, uuid5

from ingest.runtime.settings import Settings
from producers.cda.deposit import Refused, read_file
from producers.publish.durable_queue import AlreadyQueued
from producers.publish.publisher import QueueFull
from producers.send.files import FileSender, Request, Sending, queue_is_full
from producers.send.provenance import profession_of, provenance_of
from schemas.cda import CdaDocument
from schemas.feed.messages import Actor, Provenance
from schemas.rules.table.rejections import REJECTIONS

from .acknowledgement import (
    ACCEPT,
    ERROR,
    REJECT,
    Verdict,
    Wanted,
    acknowledgement,
    control_id_of,
    wanted,
)
from .faults import APPLICATION_ERROR, Hl7Fault
from .feeding import document_of, feeding
from .order import Action, Order, check_processing, read_order
from .reading import Hl7Message, read_header, read_message

_MESSAGES: Final = UUID("b0c5f4a6-54c8-5d2f-9d39-0a1cf7a1f0c7")
"""Namespace of message ids: the same bytes are the same message, however often they come."""
_NOT_NOW: Final = frozenset({"queue_full", "queue_unusable"})
_NOT_FOR_THIS_DOOR: Final = frozenset({200, 201, 202, 203})
NOT_FOR_DMP: Final = "not_for_dmp"


@dataclass(slots=True)
class Hl7Sending(Sending):
    """A message on its way. `action`: what it asks; `fault`: why it is not taken.

    `not_for_dmp`: DESTDMP says so, nothing was queued. `broken`: rules broken, and yet taken.
    """

    message: Hl7Message | None = None
    action: Action | None = None
    fault: Hl7Fault | None = None
    not_for_dmp: bool = False
    broken: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """As `Sending.state`, or `not_for_dmp`."""
        return NOT_FOR_DMP if self.not_for_dmp else Sending.state.__get__(self)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: one object; never the message."""
        said = Sending.as_json(self)
        return {
            **said,
            "controlId": self.message and self.message.control_id,
            "action": self.action,
            "location": self.fault and self.fault.location,
            "broken": [{"code": code, "english": REJECTIONS[code].english} for code in self.broken],
        }

    def verdict(self, *, queued_is_enough: bool) -> Verdict:
        """What the ACK says. `queued_is_enough`: AA as soon as the message is queued durably."""
        queued_is_enough = queued_is_enough or self.wanted.commit
        if self.fault is not None:
            structural = self.fault.error_code in _NOT_FOR_THIS_DOOR
            return self._refused(
                self.fault.code,
                REJECT if structural else ERROR,
                self.fault.location,
                self.fault.error_code,
            )
        if self.refusal is not None:
            code = REJECT if self.refusal.code in _NOT_NOW else ERROR
            return self._refused_here(self.refusal, code)
        if self.answer is not None and not self.answer.is_good:
            outcome = self.answer.outcome
            return self._refused(str(outcome["code"]), ERROR, path=outcome["path"])
        if self.answer is None and not self.not_for_dmp and not queued_is_enough:
            return Verdict(REJECT, rule="no_answer", diagnostic=_LATE, user_message=_LATE_FRENCH)
        return Verdict(ACCEPT)

    def acknowledgement(self, now: float, *, queued_is_enough: bool) -> bytes:
        """The ACK. `now`: seconds since 1970."""
        verdict = self.verdict(queued_is_enough=queued_is_enough)
        received = self.message.control_id if self.message is not None else ""
        control_id = control_id_of(f"{self.message_id} {received} {now!r}")
        return acknowledgement(self.message, verdict, control_id, datetime.fromtimestamp(now, UTC))

    @property
    def wanted(self) -> Wanted:
        """Which acknowledgement the message asks for."""
        return wanted(self.message)

    @property
    def warned(self) -> list[str]:
        """Codes of the rules that are broken, and yet the message was taken."""
        of_outcome = self.answer.warnings if self.answer is not None else []
        return [*self.broken, *(warning["code"] for warning in of_outcome)]

    def _refused(
        self,
        code: str,
        acknowledgement_code: str,
        location: str = "",
        error_code: int = APPLICATION_ERROR,
        path: str | None = None,
    ) -> Verdict:
        rule = REJECTIONS.get(code)
        if rule is None:
            return Verdict(acknowledgement_code, location, error_code, rule=code)
        return Verdict(
            acknowledgement_code,
            location,
            error_code,
            rule.hl7,
            code,
            f"{rule.english} {rule.repair}",
            rule.french,
            (rule.rule_id, path or "", rule.link(self.rules_page)),
        )

    def _refused_here(self, refusal: Refused, acknowledgement_code: str) -> Verdict:
        """In the words of the refusal: they say more than those of the rule."""
        said = self._refused(refusal.code, acknowledgement_code, path=refusal.path)
        words = f"{refusal.english} {refusal.repair}".strip()
        return replace(said, diagnostic=words, user_message=refusal.french)


_LATE: Final = "Queued durably, not answered in time. Send it again: a second copy changes nothing."
_LATE_FRENCH: Final = (
    "Mis en file durablement, pas encore de réponse. Renvoyez-le : une copie ne change rien."
)


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
    """Takes messages: each one read, refused or queued; a copy of one goes under the same id."""

    def submit(self, file: Path, request: Request) -> Hl7Sending:
        """The message of a file, queued durably or refused."""
        limit = message_bytes_max(self._settings)
        try:
            data = read_file(file, limit)
        except Refused as refusal:
            return Hl7Sending(file, refusal=refusal)
        return self.take(data, request, file) if len(data) <= limit else self.too_large(data, file)

    def take(self, data: bytes, request: Request, label: Path = _NO_FILE) -> Hl7Sending:
        """A message, queued durably or refused. Raises QueueError only."""
        sending = Hl7Sending(label, rules_page=self._settings.rules_documentation_url)
        try:
            sending.message = read_message(data)
            check_processing(sending.message, self._settings.environment)
            order = read_order(sending.message)
            sending.action, sending.broken = order.action, order.remarks
            sending.not_for_dmp = not order.for_dmp
            if order.for_dmp:
                self._queue_order(sending, order, data, request)
        except Hl7Fault as fault:
            sending.message = sending.message or read_header(data)
            sending.fault = fault
            sending.refusal = _refusal(fault)
        except Refused as refusal:
            sending.refusal = refusal
        except QueueFull:
            sending.refusal = queue_is_full()
        return sending

    def too_large(self, beginning: bytes, label: Path = _NO_FILE) -> Hl7Sending:
        """What is said of a message that was not read to its end."""
        sending = Hl7Sending(label, message=read_header(beginning))
        sending.rules_page = self._settings.rules_documentation_url
        sending.fault = Hl7Fault("hl7_too_long", "MSH^1", 199)
        sending.refusal = _refusal(sending.fault)
        return sending

    def unusable(self, data: bytes) -> Hl7Sending:
        """What is said of a message when the queue can keep none."""
        refusal = Refused("queue_unusable", *_UNUSABLE)
        return Hl7Sending(_NO_FILE, message=read_header(data), refusal=refusal)

    @staticmethod
    def message_id_of(data: bytes) -> UUID:
        """The id under which these bytes go, however often they come."""
        return uuid5(_MESSAGES, sha256(data).hexdigest())

    def _queue_order(
        self, sending: Hl7Sending, order: Order, data: bytes, request: Request
    ) -> None:
        settings = self._settings
        found = document_of(order, settings.environment, settings.max_content_bytes)
        sending.remarks = len(found.problems) if found is not None else 0
        said = feeding(order, found, spoken(settings, order, found, request, self._clock.now()))
        # The same bytes have the same id: a message that comes twice is applied once (TRAP 21).
        message_id = self.message_id_of(data)
        sending.message_id = message_id
        if self._publisher.is_waiting(message_id):
            return
        datum = {"messageId": message_id.bytes, **said.datum}
        # Copies come at once too, over several connections: the one in the queue is enough.
        with contextlib.suppress(AlreadyQueued):
            self._publisher.submit(datum, said.name, again=True)


def spoken(
    settings: Settings, order: Order, found: CdaDocument | None, request: Request, now: float
) -> Provenance:
    """Who speaks in a message: the sender in PRT, unless `request` names another.

    `now`: seconds since 1970, for what the message does not date itself.
    """
    provenance = provenance_of(settings, found, request.actor, request.organisation, now)
    actor = provenance["actor"]
    if order.actor is not None and request.actor is None:
        actor = _with_role(order.actor, found, actor)
        if request.organisation is not None:  # who set up the door knows whose it is
            actor = {
                **actor,
                "organisationId": request.organisation,
                "organisationName": None,
            }
    said = {"channel": "HL7V2", "actor": actor, "occurredAt": order.said_at}
    return cast(Provenance, {**provenance, **said})


def _refusal(fault: Hl7Fault) -> Refused:
    rule = fault.rule
    return Refused(fault.code, rule.english, rule.french)


def _with_role(sender: Actor, found: CdaDocument | None, fallback: Actor) -> Actor:
    """The sender named in PRT; his role is that of the author he is, or the one of the settings.

    An organisation the message does not name is not taken from elsewhere: it is a right.
    """
    authors = found.authors if found is not None else ()
    author = next((one for one in authors if one.id == sender["id"]), None)
    role = fallback["roleCode"]
    if author is not None:
        role = profession_of(author.specialty) or role
    return {**sender, "roleCode": role, "sectorCode": fallback["sectorCode"]}


__all__ = ["NOT_FOR_DMP", "Hl7Sender", "Hl7Sending", "message_bytes_max", "spoken"]
