"""How the listener listens, and its TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """Where the listener listens, and its bounds.

    `answer_seconds`: how long an outcome is waited for; 0: AA once the message is queued.
    `message_bytes`: the largest message. `connections`: how many at once. `idle_seconds`: a silent
    connection is closed after them. `tls` None: without TLS.
    """

    host: str
    port: int
    answer_seconds: float
    message_bytes: int
    connections: int
    idle_seconds: float
    tls: ssl.SSLContext | None = None


def tls_context(certificate: Path, key: Path, client_authority: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer; with `client_authority` a client must show a certificate that it signed.

    Raises OSError, ssl.SSLError included, when a file can't be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password given, OpenSSL would ask the terminal for one, and wait.
    context.load_cert_chain(certificate, key, password="")
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
