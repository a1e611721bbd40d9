"""The audit log of MariaDB's server_audit, of its fork on RDS for MySQL, and of Aurora's Advanced Auditing."""

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
from aurora_logs.formats.mysql_audit.row import HEAD, Row, read_row
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import AuditRecord, LogRecord, worst_of
from aurora_logs.sql.statement import statement_fields
from aurora_logs.text import INT64_MAX, Times, instant_of, readable

DIALECT = "mysql"
MARK = b"[Your log message was truncated]"
QUERY_LOG_LIMIT = 1024  # server_audit_query_log_limit unless it was set: so many bytes of a statement are logged
EVENTS = {
    "CONNECT": "connect", "DISCONNECT": "disconnect", "FAILED_CONNECT": "auth_failed", "CHANGEUSER": "change_user",
    "READ": "table_read", "WRITE": "table_write", "CREATE": "table_ddl", "ALTER": "table_ddl", "RENAME": "table_ddl",
    "DROP": "table_ddl",
}  # fmt: skip
_ENGINES = ("mysql", "aurora-mysql", "aurora", "mariadb")
_NEXT = re.compile(rb"\n(?=\d)")
_CUT = re.compile(rb"\d[\d :TZ+.-]{0,32}\Z")


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What the format carries from row to row; is_inside: a row stands before the next byte."""

    times: Times = Times()
    is_inside: bool = False


class MysqlAudit:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "mysql_audit"
    log_type = "audit"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is an audit log by RDS's naming: a stripe of Aurora's, or the plugin's file."""
        is_named = log_file_name.startswith(("audit/audit.log", "audit/server_audit.log"))
        return is_named and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on rows."""
        lines = [line for line in sample.split(b"\n")[:200] if line.strip()]
        hits = sum(read_row(line.rstrip(b"\r")) is not None for line in lines)
        return 0.95 if hits and hits * 2 >= len(lines) else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut behind the last row, which is always one line; a run of other lines may go on."""
        end = buffer.rfind(b"\n") + 1
        if final or quiet:
            return len(buffer) if final else end
        while end:
            start = buffer.rfind(b"\n", 0, end - 1) + 1
            if _is_head(buffer, start):
                return end
            end = start
        return 0

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next line that begins with a time."""
        if start == 0 and _is_head(buffer, 0):
            return 0
        places = (found.end() for found in _NEXT.finditer(buffer, max(0, start - 1)))
        return next((place for place in places if _is_head(buffer, place)), -1)

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each row by the grammar."""
        return (step.record for step in _walk(chunk, origin, context) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Encode the rows."""
        return wire(_walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)


def _is_head(content: bytes, at: int) -> bool:
    return HEAD.match(content, at) is not None


def _end(content: bytes, at: int) -> int:
    """Return where the row at `at` ends, or the raw text there: at the next row; -1: nowhere before the end."""
    if _is_head(content, at):
        return content.find(b"\n", at) + 1 or -1
    places = (found.end() for found in _NEXT.finditer(content, at))
    return next((place for place in places if _is_head(content, place) or _CUT.match(content, place)), -1)


def _walk(chunk: Chunk, origin: Origin, context: bytes) -> Iterator[Step]:
    state = msgspec.json.decode(context, type=Carried) if context else Carried()
    if chunk.cut_bytes:
        spans = iter([(0, len(chunk.content), len(chunk.content), _is_head(chunk.content, 0))])
    else:
        spans = headed_spans(chunk.content, 0, _is_head, _end)
    for start, stop, end, has_head in spans:
        record: AuditRecord | None = None
        if stop > start:
            extent = extent_of(chunk, start, stop)
            if has_head:
                record, state = _row_record(extent, origin, state)
            else:
                record = _raw_record(extent, origin, state, "orphan tail" if state.is_inside else "no head")
        yield Step(record, end, state)


def _raw_record(extent: Extent, origin: Origin, state: Carried, reason: str) -> AuditRecord:
    return AuditRecord(**raw_fields(extent, origin, state.times, default_engine(origin), reason))


def default_engine(origin: Origin) -> str:
    """Return the engine of a file whose source does not know it: Aurora's files have other names."""
    return "aurora-mysql" if origin.log_file_name.startswith("audit/audit.log.") else "mysql"


def _row_record(extent: Extent, origin: Origin, state: Carried) -> tuple[AuditRecord, Carried]:
    line = extent.seen(origin)
    errors: set[str] = set()
    if len(line) < extent.size_bytes:
        errors.add("cut at limit")
    elif not line.endswith(b"\n"):
        errors.add("truncated by rds")
    line = line.rstrip(b"\r\n")
    if line.endswith(MARK):
        line = line[: -len(MARK)]
        errors.add("truncated by rds")
    row = read_row(line)
    if row is None:
        return _raw_record(extent, origin, state, "bad csv"), Carried(state.times, is_inside=True)
    fields: dict[str, Any] = {}
    times = _clock(row, origin, state.times, fields, errors)
    _read_columns(row, origin, fields, errors)
    record = AuditRecord(
        **frame(extent, origin, default_engine(origin)),
        **fields,
        parse_status="partial" if errors else "ok",
        parse_error=worst_of(errors),
        truncated=(not errors.isdisjoint({"truncated by rds", "cut at limit"})) or None,
    )
    return record, Carried(times, is_inside=True)


def _clock(row: Row, origin: Origin, times: Times, fields: dict[str, Any], errors: set[str]) -> Times:
    fields["ts_raw"] = row.time.decode()
    if row.clock is None:
        errors.add("bad time")
    else:
        us, quality = instant_of(row.clock, origin.zone)
        if times.plausible(us, name_hour(origin)):
            fields["timestamp_us"], fields["ts_quality"] = us, quality
            return times.after(us)
        errors.add("implausible time")
    fields["timestamp_us"], fields["ts_quality"] = borrowed_time(origin, times)
    return times


def _read_columns(row: Row, origin: Origin, fields: dict[str, Any], errors: set[str]) -> None:
    operation, code = row.operation.decode(), row.code.decode()
    event = "query" if operation.startswith("QUERY") else EVENTS.get(operation, "audit")
    fields["event_name"] = "auth_failed" if event == "connect" and code == "1045" else event
    fields["severity_number"] = 13 if operation == "FAILED_CONNECT" or code not in ("", "0") else 9
    fields["audit_operation"], fields["audit_query_id"] = operation, _count(row.query)
    fields["thread_id"], fields["client_port"] = _count(row.thread), row.port
    fields["db_response_status_code"] = code or None
    texts = {
        "audit_server_host": row.server, "user_name": row.user, "client_address": row.host, "db_namespace": row.database,
        "audit_connection_type": row.connection_type, "db_collection_name": b"" if row.is_statement else row.object,
    }  # fmt: skip
    for name, value in texts.items():
        if value:
            fields[name], is_valid = readable(value)
            errors |= set() if is_valid else {"invalid utf-8"}
    if row.is_statement:
        is_redacting = origin.redaction != "off"
        fields |= statement_fields(row.object, DIALECT, errors, is_redacting=is_redacting, max_bytes=origin.entry_max_bytes)
    if row.is_statement and row.logged_bytes == QUERY_LOG_LIMIT:
        errors.add("cut at limit")
    if row.is_open:
        errors.add("missing quote")
    if row.is_odd:
        errors.add("bad csv")


def _count(number: int) -> int | None:
    return number if number <= INT64_MAX else None


FORMAT = MysqlAudit()
