"""Requests to one OpenObserve: sockets that are kept, one deadline for a whole request, answers of bounded length.

urllib3's own retries are not used: a second POST that nobody asked for would break the intent protocol (OO-18). Whether a
request may have arrived is told by two errors: NotSent and NoAnswer. What an answer means is not known here.
"""

import contextlib
import http.client
import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from aurora_logs.adapters.openobserve.address import Address
from aurora_logs.errors import ConfigError
from aurora_logs.ports import Clock

CONNECT_TIMEOUT_SEC = 5.0
IDLE_SEC = 15.0  # a reset on a reused connection is an unknown outcome and costs a settle (openobserve.md §6.8)
READ_BYTES = 262_144
TRANSFER_ERRORS = (HTTPError, OSError, http.client.HTTPException)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. headers: names in lower case. is_whole: False when the body was longer than the caller's bound."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True


class NotSent(Exception):  # translated by whoever called; never leaves this adapter
    """No byte of the request left this machine."""


class NoAnswer(Exception):  # as above
    """The request may have arrived; no whole answer came. `timed_out`: for lack of time."""

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class Connections:
    """The connections to one address. Called from many threads at once; one connection serves one request at a time."""

    def __init__(self, address: Address, *, clock: Clock, most: int, ca_file: str = "") -> None:
        """Open nothing yet; keep at most `most` idle connections. Raises: ConfigError for a CA file that can't be read."""
        self.address, self._clock, self._most, self._ca_file = address, clock, most, ca_file
        self._lock = threading.Lock()
        self._idle: list[tuple[float, _Plain | _Tls]] = []
        self._busy: set[_Plain | _Tls] = set()
        self._is_over = False
        self._trust: tuple[int, ssl.SSLContext] | None = None
        self.opened = 0
        if address.scheme == "https":
            self._context()

    def request(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, limit_sec: float,
                most_bytes: int) -> Reply:
        """Make one request within `limit_sec` seconds; read at most `most_bytes` of the answer. Raises: NotSent, NoAnswer."""
        until_sec = self._clock.monotonic_sec() + limit_sec
        connection = self._connected(until_sec)
        connection.left_sec = lambda: until_sec - self._clock.monotonic_sec()
        try:
            with self._begun(connection):
                reply, is_reusable = _exchange(connection, method, self.address.prefix + path, dict(headers), body, most_bytes)
        except TRANSFER_ERRORS as exc:
            connection.close()
            raise NoAnswer(_said(exc), timed_out=connection.left_sec() <= 0 or isinstance(exc, TimeoutError)) from exc
        except BaseException:
            connection.close()
            raise
        self._give_back(connection, is_reusable=is_reusable)
        return reply

    def break_off(self) -> None:
        """End all requests under way (NoAnswer, if they may have arrived) and begin none any more (NotSent)."""
        with self._lock:
            self._is_over = True
            busy = list(self._busy)
        for connection in busy:
            sock = connection.sock
            if sock is not None:
                with contextlib.suppress(OSError):  # it ended by itself meanwhile
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # wakes the thread that waits for the answer

    @contextmanager
    def _begun(self, connection: "_Plain | _Tls") -> Iterator[None]:
        with self._lock:
            if self._is_over:
                raise NotSent("the service stops")
            self._busy.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(connection)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _connected(self, until_sec: float) -> "_Plain | _Tls":
        connection = self._kept()
        if connection is not None:
            return connection
        try:
            connection = self._made()
            connection.timeout = max(0.001, min(CONNECT_TIMEOUT_SEC, until_sec - self._clock.monotonic_sec()))
            connection.connect()
        except TRANSFER_ERRORS as exc:
            raise NotSent(_said(exc)) from exc
        with self._lock:
            self.opened += 1
        return connection

    def _kept(self) -> "_Plain | _Tls | None":
        """Return the connection that was used last, unless it is old or the server has closed it; drop those."""
        now_sec = self._clock.monotonic_sec()
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since_sec, connection = self._idle.pop()
            if now_sec - since_sec < IDLE_SEC and connection.is_connected:
                return connection
            connection.close()

    def _give_back(self, connection: "_Plain | _Tls", *, is_reusable: bool) -> None:
        with self._lock:
            if is_reusable and len(self._idle) < self._most:
                self._idle.append((self._clock.monotonic_sec(), connection))
                return
        connection.close()

    def _made(self) -> "_Plain | _Tls":
        if self.address.scheme == "http":
            return _Plain(self.address.host, self.address.port)
        return _Tls(self.address.host, self.address.port, ssl_context=self._context(), cert_reqs="CERT_REQUIRED")

    def _context(self) -> ssl.SSLContext:
        """Return what is trusted; a CA file that was changed is read again (REL-73)."""
        try:
            changed_ns = Path(self._ca_file).stat().st_mtime_ns if self._ca_file else 0
            if self._trust is None or self._trust[0] != changed_ns:
                self._trust = changed_ns, ssl.create_default_context(cafile=self._ca_file or None)
        except OSError as exc:  # ssl.SSLError is one
            raise ConfigError(f"OPENOBSERVE_CA_FILE {self._ca_file} can't be read: {exc.strerror or exc}") from exc
        return self._trust[1]


class _UntilDeadline:
    """Adds to a connection that all reads of an answer together have one deadline, however slowly bytes trickle (OO-37)."""

    left_sec: Callable[[], float]

    def response_class(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        """Make the object that reads the answer."""
        timed: Any = _TimedSocket(sock, self.left_sec)
        return http.client.HTTPResponse(timed, **options)


class _Plain(_UntilDeadline, HTTPConnection):  # type: ignore[misc]  # a factory in place of the class it makes
    pass


class _Tls(_UntilDeadline, HTTPSConnection):  # type: ignore[misc]  # as above
    pass


class _TimedSocket:
    def __init__(self, sock: socket.socket, left_sec: Callable[[], float]) -> None:
        self._sock, self._left_sec = sock, left_sec

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReads(self._sock, self._left_sec))


class _TimedReads(io.RawIOBase):
    def __init__(self, sock: socket.socket, left_sec: Callable[[], float]) -> None:
        self._sock, self._left_sec = sock, left_sec
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open until the answer is read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_sec = self._left_sec()
        if left_sec <= 0:
            raise TimeoutError("the answer did not come in time")
        self._sock.settimeout(left_sec)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _exchange(connection: _Plain | _Tls, method: str, path: str, headers: dict[str, str], body: bytes | None,
              most_bytes: int) -> tuple[Reply, bool]:
    if connection.sock is not None:
        connection.sock.settimeout(max(0.001, connection.left_sec()))
    connection.timeout = max(0.001, connection.left_sec())
    connection.request(method, path, body=body, headers=headers, preload_content=False)
    response = connection.getresponse()
    pieces, read_bytes = [], 0
    while read_bytes <= most_bytes and (piece := response.read1(READ_BYTES)):
        pieces.append(piece)
        read_bytes += len(piece)
    is_whole = read_bytes <= most_bytes
    reply = Reply(status=response.status, headers={name.lower(): value for name, value in response.headers.items()},
                  body=b"".join(pieces)[:most_bytes], is_whole=is_whole)
    keeps = response.headers.get("connection", "").lower() != "close" and response.version == 11
    response.release_conn()
    return reply, is_whole and keeps


def _said(exc: BaseException) -> str:
    """Say what failed without urllib3's object addresses."""
    reason = exc.args[-1] if exc.args and isinstance(exc.args[-1], BaseException) else exc
    return f"{type(reason).__name__}: {' '.join(str(reason).split())[:200]}"
