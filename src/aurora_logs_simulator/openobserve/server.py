"""The stand-in on a socket, with the faults of the connection itself and the control surface beside it."""

from __future__ import annotations

import ssl
import threading
import time
from email.utils import formatdate

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.openobserve.control import PREFIX, Control
from aurora_logs_simulator.openobserve.service import Service
from aurora_logs_simulator.openobserve.world import World
from aurora_logs_simulator.signing import Request
from aurora_logs_simulator.sockets import Answer, HttpHandler, HttpServer

DRAIN_BYTES = 1 << 20
SILENT_POLL_SEC = 0.05


class OpenObserveServer(HttpServer):
    """One server on a port of this machine."""

    def __init__(self, world: World, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Bind at once (port 0: any free one); `serve` begins to answer."""
        super().__init__(_Handler, host=host, port=port, tls=tls)
        self.world = world
        self.service = Service(world)
        self.stop_is_due = False
        self.ending = threading.Event()
        self.control = Control(world, self.service, self._stop_is_asked)

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]  # the base narrows what the library says
        """Accept a connection, unless the backlog is full for a while."""
        with self.world.lock:
            full = self.world.faults.strike("backlog_full")
        if full is not None:
            self.ending.wait(full.amount())
        return super().get_request()

    def stop(self) -> None:
        """End `serve`, from any other thread."""
        self.ending.set()
        super().stop()

    def kill(self) -> int:
        """Die and be there again at once: connections end, what was not durable is gone; return the rows lost."""
        with self.world.lock:
            lost = self.world.kill()
        self.drop_connections()
        return lost

    def _stop_is_asked(self) -> None:
        self.stop_is_due = True  # once the answer to this request went out


class _Handler(HttpHandler):
    server: OpenObserveServer

    def handle(self) -> None:
        """Answer requests on one connection, unless it is closed at once."""
        with self.server.world.lock:
            closed = self.server.world.faults.strike("close_on_accept")
        if closed is None:
            super().handle()

    def date(self) -> str:
        """Return the server's own clock."""
        return formatdate(self.server.world.now_us() / SECOND_US, usegmt=True)

    def read_body(self, method: str, target: str, headers: dict[str, str], length_bytes: int) -> bytes | None:
        """Read the body; one that is too long is read to its end, so that the 413 arrives."""
        del headers
        with self.server.world.lock:
            reset = method == "POST" and self.server.world.faults.strike("reset_mid_request", operation="ingest")
            limit_bytes = self.server.world.setup.payload_limit_bytes
        if reset:
            self.rfile.read(length_bytes // 2)
            self.server.reset(self.connection)
            return None
        if length_bytes <= limit_bytes or target.startswith(PREFIX):
            return self.rfile.read(length_bytes)
        left_bytes = length_bytes
        while left_bytes and (piece := self.rfile.read(min(left_bytes, DRAIN_BYTES))):
            left_bytes -= len(piece)
        too_long = self.server.world.setup.version.too_long_text.encode()
        self.send(Answer(status=413, body=too_long, length_bytes=len(too_long), headers={"Content-Type": "text/plain"}))
        return None

    def answer(self, request: Request) -> bool:
        """Answer one request; False when the connection ends with it."""
        if request.path.startswith(PREFIX):
            status, body = self.server.control.answer(request.method, request.path, request.query, request.body)
            headers = {"Content-Type": "application/json"}
            goes_on = self.send(Answer(status=status, body=body, length_bytes=len(body), headers=headers))
            if self.server.stop_is_due:
                self.server.stop_soon()
            return goes_on
        answer = self.server.service.answer(request)
        if answer.status == 0 and answer.delay_sec:
            self._stay_silent(answer.delay_sec)
            return False
        if answer.delay_sec:
            time.sleep(answer.delay_sec)
        goes_on = self.send(answer, head_only=request.method == "HEAD")
        if answer.ends_all:
            self.server.drop_connections()
        return goes_on and request.headers.get("connection", "").lower() != "close"

    def _stay_silent(self, sec: float) -> None:
        """Keep the connection open without a word, until the client gives up, the time is over or the server ends."""
        until_sec = time.monotonic() + sec
        self.connection.settimeout(SILENT_POLL_SEC)
        while time.monotonic() < until_sec and not self.server.ending.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
