"""A loopback server that answers what a test tells it to, and keeps what it was asked."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs

XMLNS = 'xmlns="http://rds.amazonaws.com/doc/2014-10-31/"'
TOKEN = "session-token-of-a-role"


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


def refusal(code, message="", status=400):
    text = f"<ErrorResponse {XMLNS}><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(f"{text}<RequestId>1</RequestId></ErrorResponse>".encode(), status)


def listing(files, marker=""):
    rows = "".join(
        f"<DescribeDBLogFilesDetails><LogFileName>{name}</LogFileName><LastWritten>{written}</LastWritten>"
        f"<Size>{size}</Size></DescribeDBLogFilesDetails>"
        for name, written, size in files
    )
    page = f"<DescribeDBLogFiles>{rows}</DescribeDBLogFiles>" + (f"<Marker>{marker}</Marker>" if marker else "")
    return Answer(
        f"<DescribeDBLogFilesResponse {XMLNS}><DescribeDBLogFilesResult>{page}</DescribeDBLogFilesResult>"
        f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeDBLogFilesResponse>".encode()
    )


def one_after_the_other(*answers):
    left = list(answers)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]


def form_of(asked):
    return {name: values[0] for name, values in parse_qs(asked.body.decode(), keep_blank_values=True).items()}


def instances_answer(asked):
    def member(tag, rows):
        return "".join(f"<{tag}>" + "".join(f"<{k}>{v}</{k}>" for k, v in row.items()) + f"</{tag}>" for row in rows)

    if b"DescribeDBClusters" in asked.body:
        members = member("DBClusterMember", [
            {"DBInstanceIdentifier": "shop-1", "IsClusterWriter": "false"},
            {"DBInstanceIdentifier": "shop-2", "IsClusterWriter": "true"},
        ])  # fmt: skip
        rows = f"<DBCluster><DBClusterIdentifier>shop</DBClusterIdentifier><DBClusterMembers>{members}</DBClusterMembers>"
        text = f"<DBClusters>{rows}</DBCluster></DBClusters>"
        return Answer(f"<DescribeDBClustersResponse {XMLNS}><DescribeDBClustersResult>{text}</DescribeDBClustersResult>"
                      "</DescribeDBClustersResponse>".encode())
    if b"DescribeDBInstances" not in asked.body:
        return refusal("DBInstanceNotFound", "DBInstance shop not found.", 404)
    arn = "arn:aws:rds:eu-west-1:123456789012:db:shop-1"
    rows = member("DBInstance", [
        {"DBInstanceIdentifier": "shop-1", "DbiResourceId": "db-A", "Engine": "aurora-mysql", "DBInstanceArn": arn,
         "DBClusterIdentifier": "shop", "DBInstanceStatus": "available", "EngineVersion": "8.0", "DBInstanceClass": "x"},
        {"DBInstanceIdentifier": "shop-2", "DbiResourceId": "db-B", "Engine": "aurora", "DBClusterIdentifier": "shop"},
        {"DBInstanceIdentifier": "graph", "DbiResourceId": "db-C", "Engine": "neptune"},
        {"DBInstanceIdentifier": "erp", "DbiResourceId": "db-D", "Engine": "oracle-ee"},
        {"DBInstanceIdentifier": "odd", "Engine": "mysql"},
    ])  # fmt: skip
    text = f"<DBInstances>{rows}</DBInstances>"
    return Answer(f"<DescribeDBInstancesResponse {XMLNS}><DescribeDBInstancesResult>{text}</DescribeDBInstancesResult>"
                  "</DescribeDBInstancesResponse>".encode())
