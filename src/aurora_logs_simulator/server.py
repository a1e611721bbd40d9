"""HTTP/1.1 on a socket: keep-alive, one thread a connection, and a thread that lets the databases write."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus

from aurora_logs_simulator.control import PREFIX, Control
from aurora_logs_simulator.scenario import World
from aurora_logs_simulator.service import Answer, Service
from aurora_logs_simulator.signing import Keys, Request

PUMP_INTERVAL_SEC = 0.02
PUMP_ENTRIES = 200  # written under one hold of the lock: calls wait a few milliseconds at most
LINE_MAX_BYTES = 65_536
BODY_MAX_BYTES = 16_777_216
IDLE_SEC = 60.0


class SimulatorServer(socketserver.ThreadingTCPServer):
    """The simulator on a port of this machine."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, world: World, *, host: str = "127.0.0.1", port: int = 0, keys: Keys | None = None) -> None:
        """Bind at once (port 0: any free one); `serve` begins to answer. `keys` None: no signature is checked."""
        super().__init__((host, port), _Handler)
        self.world = world
        self.service = Service(world.api, keys)
        self.control = Control(world, self._stop_soon)
        self.stop_is_due = False
        self._ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._resetting: set[socket.socket] = set()

    @property
    def endpoint(self) -> str:
        """The URL for `--endpoint-url` and AWS_ENDPOINT_URL_RDS."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def serve(self) -> None:
        """Answer and write until `stop`; returns then."""
        pump = threading.Thread(target=self._pump, name="pump", daemon=True)
        pump.start()
        try:
            self.serve_forever(poll_interval=0.05)
        finally:
            self._ending.set()
            pump.join()
            self.server_close()
            for connection in list(self._open):
                _close(connection)

    def stop(self) -> None:
        """End `serve`, from any other thread."""
        self._ending.set()
        self.shutdown()

    def connected(self, connection: socket.socket) -> None:
        """Remember an open connection."""
        self._open.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        """Forget a connection."""
        self._open.discard(connection)

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

    def _stop_soon(self) -> None:
        self.stop_is_due = True  # once the answer to this request went out

    def _pump(self) -> None:
        while not self._ending.is_set():
            with self.service.lock:
                more = self.world.load.run_until(self.world.clock.now_us(), most=PUMP_ENTRIES)
            self._ending.wait(0.0005 if more else PUMP_INTERVAL_SEC)


class _Handler(socketserver.StreamRequestHandler):
    server: SimulatorServer
    disable_nagle_algorithm = True
    timeout = IDLE_SEC
    wbufsize = 0

    def handle(self) -> None:
        """Answer requests on one connection until either side ends it."""
        self.server.connected(self.connection)
        try:
            while (request := self._read_request()) is not None and self._answer(request):
                pass
        except (ConnectionError, TimeoutError):
            pass  # the caller went away: nothing to tell anybody
        except ValueError as exc:  # no HTTP
            self._send(Answer(status=400, body=str(exc).encode(), length_bytes=len(str(exc)), headers={}))
        finally:
            self.server.disconnected(self.connection)

    def _read_request(self) -> Request | None:
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
        if not 0 <= length_bytes <= BODY_MAX_BYTES:
            message = "body too long"
            raise ValueError(message)
        path, _, query = target.partition("?")
        return Request(
            method=method, path=path, query=query, headers=headers, body=self.rfile.read(length_bytes)
        )

    def _answer(self, request: Request) -> bool:
        """Answer one request; False when the connection ends with it."""
        if request.path.startswith(PREFIX):
            with self.server.service.lock:
                status, body = self.server.control.answer(
                    request.method, request.path, request.query, request.body
                )
            headers = {"Content-Type": "application/json"}
            goes_on = self._send(Answer(status=status, body=body, length_bytes=len(body), headers=headers))
            if self.server.stop_is_due:  # `shutdown` waits for the serving loop, so another thread calls it
                threading.Thread(target=self.server.stop, daemon=True).start()
            return goes_on
        answer = self.server.service.answer(request)
        if answer.delay_sec:
            time.sleep(answer.delay_sec)
        return self._send(answer) and request.headers.get("connection", "").lower() != "close"

    def _send(self, answer: Answer) -> bool:
        """Send an answer, or as much of it as a fault leaves; False when the connection must end."""
        if answer.resets:
            self.server.reset(self.connection)
        if answer.status == 0:
            return False
        reason = HTTPStatus(answer.status).phrase
        head = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {formatdate(usegmt=True)}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        head += [f"Content-Length: {answer.length_bytes}", "", ""]
        self.wfile.write("\r\n".join(head).encode("latin-1"))
        left_bytes = answer.length_bytes if answer.keeps_bytes is None else answer.keeps_bytes
        sent_bytes = 0
        for piece in _pieces(answer.body):
            part = piece[: left_bytes - sent_bytes]
            self.wfile.write(part)
            sent_bytes += len(part)
            if sent_bytes >= left_bytes:
                break
        # A file that shrank while it was sent ends early as well: the length was promised already.
        return sent_bytes == answer.length_bytes


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
