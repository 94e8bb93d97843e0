"""Connections to brokers whose sockets are closed when they fail.

kafka-python leaves the socket of each failed attempt to the garbage collector: about one per second
and client while a broker is away. Ingestion runs without the collector and would run out of file
descriptors after some minutes. The library lets a scheme of `proxy_url` name the class that
connects; ours connects directly, like the library's own.
"""

from __future__ import annotations

import socket
from typing import Any

from kafka.net.inet import KafkaNetSocket

DIRECT = "histoire-direct://"


class DirectSocket(KafkaNetSocket):  # type: ignore[misc] # the library has no types
    """Used by every client that has `proxy_url=DIRECT`."""

    SCHEMES = ("histoire-direct",)

    async def sock_connect(
        self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None
    ) -> socket.socket:
        """The connected socket; closed when it can't be connected."""
        try:
            connected: socket.socket = await super().sock_connect(net, sock, sockaddr, timeout_at)
        except BaseException:
            sock.close()
            raise
        return connected
