"""A TCP proxy before PostgreSQL that cuts connections exactly at COMMIT.

It reads the frontend protocol (PostgreSQL manual, "Message Formats") just as far as to know a
COMMIT, sent as a query of its own or prepared. Only sessions whose application name ends as asked
are cut; all else is forwarded as it comes.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

BEFORE: Final = "before the server has it"
AFTER: Final = "after the server has done it"
BETWEEN: Final = "while the server has it"
MOMENTS: Final = (BEFORE, AFTER, BETWEEN)
_CHUNK: Final = 65_536
_SSL_REQUESTS: Final = frozenset((80877103, 80877104))

Choose = Callable[[], str | None]
"""Where to cut at this COMMIT, None to let it pass."""


@dataclass
class CommitCutter:
    """Listens on `port`. `cuts`: how often it cut where."""

    server: str
    session: str
    choose: Choose
    port: int = 0
    cuts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOMENTS, 0))

    def serve(self, listener: socket.socket) -> None:
        """Until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server)
            except OSError:
                client.close()
                server.close()
                continue
            link = _Link(self, client, server)
            for work in (link.forward_questions, link.forward_answers):
                threading.Thread(target=work, daemon=True).start()


class _Link:
    """One connection."""

    def __init__(self, cutter: CommitCutter, client: socket.socket, server: socket.socket) -> None:
        self._cutter = cutter
        self._client = client
        self._server = server
        self._commits: set[bytes] = set()
        self._swallow = threading.Event()
        self._answered = threading.Event()

    def forward_questions(self) -> None:
        """From the client, message by message."""
        with suppress(OSError, EOFError):
            if self._start():
                while True:
                    head = _exactly(self._client, 5)
                    body = _exactly(self._client, struct.unpack("!i", head[1:])[0] - 4)
                    moment = self._cutter.choose() if self._is_commit(head[:1], body) else None
                    if moment is not None:
                        self._cut(moment, head + body)
                        break
                    self._server.sendall(head + body)
            else:
                while data := self._client.recv(_CHUNK):
                    self._server.sendall(data)
        self._end()

    def forward_answers(self) -> None:
        """From the server, as they come."""
        with suppress(OSError):
            while data := self._server.recv(_CHUNK):
                if self._swallow.is_set():
                    self._answered.set()
                    continue
                self._client.sendall(data)
        self._answered.set()
        self._end()

    def _start(self) -> bool:
        """The session has begun; whether it is one to be cut."""
        while True:
            size = _exactly(self._client, 4)
            body = _exactly(self._client, struct.unpack("!i", size)[0] - 4)
            self._server.sendall(size + body)
            if struct.unpack("!i", body[:4])[0] not in _SSL_REQUESTS:
                words = body[4:].split(b"\0")
                named = dict(zip(words[::2], words[1::2], strict=False))
                name = named.get(b"application_name", b"").decode()
                return name.endswith(self._cutter.session)

    def _is_commit(self, kind: bytes, body: bytes) -> bool:
        if kind == b"Q":
            return body.strip(b"\0").strip().lower() == b"commit"
        if kind == b"P":
            name, query = body.split(b"\0", 2)[:2]
            if query.strip().lower() == b"commit":
                self._commits.add(name)
        elif kind == b"B":
            return body.split(b"\0", 2)[1] in self._commits
        return False

    def _cut(self, moment: str, message: bytes) -> None:
        self._cutter.cuts[moment] += 1
        if moment == BEFORE:
            return
        self._swallow.set()
        if moment == BETWEEN:
            self._server.sendall(message)
            return
        # A prepared COMMIT is more than one message: all of them must arrive.
        self._server.sendall(message)
        self._client.settimeout(0.2)
        with suppress(TimeoutError):
            while data := self._client.recv(_CHUNK):
                self._server.sendall(data)
        self._answered.wait(5)

    def _end(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        data = source.recv(count - len(found))
        if not data:
            raise EOFError
        found += data
    return found


@contextmanager
def cutting(server: str, session: str, choose: Choose) -> Iterator[CommitCutter]:
    """The proxy before the server with this socket, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cutter = CommitCutter(server, session, choose, listener.getsockname()[1])
        serving = threading.Thread(target=cutter.serve, args=(listener,), daemon=True)
        serving.start()
        try:
            yield cutter
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    serving.join(5)
