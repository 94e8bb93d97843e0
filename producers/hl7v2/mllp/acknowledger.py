"""From the bytes of one message to those of its ACK: queued, waited for, told."""

from __future__ import annotations

import asyncio

import structlog

from ingest.runtime.lifecycle import Clock
from ingest.runtime.metrics import Metrics
from producers.hl7v2.ack.ack import CODES, COMMIT
from producers.hl7v2.sending.sender import Hl7Sender
from producers.hl7v2.sending.sent_message import SentHl7Message
from producers.outcomes.explained import ExplainedOutcome
from producers.publish.errors import QueueError
from producers.send.file_sender import Request

from .outcome_waiters import OutcomeWaiters, Waiter

log = structlog.get_logger(__name__)


class Acknowledger:
    """Takes messages and says how each is acknowledged; what it acknowledged with AA is not lost.

    `problem`: why no message can be taken any more; None as long as messages can.
    """

    def __init__(
        self,
        sender: Hl7Sender,
        waiters: OutcomeWaiters | None,
        answer_seconds: float,
        request: Request,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`waiters` None: a message is acknowledged once it is queued."""
        for code in CODES:  # there before the first message: an absent series has no rate
            metrics.hl7_messages.labels(code)
        self._sender = sender
        self._waiters = waiters
        self._answer_seconds = answer_seconds
        self._request = request
        self._clock = clock
        self._metrics = metrics
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """The queue can't be written, or outcomes can't be read; None when neither is so."""
        if self._problem is None and self._waiters is not None and not self._waiters.is_reading:
            return "outcomes can't be read any more"
        return self._problem

    async def acknowledge(self, data: bytes) -> bytes | None:
        """The message is queued or refused; the bytes of its ACK, None when it wants none."""
        try:
            return self._reply(await self._take(data))
        except QueueError as error:
            # Nothing more can be kept: the last word is AR, and the process ends.
            self._problem = str(error)
            return self._reply(self._sender.unusable(data))

    def refuse_too_large(self, beginning: bytes) -> bytes | None:
        """The ACK of a message that was not read to its end; None when it wants none."""
        return self._reply(self._sender.too_large(beginning))

    def _reply(self, sent: SentHl7Message) -> bytes | None:
        queued_is_enough = self._waiters is None
        ack, requested = sent.ack(queued_is_enough=queued_is_enough), sent.requested_ack
        is_told = requested.covers(ack.code)
        code = COMMIT[ack.code] if requested.commit else ack.code
        self._metrics.hl7_messages.labels(code).inc()
        log.info(
            "hl7_message",
            command=sent.action and str(sent.action),
            state=sent.state,
            status=code if is_told else None,
            code=ack.rule or None,
            codes=sent.warned,
            message_id=str(sent.message_id) if sent.message_id else None,
        )
        if not is_told:
            return None
        return sent.ack_bytes(self._clock.now(), queued_is_enough=queued_is_enough)

    async def _take(self, data: bytes) -> SentHl7Message:
        """The message is queued or refused and, where that is wanted, has its outcome."""
        if self._waiters is None:
            return await asyncio.to_thread(self._sender.take, data, self._request)
        message_id = str(self._sender.message_id_of(data))
        waiter = self._waiters.expect(message_id)
        try:
            sent = await asyncio.to_thread(self._sender.take, data, self._request)
            if sent.message_id is not None and not sent.requested_ack.commit:
                sent.outcome = await self._in_time(waiter)
                await asyncio.to_thread(self._sender.look_up, [sent])
            return sent
        finally:
            self._waiters.forget(message_id, waiter)

    async def _in_time(self, waiter: Waiter) -> ExplainedOutcome | None:
        try:
            return await asyncio.wait_for(waiter, self._answer_seconds)
        except TimeoutError:
            return None
