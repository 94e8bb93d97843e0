"""Why no client could be started: read from the client's log, told to a person.

A wrong password, a wrong authority, plain text to a TLS port and an absent broker all reach the
caller as `KafkaTimeoutError: Unable to bootstrap` (decision 0009). The reason is in the client's
log, often twenty lines before its end. The broker's answer to a wrong password is often lost with
the connection; that the broker spoke before tells this case from a broker that wants TLS.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ingest.runtime.log_privacy import BLANK
from ingest.runtime.settings import Settings
from schemas.forms.identity import MATRICULE_LIKE

LINES_KEPT: Final = 200
_NOISE: Final = re.compile(r"not ready|Bootstrap failed|Unable to bootstrap|Abort \(")
_SPOKE: Final = re.compile(r"broker_version=\(\d.*disconnected", re.DOTALL)


class ClientLog(logging.Handler):
    """Keeps the first warnings and errors of the client."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, without what could be a matricule."""
        if len(self.lines) < LINES_KEPT:
            self.lines.append(MATRICULE_LIKE.sub(BLANK, record.getMessage())[:300])


@contextmanager
def client_log() -> Iterator[ClientLog]:
    """What the client logs in the block."""
    kept = ClientLog()
    logger = logging.getLogger("kafka")
    logger.addHandler(kept)
    try:
        yield kept
    finally:
        logger.removeHandler(kept)


def reason_of(lines: list[str], settings: Settings, otherwise: str) -> str:
    """Why the brokers did not take us, and which setting to look at; no secret is repeated."""
    said = "\n".join(lines)
    protocol = settings.kafka_security_protocol
    if "AuthenticationFailed" in said or "Authentication failed" in said:
        return _WRONG_PASSWORD
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return _WRONG_HOST if "mismatch" in said else _WRONG_AUTHORITY
    if "[SSL" in said:
        return f"it does not speak TLS as we do: is HISTOIRE_KAFKA_SECURITY_PROTOCOL={protocol} it?"
    if "[Errno 2]" in said or "[Errno 13]" in said:
        return "a file named by HISTOIRE_KAFKA_SSL_* is not there or not readable"
    if "disconnected" in said:
        return _hung_up(protocol, spoke=_SPOKE.search(said) is not None)
    telling = [line for line in lines if not _NOISE.search(line)]
    return telling[-1] if telling else otherwise


_WRONG_PASSWORD: Final = (
    "it refuses the user or the password: check HISTOIRE_KAFKA_SASL_USER, "
    "HISTOIRE_KAFKA_SASL_PASSWORD and HISTOIRE_KAFKA_SASL_MECHANISM"
)
_WRONG_HOST: Final = (
    "its certificate is for another host: use in HISTOIRE_KAFKA_BOOTSTRAP a name that it is for"
)
_WRONG_AUTHORITY: Final = (
    "its certificate is not signed by an authority we trust: check HISTOIRE_KAFKA_SSL_CAFILE"
)


def _hung_up(protocol: str, *, spoke: bool) -> str:
    if spoke and protocol.startswith("SASL"):
        return _WRONG_PASSWORD
    if spoke:
        return (
            f"it wants to know who we are: HISTOIRE_KAFKA_SECURITY_PROTOCOL={protocol} has no user"
        )
    if protocol.endswith("PLAINTEXT"):
        return (
            f"it hangs up at once: it probably wants TLS, and HISTOIRE_KAFKA_SECURITY_PROTOCOL="
            f"{protocol} has none"
        )
    return "it hangs up at once: it may want a certificate of ours (HISTOIRE_KAFKA_SSL_CERTFILE)"
