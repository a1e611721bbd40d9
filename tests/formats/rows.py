"""PostgreSQL's csvlog and jsonlog of the simulator's messages: each message printed as the server prints it in columns."""

import json
import re
from zlib import crc32

from aurora_logs_simulator.workload import Writer, Written

COLUMNS = (
    "timestamp", "user", "dbname", "pid", "connection_from", "session_id", "line_num", "ps", "session_start", "vxid", "txid",
    "error_severity", "state_code", "message", "detail", "hint", "internal_query", "internal_position", "context", "statement",
    "cursor_position", "location", "application_name", "backend_type", "leader_pid", "query_id",
)  # fmt: skip
QUOTED = {
    "user", "dbname", "connection_from", "ps", "message", "detail", "hint", "internal_query", "context", "statement",
    "location", "application_name", "backend_type",
}  # fmt: skip
AT = "2026-11-22 10:13:36.000 UTC"
SESSION = {
    "timestamp": AT, "user": "app", "dbname": "shop", "pid": 17537, "connection_from": "10.0.0.1:36104",
    "session_id": "6b02c04c.4481", "line_num": 7, "ps": "SELECT", "session_start": "2026-11-22 10:13:32 UTC", "vxid": "3/41",
    "txid": 0, "error_severity": "LOG", "state_code": "00000", "message": "text", "application_name": "psql",
    "backend_type": "client backend", "query_id": 0,
}  # fmt: skip
_LINE = re.compile(r"(?m)^(\S+ \S+ UTC):(.*?):\[(\d+)\]:([A-Z]+\d?):  ")
_SUBS = {"DETAIL": "detail", "HINT": "hint", "QUERY": "internal_query", "CONTEXT": "context", "STATEMENT": "statement"}


def csv_row(columns=26, **values):
    """A row of so many columns; what is not told has its usual value, None is printed as nothing."""
    told = {**SESSION, **values}
    cells = []
    for name in COLUMNS:
        value = told.get(name)
        text = "" if value is None else str(value)
        cells.append('"' + text.replace('"', '""') + '"' if name in QUOTED and value is not None else text)
    return ",".join([*cells, "more"][:columns]) + "\n"


def json_line(**values):
    """An object; what is not told has its usual value, None is left out, and so is the state 00000."""
    told = {**SESSION, **values}
    if told.get("connection_from") and told["connection_from"] != "[local]":
        told["remote_host"], _, port = told["connection_from"].rpartition(":")
        told["remote_port"] = int(port)
    elif told.get("connection_from"):
        told["remote_host"] = "[local]"
    if told.get("location"):
        told["func_name"], told["file_name"], number = re.fullmatch(r"(.*), (.*):(\d+)", told["location"]).groups()
        told["file_line_num"] = int(number)
    del told["connection_from"]
    told.pop("location", None)
    if told["state_code"] == "00000":
        del told["state_code"]
    return json.dumps({key: value for key, value in told.items() if value is not None}, ensure_ascii=False, separators=(",", ":")) + "\n"


class RowWriter:
    """A writer of the simulator's stderr log whose messages are printed by `shape`."""

    def __init__(self, stderr: Writer, shape) -> None:
        self._stderr, self._shape = stderr, shape

    def file_header(self, now_us):
        return self._stderr.file_header(now_us)

    def entry(self, now_us):
        written = self._stderr.entry(now_us)
        return Written(self._shape(**told(written.content.decode())).encode(), written.token, written.fields, written.time_us)


def told(text):
    """What the columns of a message hold that stands in a stderr log under the prefix of RDS."""
    _, *pieces = _LINE.split(text)
    lines = [tuple(pieces[at : at + 5]) for at in range(0, len(pieces), 5)]
    time, whom, pid, level, message = lines[0]
    client, _, names = whom.rpartition(":") if whom != ":@" else ("", "", "@")
    user, _, database = names.partition("@")
    values = {
        "timestamp": time.replace(" UTC", ".000 UTC"), "pid": int(pid), "error_severity": level, "message": plain(message),
        "user": user or None, "dbname": database or None, "line_num": crc32(text.encode()) % 1000,
        "connection_from": re.sub(r"\((\d+)\)$", r":\1", client) or None,
    }  # fmt: skip
    return values | {_SUBS[sub]: plain(said) for _, _, _, sub, said in lines[1:]}


def plain(text):
    return text.removesuffix("\n").replace("\n\t", "\n")
