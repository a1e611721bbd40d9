"""HTTP/1.1 on a socket, for every server of the simulator: keep-alive, one thread a connection, answers that break."""

from __future__ import annotations

import signal
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from types import FrameType

import msgspec

from aurora_logs_simulator.signing import Request

LINE_MAX_BYTES = 65_536
IDLE_SEC = 60.0


class Answer(msgspec.Struct, kw_only=True):
    """What goes back over HTTP.

    body:        the bytes, or pieces of a stream of `length_bytes`.
    keeps_bytes: the connection ends after so many bytes of the body; None: it does not.
    resets:      it ends with a reset instead of a close; with status 0 before any answer.
    chunked:     the body goes out in chunks without a length; ends: the connection ends behind the answer.
    ends_all:    every connection of the server ends behind the answer.
    """

    status: int
    body: bytes | Iterator[bytes]
    length_bytes: int
    headers: dict[str, str]
    keeps_bytes: int | None = None
    resets: bool = False
    delay_sec: float = 0.0
    chunked: bool = False
    ends: bool = False
    ends_all: bool = False


class HttpServer(socketserver.ThreadingTCPServer):
    """A server on a port of this machine."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, handler: type[HttpHandler], *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """Bind at once (port 0: any free one); `serve` begins to answer."""
        super().__init__((host, port), handler)
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._resetting: set[socket.socket] = set()

    @property
    def endpoint(self) -> str:
        """The URL under which the server answers."""
        host, port = self.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    def serve(self) -> None:
        """Answer until `stop`; returns then."""
        try:
            self.serve_forever(poll_interval=0.05)
        finally:
            self.server_close()
            self.drop_connections()

    def stop(self) -> None:
        """End `serve`, from any other thread."""
        self.shutdown()

    def stop_soon(self) -> None:
        """End `serve` from a thread that answers a request: `shutdown` waits for the serving loop."""
        threading.Thread(target=self.stop, daemon=True).start()

    def stop_on_signals(self) -> None:
        """End `serve` in good order on SIGTERM and SIGINT; called from the main thread."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stop_soon()  # the handler runs in the serving thread: stopping from there would wait for itself

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection; the handshake of TLS waits for the connection's own thread."""
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def connected(self, connection: socket.socket) -> None:
        """Remember an open connection."""
        self._open.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        """Forget a connection."""
        self._open.discard(connection)

    def drop_connections(self) -> None:
        """Close every open connection, as the end of a process does."""
        for connection in list(self._open):
            _close(connection)

    def reset(self, connection: socket.socket) -> None:
        """Let the end of this connection be a reset: unread bytes of the answer are thrown away."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._resetting.add(connection)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """End a connection: by a close, or by the reset that was asked for."""
        if isinstance(request, socket.socket) and request in self._resetting:
            self._resetting.discard(request)
            self.close_request(request)  # no orderly end before it
        else:
            super().shutdown_request(request)


class HttpHandler(socketserver.StreamRequestHandler):
    """One connection: reads requests, gives each to `answer`, sends what comes back."""

    server: HttpServer
    disable_nagle_algorithm = True
    timeout = IDLE_SEC
    wbufsize = 0
    body_max_bytes = 16_777_216

    def handle(self) -> None:
        """Answer requests on one connection until either side ends it."""
        self.server.connected(self.connection)
        try:
            while (request := self.read_request()) is not None and self.answer(request):
                pass
        except (ConnectionError, TimeoutError, ssl.SSLError):
            pass  # the caller went away, or does not trust us: nothing to tell anybody
        except ValueError as exc:  # no HTTP
            self.send(Answer(status=400, body=str(exc).encode(), length_bytes=len(str(exc)), headers={}))
        finally:
            self.server.disconnected(self.connection)

    def answer(self, request: Request) -> bool:
        """Answer one request; False when the connection ends with it."""
        raise NotImplementedError

    def read_body(self, method: str, target: str, headers: dict[str, str], length_bytes: int) -> bytes | None:
        """Read a request's body; None: the connection ends instead."""
        del method, target, headers
        if length_bytes > self.body_max_bytes:
            message = "body too long"
            raise ValueError(message)
        return self.rfile.read(length_bytes)

    def date(self) -> str:
        """Return the value of the Date header."""
        return formatdate(usegmt=True)

    def read_request(self) -> Request | None:
        """Read one request; None when the connection ends.

        Raises: ValueError for what is no HTTP.
        """
        line = self.rfile.readline(LINE_MAX_BYTES)
        if not line.strip():
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3:
            message = "malformed request line"
            raise ValueError(message)
        method, target, _ = parts
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(LINE_MAX_BYTES)).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        length_bytes = int(headers.get("content-length", "0"))
        if length_bytes < 0:
            message = "negative length"
            raise ValueError(message)
        body = self.read_body(method, target, headers, length_bytes)
        if body is None or len(body) < length_bytes:
            return None
        path, _, query = target.partition("?")
        return Request(method=method, path=path, query=query, headers=headers, body=body)

    def send(self, answer: Answer, *, head_only: bool = False) -> bool:
        """Send an answer, or as much of it as a fault leaves; False when the connection must end."""
        if answer.resets:
            self.server.reset(self.connection)
        if answer.status == 0:
            return False
        reason = HTTPStatus(answer.status).phrase
        head = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {self.date()}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        head += ["Transfer-Encoding: chunked" if answer.chunked else f"Content-Length: {answer.length_bytes}", "", ""]
        self.wfile.write("\r\n".join(head).encode("latin-1"))
        if head_only:
            return not answer.ends
        left_bytes = answer.length_bytes if answer.keeps_bytes is None else answer.keeps_bytes
        sent_bytes = 0
        for piece in _pieces(answer.body):
            part = piece[: left_bytes - sent_bytes]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if answer.chunked else part)
            sent_bytes += len(part)
            if sent_bytes >= left_bytes:
                break
        # A file that shrank while it was sent ends early as well: the length was promised already.
        if answer.chunked and sent_bytes == answer.length_bytes:
            self.wfile.write(b"0\r\n\r\n")
        return sent_bytes == answer.length_bytes and not answer.ends


def _pieces(body: bytes | Iterator[bytes]) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
    else:
        yield from body


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed already
