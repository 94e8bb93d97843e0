"""Which ACK a message asks for in MSH-15 and MSH-16."""

from __future__ import annotations

from typing import Final, NamedTuple

from producers.hl7v2.message.segments import Hl7Message

_ALWAYS: Final = "AL"
_NEVER: Final = "NE"
_ON_ERROR: Final = "ER"
_ON_SUCCESS: Final = "SU"
_ACCEPT: Final = "AA"


class RequestedAck(NamedTuple):
    """Which ACK is asked for. `commit`: CA, CE or CR, once the message is kept.

    `condition`: table 0155, AL always, NE never, ER if refused, SU if taken.
    """

    commit: bool
    condition: str

    def covers(self, code: str) -> bool:
        """Whether an ACK with this code (AA, AE or AR) is to be sent."""
        return self.condition == _ALWAYS or self.condition == (
            _ON_SUCCESS if code == _ACCEPT else _ON_ERROR
        )


def requested_ack(message: Hl7Message | None) -> RequestedAck:
    """What MSH-15 and MSH-16 ask for (HL7 v2.5, 2.9.2); a message has one ACK at most.

    Both empty: the original mode, always AA, AE or AR. Else the application ACK of MSH-16 if there
    is to be one, else the accept ACK of MSH-15. A code that is not in the table means always:
    nobody waits in vain.
    """
    if message is None:
        return RequestedAck(False, _ALWAYS)
    accept, application = message.header.text(15), message.header.text(16)
    if application not in ("", _NEVER) or not accept:
        original = not accept and not application
        return RequestedAck(False, _ALWAYS if original else _condition(application or _NEVER))
    return RequestedAck(True, _condition(accept))


def _condition(code: str) -> str:
    return code if code in (_NEVER, _ON_ERROR, _ON_SUCCESS) else _ALWAYS
