"""The RDS log API of all places on a socket, the control surface beside it, and a thread that lets the databases write."""

from __future__ import annotations

import threading
import time
from urllib.parse import parse_qs

import msgspec

from aurora_logs_simulator.control import PREFIX, Control
from aurora_logs_simulator.places import Places
from aurora_logs_simulator.scenario import World
from aurora_logs_simulator.signing import Keys, Request
from aurora_logs_simulator.sockets import Answer, HttpHandler, HttpServer

PUMP_INTERVAL_SEC = 0.02
PUMP_ENTRIES = 200  # written under one hold of the lock: calls wait a few milliseconds at most


class SimulatorServer(HttpServer):
    """The simulator on a port of this machine; `endpoint` is for `--endpoint-url` and AWS_ENDPOINT_URL_RDS."""

    def __init__(self, world: World, *, host: str = "127.0.0.1", port: int = 0, keys: Keys | None = None) -> None:
        """Bind at once (port 0: any free one); `serve` begins to answer. `keys` None: no signature is checked."""
        super().__init__(_Handler, host=host, port=port)
        self.world = world
        self.service = Places(world, keys)
        self.controls = {one.place: Control(one, self._stop_is_asked, self.service.sts) for one in world.all}
        self.stop_is_due = False
        self._ending = threading.Event()

    def serve(self) -> None:
        """Answer and write until `stop`; returns then."""
        pump = threading.Thread(target=self._pump, name="pump", daemon=True)
        pump.start()
        try:
            super().serve()
        finally:
            self._ending.set()
            pump.join()

    def stop(self) -> None:
        """End `serve`, from any other thread."""
        self._ending.set()
        super().stop()

    def controlled(self, request: Request) -> tuple[int, bytes]:
        """Answer a control request about the place that `account` and `region` of its query name; home by default."""
        asked = parse_qs(request.query)
        place = tuple(asked.get(name, [home])[0] for name, home in zip(("account", "region"), self.world.place, strict=True))
        control = self.controls.get((place[0], place[1]))
        if control is None:
            return 404, msgspec.json.encode({"error": f"nothing is simulated in {' '.join(place)}"})
        return control.answer(request.method, request.path, request.query, request.body)

    def _stop_is_asked(self) -> None:
        self.stop_is_due = True  # once the answer to this request went out

    def _pump(self) -> None:
        while not self._ending.is_set():
            with self.service.lock:
                more = sum(one.load.run_until(self.world.clock.now_us(), most=PUMP_ENTRIES) for one in self.world.all)
            self._ending.wait(0.0005 if more else PUMP_INTERVAL_SEC)


class _Handler(HttpHandler):
    server: SimulatorServer

    def answer(self, request: Request) -> bool:
        """Answer one request; False when the connection ends with it."""
        if request.path.startswith(PREFIX):
            with self.server.service.lock:
                status, body = self.server.controlled(request)
            headers = {"Content-Type": "application/json"}
            goes_on = self.send(Answer(status=status, body=body, length_bytes=len(body), headers=headers))
            if self.server.stop_is_due:
                self.server.stop_soon()
            return goes_on
        answer = self.server.service.answer(request)
        if answer.delay_sec:
            time.sleep(answer.delay_sec)
        return self.send(answer) and request.headers.get("connection", "").lower() != "close"
