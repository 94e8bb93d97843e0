"""An HL7 v2 message on its way to the feed, and the ACK that it gets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from producers.cda.refused import Refused
from producers.hl7v2.ack.ack import ACCEPT, ERROR, REJECT, Ack, ack_bytes, control_id_of
from producers.hl7v2.ack.requested import RequestedAck, requested_ack
from producers.hl7v2.errors import APPLICATION_ERROR, Hl7Error
from producers.hl7v2.message.segments import Hl7Message
from producers.hl7v2.order.action import Action
from producers.send.sent_file import SentFile
from schemas.rules.table.rejections import REJECTIONS

NOT_FOR_DMP: Final = "not_for_dmp"
_NOT_NOW: Final = frozenset({"queue_full", "queue_unusable"})
_NOT_FOR_THIS_DOOR: Final = frozenset({200, 201, 202, 203})
_LATE: Final = "Queued durably, not answered in time. Send it again: a second copy changes nothing."
_LATE_FRENCH: Final = (
    "Mis en file durablement, pas encore de réponse. Renvoyez-le : une copie ne change rien."
)


@dataclass(slots=True)
class SentHl7Message(SentFile):
    """A message on its way. `action`: what it asks for; `error`: why it is not taken.

    `not_for_dmp`: DESTDMP says no, and nothing was queued. `broken`: rules that are broken and
    refuse nothing.
    """

    message: Hl7Message | None = None
    action: Action | None = None
    error: Hl7Error | None = None
    not_for_dmp: bool = False
    broken: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """As `SentFile.state`, or `not_for_dmp`."""
        return NOT_FOR_DMP if self.not_for_dmp else SentFile.state.__get__(self)

    def as_json(self) -> dict[str, Any]:
        """One object for `--json`; the message itself is never in it."""
        return {
            **SentFile.as_json(self),
            "controlId": self.message and self.message.control_id,
            "action": self.action,
            "location": self.error and self.error.location,
            "broken": [{"code": code, "english": REJECTIONS[code].english} for code in self.broken],
        }

    def ack(self, *, queued_is_enough: bool) -> Ack:
        """What the ACK says. `queued_is_enough`: AA as soon as the message is queued durably."""
        queued_is_enough = queued_is_enough or self.requested_ack.commit
        if self.error is not None:
            structural = self.error.error_code in _NOT_FOR_THIS_DOOR
            return self._not_taken(
                self.error.code,
                REJECT if structural else ERROR,
                location=self.error.location,
                error_code=self.error.error_code,
            )
        if self.refusal is not None:
            return self._in_words_of(self.refusal)
        if self.outcome is not None and not self.outcome.is_good:
            outcome = self.outcome.outcome
            return self._not_taken(str(outcome["code"]), ERROR, path=outcome["path"])
        if self.outcome is None and not self.not_for_dmp and not queued_is_enough:
            return Ack(REJECT, rule="no_answer", diagnostic=_LATE, user_message=_LATE_FRENCH)
        return Ack(ACCEPT)

    def ack_bytes(self, now: float, *, queued_is_enough: bool) -> bytes:
        """The bytes of the ACK. `now`: seconds since 1970."""
        received = self.message.control_id if self.message is not None else ""
        return ack_bytes(
            self.message,
            self.ack(queued_is_enough=queued_is_enough),
            control_id_of(f"{self.message_id} {received} {now!r}"),
            datetime.fromtimestamp(now, UTC),
        )

    @property
    def requested_ack(self) -> RequestedAck:
        """Which ACK the message asks for."""
        return requested_ack(self.message)

    @property
    def warned(self) -> list[str]:
        """Codes of the rules that are broken although the message was taken."""
        of_outcome = self.outcome.warnings if self.outcome is not None else []
        return [*self.broken, *(warning["code"] for warning in of_outcome)]

    def _not_taken(
        self,
        code: str,
        ack_code: str,
        *,
        location: str = "",
        error_code: int = APPLICATION_ERROR,
        path: str | None = None,
    ) -> Ack:
        rule = REJECTIONS.get(code)
        if rule is None:
            return Ack(ack_code, location, error_code, rule=code)
        return Ack(
            code=ack_code,
            location=location,
            error_code=error_code,
            application_code=rule.hl7,
            rule=code,
            diagnostic=f"{rule.english} {rule.repair}",
            user_message=rule.french,
            explained=(rule.rule_id, path or "", rule.link(self.rules_page)),
        )

    def _in_words_of(self, refusal: Refused) -> Ack:
        """In the words of the refusal, which say more than those of its rule."""
        ack = self._not_taken(
            refusal.code, REJECT if refusal.code in _NOT_NOW else ERROR, path=refusal.path
        )
        words = f"{refusal.english} {refusal.repair}".strip()
        return replace(ack, diagnostic=words, user_message=refusal.french)
