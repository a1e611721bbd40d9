"""An HTTP proxy in front of a DynamoDB engine: passes requests on, loses answers, refuses, breaks off; tells what it saw."""

import contextlib
import http.client
import http.server
import json
import sys
import threading
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request: the operation's name, its parameters, and what the engine did: `done`, or the name of its refusal."""

    operation: str
    parameters: dict
    outcome: str = ""  # the engine was not asked, or has not answered yet


@dataclass
class FaultProxy:
    """url: where clients go. faults: for the next requests, one each, in order; None passes on. seen: all requests."""

    url: str = ""
    faults: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    always: object = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, seen):
        with self.lock:
            self.seen.append(seen)
            if self.faults:
                return self.faults.pop(0)
            return self.always(seen) if callable(self.always) else self.always

    def operations(self):
        return [one.operation for one in self.seen]


LOSE_ANSWER = "the request is applied, the connection ends without an answer"
CUT_ANSWER = "the request is applied, the answer breaks off in its middle"
ERROR_AFTER = "the request is applied, the answer is an error of the server"
ERROR_BEFORE = "the request is not applied, the answer is an error of the server"
CLOSE_BEFORE = "the request is not applied, the connection ends without an answer"
THROTTLE = "ProvisionedThroughputExceededException"
THROTTLE_TOO = "ThrottlingException"
NO_TABLE = "ResourceNotFoundException"


def _handler(proxy, host, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one piece: two would wait for each other's acknowledgement

        def log_message(self, *_arguments):
            """Stay silent."""

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen = Seen(self.headers["X-Amz-Target"].partition(".")[2], json.loads(body))
            fault = proxy.next_fault(seen)
            if fault in (THROTTLE, THROTTLE_TOO, NO_TABLE):
                self.answer(400, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{fault}", "message": "slower"}).encode())
                return
            if fault == ERROR_BEFORE:
                self.server_error()
                return
            if fault == CLOSE_BEFORE:
                self.close_connection = True
                return
            status, answer = self.forward(body)
            seen.outcome = "done" if status == 200 else json.loads(answer)["__type"].rpartition("#")[2]
            if fault == LOSE_ANSWER:
                self.close_connection = True
            elif fault == ERROR_AFTER:
                self.server_error()
            elif fault == CUT_ANSWER:
                self.answer(status, answer[: len(answer) // 2], claimed=len(answer))
                self.close_connection = True
            else:
                self.answer(status, answer)

        def forward(self, body):
            connection = http.client.HTTPConnection(host, port)
            with contextlib.closing(connection):
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                return response.status, response.read()

        def server_error(self):
            self.answer(500, b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oh"}')

        def answer(self, status, content, claimed=None):
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content) if claimed is None else claimed))
            self.end_headers()
            self.wfile.write(content)

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Say nothing of clients that went away: they are killed and frozen on purpose."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def in_front_of(url):
    """Run a proxy before the engine at `url`."""
    host, port = url.removeprefix("http://").split(":")
    proxy = FaultProxy()
    server = _Server(("127.0.0.1", 0), _handler(proxy, host, int(port)))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
