"""The ACK of an HL7 v2 message: MSH, MSA, and ERR with a code 9xx when refused (SPEC d.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .faults import APPLICATION_ERROR, SENTENCES_0357, SENTENCES_0533
from .reading import Hl7Message

ACCEPT: Final = "AA"
ERROR: Final = "AE"
REJECT: Final = "AR"
"""The message as such is not for this door, or can't be taken now: what it says was not judged."""
CODES: Final = (ACCEPT, ERROR, REJECT)
_OTHER: Final = 906
_ESCAPES: Final = str.maketrans(
    {
        "\\": "\\E\\",
        "|": "\\F\\",
        "^": "\\S\\",
        "~": "\\R\\",
        "&": "\\T\\",
        "\r": " ",
        "\n": " ",
    }
)
_SENDER: Final = ("Histoire", "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered. `code`: AA, AE or AR; the rest stands in ERR and is empty for AA.

    `error_code`: table 0357; `application_code`: table 0533; `rule`: code of the table of rules.
    """

    code: str
    location: str = ""
    error_code: int = APPLICATION_ERROR
    application_code: int = _OTHER
    rule: str = ""
    diagnostic: str = ""
    user_message: str = ""


def acknowledgement(
    message: Hl7Message | None, verdict: Verdict, control_id: str, now: datetime
) -> bytes:
    """The ACK, segments ended by CR, in the character set of the message. `now`: aware."""
    charset = message.charset if message is not None else "utf-8"
    received = message.control_id if message is not None else ""
    lines = [
        _header(message, control_id, now),
        f"MSA|{verdict.code}|{_escaped(received)}",
    ]
    if verdict.code != ACCEPT:
        lines.append(_error(verdict))
    return ("\r".join(lines) + "\r").encode(charset, "replace")


def _header(message: Hl7Message | None, control_id: str, now: datetime) -> str:
    """Sender and receiver change places; version, processing and character set stay."""
    if message is None:
        own = [*_SENDER, "", ""]
        event, processing, version, charset = "ACK", "P", "2.5", "UNICODE UTF-8"
    else:
        header = message.header
        own = [header.text(number) for number in (5, 6, 3, 4)]
        event = f"ACK^{_escaped(header.text(9, 2))}^ACK"
        processing, version = header.text(11) or "P", header.text(12) or "2.5"
        charset = header.text(18) or "UNICODE UTF-8"
    fields = [
        *(_escaped(field) for field in own),
        now.strftime("%Y%m%d%H%M%S%z"),
        "",
        event,
        _escaped(control_id),
        _escaped(processing),
        _escaped(version),
        *("",) * 4,
        "FRA",
        _escaped(charset),
    ]
    return "MSH|^~\\&|" + "|".join(fields)


def _error(verdict: Verdict) -> str:
    code, application = verdict.error_code, verdict.application_code
    fields = [
        "",
        verdict.location,
        f"{code}^{SENTENCES_0357.get(code, '')}^HL70357",
        "E",
        f"{application}^{SENTENCES_0533.get(application, '')}^HL70533",
        _escaped(verdict.rule),
        _escaped(verdict.diagnostic),
        _escaped(verdict.user_message),
    ]
    return "ERR|" + "|".join(fields)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
