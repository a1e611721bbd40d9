"""A message whose values stand in columns of their own (csvlog, jsonlog): from its columns to the fields of the record."""

from collections.abc import Mapping
from typing import Final

from aurora_logs.postgresql.levels import MAIN_LEVELS, UNKNOWN
from aurora_logs.postgresql.message import Reading, read_message
from aurora_logs.postgresql.record import Clock, printed_time, record_of
from aurora_logs.records.log_record import PostgresRecord
from aurora_logs.text import Times, instant_of, integer, readable

COLUMNS: Final = (
    "log_time", "user_name", "database_name", "process_id", "connection_from", "session_id", "session_line_num", "command_tag",
    "session_start_time", "virtual_transaction_id", "transaction_id", "error_severity", "sql_state_code", "message", "detail",
    "hint", "internal_query", "internal_query_pos", "context", "query", "query_pos", "location", "application_name",
    "backend_type", "leader_pid", "query_id",
)  # fmt: skip
"""In the order of csvlog, by the names of its manual page; the last three came with later versions."""

_NAMES = {
    "user_name": "user_name", "database_name": "db_namespace", "application_name": "db_application_name",
    "session_id": "db_session_id", "command_tag": "pg_command_tag", "virtual_transaction_id": "pg_vxid",
    "transaction_id": "pg_xid", "backend_type": "pg_backend_type", "query_id": "pg_query_id",
}  # fmt: skip
_NUMBERS = {
    "process_id": "process_pid", "session_line_num": "pg_session_line", "leader_pid": "pg_leader_pid",
    "internal_query_pos": "pg_internal_query_pos", "query_pos": "pg_query_pos",
}  # fmt: skip
_FOLDED = {
    "detail": "DETAIL", "hint": "HINT", "internal_query": "QUERY", "context": "CONTEXT", "query": "STATEMENT",
    "location": "LOCATION", "backtrace": "BACKTRACE",
}  # fmt: skip

Row = Mapping[str, bytes]
"""Column -> its text. Absent or empty: the server printed none. Beside COLUMNS: `backtrace`, which jsonlog alone has."""


def row_record(row: Row, reading: Reading, clock: Clock) -> tuple[PostgresRecord, Times]:
    """Return the record of a row and what is known of times behind it. `reading` brings the fields of its place."""
    fields = reading.fields
    times = clock.read(row.get("log_time", b""), reading)
    for column, field in _NAMES.items():
        if (value := row.get(column, b"")) and value not in UNKNOWN:
            fields[field], is_valid = readable(value)
            reading.errors |= set() if is_valid else {"invalid utf-8"}
    if start := printed_time(row.get("session_start_time", b"")):
        fields["pg_session_start"] = instant_of(start, clock.zone)[0]
        fields["session_start_raw"] = readable(row["session_start_time"])[0]
    _read_client(row.get("connection_from", b""), reading)
    severity = row.get("error_severity", b"")
    level = MAIN_LEVELS.get(severity, "")
    fields["severity_text"] = readable(severity)[0] or None
    folded = [(name, row[column]) for column, name in _FOLDED.items() if row.get(column)]
    read_message(row.get("message", b""), level, folded, reading, fields["timestamp_us"], row.get("sql_state_code", b""))
    for column, field in _NUMBERS.items():
        if (number := integer(row.get(column, b""))) is not None:
            fields[field] = number
    return record_of(reading, level), times


def _read_client(printed: bytes, reading: Reading) -> None:
    """Split `host:port` at the last colon, so that `::1:16790` is an address too."""
    host, colon, port = printed.rpartition(b":")
    number = integer(port) if colon and port.isdigit() else None
    if number is None:
        host = printed
    elif number:
        reading.fields["client_port"] = number
    if host == b"[local]":
        reading.fields["pg_connection_local"] = True
    elif host and host not in UNKNOWN:
        reading.fields["client_address"] = readable(host)[0]
