"""The ACK of an HL7 v2 message: MSH, MSA, and ERR with a code 9xx when refused (SPEC d.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from producers.hl7v2.errors import APPLICATION_ERROR, SENTENCES_0357, SENTENCES_0533
from producers.hl7v2.message.segments import Hl7Message

from .requested import requested_ack

ACCEPT: Final = "AA"
ERROR: Final = "AE"
REJECT: Final = "AR"
"""The message is not for this door, or can't be taken now: its content was not looked at."""
COMMIT: Final = {ACCEPT: "CA", ERROR: "CE", REJECT: "CR"}
"""Table 0008: the same for a sender who asks only whether his message is kept (MSH-15)."""
CODES: Final = (*COMMIT, *COMMIT.values())
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
_CONTROL_ID_LENGTH: Final = 20
"""MSH-10 in HL7 v2.5."""
_VERSION: Final = "2.5"


@dataclass(frozen=True, slots=True)
class Ack:
    """What an ACK says. `code`: AA, AE or AR; the rest stands in ERR and is empty for AA.

    `error_code`: table 0357; `application_code`: table 0533; `rule`: code of the table of rules.
    `explained`: after the code in ERR-6, the id of the rule, the path of the field, the link to the
    documentation.
    """

    code: str
    location: str = ""
    error_code: int = APPLICATION_ERROR
    application_code: int = _OTHER
    rule: str = ""
    diagnostic: str = ""
    user_message: str = ""
    explained: tuple[str, ...] = ()


def control_id_of(seed: str) -> str:
    """A control id (MSH-10) of the length that HL7 v2.5 allows. `seed`: another each time."""
    return sha256(seed.encode()).hexdigest()[:_CONTROL_ID_LENGTH].upper()


def ack_bytes(message: Hl7Message | None, ack: Ack, control_id: str, now: datetime) -> bytes:
    """The ACK, segments ended by CR, in the character set of the message. `now`: aware.

    `message` None: nothing of it could be read.
    """
    commit = requested_ack(message).commit
    code = COMMIT[ack.code] if commit else ack.code
    charset = message.charset if message is not None else "utf-8"
    received = message.control_id if message is not None else ""
    lines = [
        _header(message, control_id, now),
        f"MSA|{code}|{_escaped(received)}",
    ]
    if ack.code != ACCEPT:
        lines.append(_error(ack))
    return ("\r".join(lines) + "\r").encode(charset, "replace")


def _header(message: Hl7Message | None, control_id: str, now: datetime) -> str:
    """Sender and receiver change places; version, processing and character set stay."""
    if message is None:
        own = [*_SENDER, "", ""]
        event, processing, version, charset = "ACK", "P", _VERSION, "UNICODE UTF-8"
    else:
        header = message.header
        own = [header.text(number) for number in (5, 6, 3, 4)]
        event = f"ACK^{_escaped(header.text(9, 2))}^ACK"
        processing, version = header.text(11) or "P", header.text(12)
        version = version if version.startswith("2.") else _VERSION
        charset = message.charset_name
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


def _error(ack: Ack) -> str:
    code, application = ack.error_code, ack.application_code
    fields = [
        "",
        ack.location,
        f"{code}^{SENTENCES_0357.get(code, '')}^HL70357",
        "E",
        f"{application}^{SENTENCES_0533.get(application, '')}^HL70533",
        "~".join(_escaped(text) for text in (ack.rule, *ack.explained)),
        _escaped(ack.diagnostic),
        _escaped(ack.user_message),
    ]
    return "ERR|" + "|".join(fields)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
