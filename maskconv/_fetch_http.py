"""One HTTP request at a time over connections that are kept, each step within a time limit."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from maskconv import _fetch_address
from maskconv._fetch_url import Url

__all__ = ["Clock", "Connections", "Limits", "tls"]

KEPT = 8  # idle connections to one host


@dataclass(frozen=True)
class Limits:
    """How much a mask may take: bytes, seconds (to connect, of silence, for all tries together), tries, redirects.

    ``pause`` is the longest wait between two tries, ``connections`` how many masks are fetched at once.
    """

    size: int = 1 << 28
    connect: float = 10.0
    silence: float = 30.0
    total: float = 300.0
    tries: int = 5
    first_pause: float = 0.5
    pause: float = 60.0
    redirects: int = 5
    connections: int = 8


class Clock:
    """The time that is left for one mask."""

    def __init__(self, limits: Limits) -> None:
        self.end = time.monotonic() + limits.total

    def left(self, step: float) -> float:
        """Seconds that one step may take, at most ``step``. Raises TimeoutError where none is left."""
        remaining = self.end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time limit is over")
        return min(step, remaining)


@cache
def tls() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities."""
    return ssl.create_default_context()


class _Timed(io.RawIOBase):
    """A socket's bytes, each read within the time that is left: a body that drips does not outlast it."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._raw = link.socket.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._link.arm()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Link:
    """What `http.client` takes for a socket."""

    def __init__(self, connection: socket.socket, arm: Any) -> None:
        self.socket = connection
        self._seconds = arm

    def arm(self) -> None:
        self.socket.settimeout(self._seconds())

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Timed(self), 1 << 16)

    def sendall(self, data: Any) -> None:
        self.arm()
        self.socket.sendall(data)

    def close(self) -> None:
        self.socket.close()


class _Connection(http.client.HTTPConnection):
    """Connects to checked addresses only, with TLS for https."""

    def __init__(self, url: Url, allowed: frozenset[str], limits: Limits) -> None:
        super().__init__(url.host, url.port)
        self.default_port = 443 if url.scheme == "https" else 80
        self.clock: Clock = Clock(limits)
        self._url, self._allowed, self._limits = url, allowed, limits
        self.plain: socket.socket | None = None
        self.used = False
        self.ended = False

    def connect(self) -> None:
        url, step = self._url, self._limits.connect
        plain = _fetch_address.connect(url.host, url.port, self._allowed, lambda: self.clock.left(step))
        self.plain = plain
        if self.ended:  # it was cut before there was anything to cut
            plain.close()
            raise ConnectionAbortedError("the run is ending")
        if url.scheme == "https":
            try:
                plain.settimeout(self.clock.left(step))
                self.plain = plain = tls().wrap_socket(plain, server_hostname=url.host)
            except BaseException:
                plain.close()
                raise
        self.sock = _Link(plain, lambda: self.clock.left(self._limits.silence))

    def cut(self) -> None:
        """End whatever this connection waits for, from another thread, or will wait for."""
        self.ended = True
        if self.plain is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.plain, socket.SHUT_RDWR)  # TLS's own would not wake a reader


class Connections:
    """Connections by host, kept while they are sound; ``close`` ends those in use as well."""

    def __init__(self, allowed: frozenset[str], limits: Limits) -> None:
        self._allowed, self._limits = allowed, limits
        self._idle: dict[tuple[str, str, int], list[_Connection]] = {}
        self._busy: set[_Connection] = set()
        self._ended = False
        self._lock = threading.Lock()

    @contextmanager
    def get(self, url: Url, headers: Mapping[str, str], clock: Clock) -> Iterator[http.client.HTTPResponse]:
        """The response to a GET, its body unread. Raises DataError, OSError and http.client.HTTPException."""
        connection, sound = self._take(url, clock), False
        try:
            response = self._asked(connection, url, headers)
            yield response
            sound = response.isclosed() and not response.will_close
        finally:
            self._put_back(url, connection, sound=sound)

    def _asked(self, connection: _Connection, url: Url, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """A kept connection may have been closed by the other side: then the request is made anew, once."""
        again = connection.used
        connection.used = True
        try:
            connection.request("GET", url.target, headers=dict(headers))
            return connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine, ssl.SSLError):
            if not again:
                raise
        connection.close()
        connection.request("GET", url.target, headers=dict(headers))
        return connection.getresponse()

    def _take(self, url: Url, clock: Clock) -> _Connection:
        with self._lock:
            idle = self._idle.get(url[:3])
            connection = idle.pop() if idle else _Connection(url, self._allowed, self._limits)
            connection.ended = self._ended
            self._busy.add(connection)
        connection.clock = clock
        return connection

    def _put_back(self, url: Url, connection: _Connection, *, sound: bool) -> None:
        """Keep a connection whose answer was read to its end."""
        with self._lock:
            self._busy.discard(connection)
            idle = self._idle.setdefault(url[:3], [])
            if sound and len(idle) < KEPT:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            self._ended = True
            for connection in self._busy:
                connection.cut()
            idle = [connection for each in self._idle.values() for connection in each]
            self._idle.clear()
        for connection in idle:
            connection.close()
