"""PostgreSQL's jsonlog (version 15 and later): one object a line is one message."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from aurora_logs.formats import (
    Extent,
    Origin,
    Step,
    borrowed_time,
    extent_of,
    frame,
    headed_spans,
    name_hour,
    raw_fields,
    wire,
)
from aurora_logs.postgresql.message import Reading
from aurora_logs.postgresql.record import DEFAULT_ENGINE, Carried, Clock, carried
from aurora_logs.postgresql.row import Row, row_record
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import LogRecord, PostgresRecord

_ENGINES = ("postgres", "aurora-postgresql")
_START = b'{"timestamp":"'
_OPEN_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*+(\\(?:u[0-9A-Fa-f]{0,3})?)\Z")
_COLUMNS = {
    "timestamp": "log_time", "user": "user_name", "dbname": "database_name", "pid": "process_id", "session_id": "session_id",
    "line_num": "session_line_num", "ps": "command_tag", "session_start": "session_start_time",
    "vxid": "virtual_transaction_id", "txid": "transaction_id", "error_severity": "error_severity",
    "state_code": "sql_state_code", "message": "message", "detail": "detail", "hint": "hint",
    "internal_query": "internal_query", "internal_position": "internal_query_pos", "context": "context",
    "statement": "query", "cursor_position": "query_pos", "application_name": "application_name",
    "backend_type": "backend_type", "leader_pid": "leader_pid", "query_id": "query_id", "backtrace": "backtrace",
    "remote_host": "host", "remote_port": "port", "func_name": "function", "file_name": "file", "file_line_num": "line",
}  # fmt: skip
_Object = msgspec.defstruct("_Object", [(key, str | int | None, None) for key in _COLUMNS])  # other keys are passed over
_decode = msgspec.json.Decoder(_Object).decode


def _is_line(content: bytes, at: int) -> bool:
    return content.startswith(_START, at)


def _next_border(content: bytes, at: int) -> int:
    """Return where the object at `at` ends; of other text, where the next one begins, -1 when there is none."""
    if _is_line(content, at):
        return content.find(b"\n", at) + 1 or -1
    found = content.find(b"\n" + _START, at)
    return found + 1 if found >= 0 else -1


class PostgresqlJsonlog:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "postgresql_jsonlog"
    log_type = "postgresql"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is a jsonlog by RDS's naming."""
        name = log_file_name.removesuffix(".gz")
        return name.startswith("error/postgresql.log") and name.endswith(".json") and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on lines that begin as the server's."""
        lines = sample.split(b"\n")[:200]
        hits = sum(_is_line(line, 0) and b'"error_severity":"' in line for line in lines)
        return 0.97 if hits and hits * 2 >= len(lines) - 1 else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut behind the last object whose line has ended."""
        if final or (quiet and buffer.endswith(b"\n")):
            return len(buffer)
        at = len(buffer)
        while (end := buffer.rfind(b"\n", 0, at)) >= 0:
            start = buffer.rfind(b"\n", 0, end) + 1
            if _is_line(buffer, start):
                return end + 1
            at = end
        return 0

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next line that begins as an object."""
        if start == 0 and _is_line(buffer, 0):
            return 0
        found = buffer.find(b"\n" + _START, max(0, start - 1))
        return found + 1 if found >= 0 else -1

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each object."""
        return (step.record for step in _walk(chunk, origin, carried(context)) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Write the walk's records."""
        steps = _walk(chunk, origin, carried(context))
        return wire(steps, chunk, context, max_records=max_records, max_bytes=max_bytes)


def _walk(chunk: Chunk, origin: Origin, state: Carried) -> Iterator[Step]:
    content = chunk.content
    if chunk.cut_bytes:
        spans = iter([(0, len(content), len(content), _is_line(content, 0))])
    else:
        spans = headed_spans(content, 0, _is_line, _next_border)
    for start, stop, end, is_line in spans:
        record: PostgresRecord | None = None
        if stop > start:
            extent = extent_of(chunk, start, stop)
            record, state = _record(extent, origin, state) if is_line else (_raw(extent, origin, state, "no head"), state)
        yield Step(record, end, state)


def _raw(extent: Extent, origin: Origin, state: Carried, reason: str) -> PostgresRecord:
    return PostgresRecord(**raw_fields(extent, origin, state.times, DEFAULT_ENGINE, reason))


def _record(extent: Extent, origin: Origin, state: Carried) -> tuple[PostgresRecord, Carried]:
    text = extent.seen(origin)
    reading = Reading(is_redacting=origin.redaction != "off", entry_max_bytes=origin.entry_max_bytes)
    reading.fields |= frame(extent, origin, DEFAULT_ENGINE)
    if len(text) < extent.size_bytes:
        reading.errors.add("cut at limit")
        text = _closed(text)
    row = _row(text, reading)
    if row is None:
        return _raw(extent, origin, state, "bad json"), state
    clock = Clock(origin.zone, state.times, name_hour(origin), borrowed_time(origin, state.times))
    record, times = row_record(row, reading, clock)
    return record, Carried(times, is_inside=True)


def _closed(text: bytes) -> bytes:
    """End the text value in which a long object was cut."""
    if open_escape := _OPEN_ESCAPE.search(text):
        text = text[: open_escape.start(1)]
    return text + b'"}'


def _row(text: bytes, reading: Reading) -> Row | None:
    """Return the object's columns; None when it is no object of the server's."""
    found = _object(text)
    if found is None:
        found = _object(text.decode("utf-8", "replace").encode())
        reading.errors.add("invalid utf-8")
    if found is None:
        return None
    values = ((column, getattr(found, key)) for key, column in _COLUMNS.items())
    row = {column: str(value).encode("utf-8", "replace") for column, value in values if value is not None}
    if host := row.get("host"):
        row["connection_from"] = b":".join((host, row["port"])) if "port" in row else host
    if file := row.get("file"):
        function = [row["function"]] if "function" in row else []
        row["location"] = b", ".join((*function, b":".join((file, row.get("line", b"")))))
    return row


def _object(text: bytes) -> Any:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


FORMAT = PostgresqlJsonlog()
