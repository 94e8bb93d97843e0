"""The ACK of an HL7 v2 message: MSH, MSA, and ERR with a code 9xx when refused (SPEC d.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from .faults import APPLICATION_ERROR, SENTENCES_0357, SENTENCES_0533
from .reading import Hl7Message

ACCEPT: Final = "AA"
ERROR: Final = "AE"
REJECT: Final = "AR"
"""The message as such is not for this door, or can't be taken now: what it says was not judged."""
COMMIT: Final = {ACCEPT: "CA", ERROR: "CE", REJECT: "CR"}
"""Table 0008: the same of a message whose sender asks only whether it is kept (MSH-15)."""
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
_ALWAYS, _NEVER, _ON_ERROR, _ON_SUCCESS = "AL", "NE", "ER", "SU"


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
    explained: tuple[str, ...] = ()
    """After the code in ERR-6: id of the rule, path of the field, link to its documentation."""


class Wanted(NamedTuple):
    """Which acknowledgement is asked for. `commit`: CA, CE or CR, once the message is kept.

    `condition`: table 0155, AL always, NE never, ER if refused, SU if taken.
    """

    commit: bool
    condition: str

    def covers(self, code: str) -> bool:
        """Whether an acknowledgement with this code (AA, AE or AR) is to be sent."""
        return self.condition == _ALWAYS or self.condition == (
            _ON_SUCCESS if code == ACCEPT else _ON_ERROR
        )


def wanted(message: Hl7Message | None) -> Wanted:
    """What MSH-15 and MSH-16 ask for (HL7 v2.5, 2.9.2); one acknowledgement for a message at most.

    Both empty: the original mode, always AA, AE or AR. Else the application acknowledgement of
    MSH-16 if there is to be one, else the accept acknowledgement of MSH-15. Codes that are not in
    the table: always, so that nobody waits in vain.
    """
    if message is None:
        return Wanted(False, _ALWAYS)
    accept, application = message.header.text(15), message.header.text(16)
    if application not in ("", _NEVER) or not accept:
        original = not accept and not application
        return Wanted(False, _ALWAYS if original else _condition(application or _NEVER))
    return Wanted(True, _condition(accept))


def _condition(code: str) -> str:
    return code if code in (_NEVER, _ON_ERROR, _ON_SUCCESS) else _ALWAYS


def control_id_of(seed: str) -> str:
    """A control id (MSH-10) of the length that HL7 v2.5 allows. `seed`: another each time."""
    return sha256(seed.encode()).hexdigest()[:_CONTROL_ID_LENGTH].upper()


def acknowledgement(
    message: Hl7Message | None, verdict: Verdict, control_id: str, now: datetime
) -> bytes:
    """The ACK, segments ended by CR, in the character set of the message. `now`: aware."""
    commit = wanted(message).commit
    code = COMMIT[verdict.code] if commit else verdict.code
    charset = message.charset if message is not None else "utf-8"
    received = message.control_id if message is not None else ""
    lines = [
        _header(message, control_id, now),
        f"MSA|{code}|{_escaped(received)}",
    ]
    if verdict.code != ACCEPT:
        lines.append(_error(verdict))
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


def _error(verdict: Verdict) -> str:
    code, application = verdict.error_code, verdict.application_code
    fields = [
        "",
        verdict.location,
        f"{code}^{SENTENCES_0357.get(code, '')}^HL70357",
        "E",
        f"{application}^{SENTENCES_0533.get(application, '')}^HL70533",
        "~".join(_escaped(said) for said in (verdict.rule, *verdict.explained)),
        _escaped(verdict.diagnostic),
        _escaped(verdict.user_message),
    ]
    return "ERR|" + "|".join(fields)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
