"""A loopback server that answers what a test tells it to, and keeps what it was asked."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """One answer; `length_bytes` None announces the true length."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    length_bytes: int | None = None
    then_close: bool = False


class Server(ThreadingHTTPServer):
    """Answers `script(asked)` to every request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.script = script
        self.asked: list[Asked] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)  # released once for each connection that this side has ended

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_address[1]}"


    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        self.closed.release()

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client leaves in mid-answer: some tests do."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.server.asked.append(asked)
        answer = self.server.script(asked)
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        length_bytes = len(answer.body) if answer.length_bytes is None else answer.length_bytes
        self.send_header("Content-Length", str(length_bytes))
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = answer.then_close

    do_GET = do_POST = _reply  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Be silent."""


class SystemClock:
    """Real time; pauses of the source are noted, not waited for, so that no test sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.ahead_sec = 0.0

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic_sec(self) -> float:
        return time.monotonic() + self.ahead_sec

    def sleep(self, sec: float) -> None:
        self.slept.append(sec)
        self.ahead_sec += sec
