"""What a service tells over HTTP: /metrics for Prometheus; /livez, /readyz and their older spellings for probes.

Alive means that the loops go on, whatever other sides do: a restart cures no outage. Ready means that state store and
queue answer; the sink counts for neither, or its outage would take every pod away (names-and-runbook.md §2.3).
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aurora_logs import metrics, telemetry
from aurora_logs.intake import Intake
from aurora_logs.ports import Ports
from aurora_logs.settings import Service, Settings
from aurora_logs.signs import Pulse, Readiness
from aurora_logs.wiring import collecting, exposition

Page = tuple[int, str, bytes]  # status, content type, body
LIVE, READY = ("/livez", "/healthz", "/health"), ("/readyz", "/ready")
REQUEST_SEC = 10.0
NOBODY = "#readiness"  # a key that no instance has: one read, no row


@contextmanager
def watched(settings: Settings, stop: threading.Event, service: Service) -> Iterator[tuple[Ports, str]]:
    """Open what a process needs (wiring.collecting) with its endpoints, where any is to be served."""
    if not (settings.metrics_port or settings.health_port):
        with collecting(settings, stop, service) as opened:
            yield opened
        return
    pulse, printed = Pulse(), exposition()
    with collecting(settings, stop, service, pulse) as (ports, run_id):
        looks = {"state store": lambda: ports.state.checkpoint(NOBODY, NOBODY), "queue": ports.queue.look}
        with serving(settings, pulse, Readiness(looks, stop.is_set), printed):
            yield ports, run_id


def sample_intake(intake: Intake) -> None:
    """Tell how much is in flight each time somebody asks."""
    def sample() -> None:
        metrics.INFLIGHT.set(intake.in_flight_bytes)
        metrics.INFLIGHT_FILES.set(intake.files)

    metrics.sampled(sample)


@contextmanager
def serving(settings: Settings, pulse: Pulse, readiness: Readiness, printed: Callable[[], Page]) -> Iterator[None]:
    """Answer on METRICS_PORT and HEALTH_PORT of LISTEN_ADDRESS; port 0: not at all. A port that is taken is told, no more."""
    def metrics_page() -> Page:
        metrics.sample_all()
        return printed()

    def live() -> Page:
        return _verdict(dict.fromkeys(pulse.silent(), "silent"))

    health = {**dict.fromkeys(LIVE, live), **dict.fromkeys(READY, lambda: _verdict(readiness.missing()))}
    with ExitStack() as opened:
        for port, pages, setting in ((settings.metrics_port, {"/metrics": metrics_page}, "METRICS_PORT"),
                                     (settings.health_port, health, "HEALTH_PORT")):
            if port:
                _open(opened, settings.listen_address, port, pages, setting)
        yield


def _verdict(wrong: dict[str, str]) -> Page:
    body = {"status": "unavailable", "reasons": wrong} if wrong else {"status": "ok"}
    return 503 if wrong else 200, "application/json", json.dumps(body).encode()


def _open(opened: ExitStack, address: str, port: int, pages: dict[str, Callable[[], Page]], setting: str) -> None:
    try:
        server = ThreadingHTTPServer((address, port), _answering(pages))
    except OSError as error:
        telemetry.endpoint_closed(f"{address}:{port}", error, setting)
        return
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name=f"endpoint {port}", daemon=True)
    thread.start()
    opened.callback(server.server_close)
    opened.callback(thread.join)
    opened.callback(server.shutdown)


def _answering(pages: dict[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        timeout = REQUEST_SEC
        server_version, sys_version = "aurora-logs", ""

        def do_GET(self) -> None:
            """Answer with a page."""
            page = pages.get(self.path.partition("?")[0])
            status, kind, body = page() if page else (404, "text/plain", b"there is no such page\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            """A probe every few seconds is no news."""

    return Answer
