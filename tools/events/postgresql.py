"""Events of PostgreSQL's logs (the corpora's pg_stderr, pg_csvlog, pg_jsonlog).

Of stderr, folded lines are unfolded, one event a prefixed line; a row or an object is one event.
"""

from datetime import UTC, datetime

from tools.events import Event, instant_text, present

from aurora_logs.records.log_record import LogRecord, PostgresRecord


def stderr_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the events of a message: its main line, then each line that was folded into it."""
    assert isinstance(record, PostgresRecord)
    prefix = present({
        "pid": record.process_pid, "user": record.user_name, "db": record.db_namespace,
        "application_name": record.db_application_name, "ip": "local" if record.pg_connection_local else record.client_address,
        "client_port": record.client_port, "session_id": record.db_session_id, "tz_raw": record.tz_raw,
        "virtual_transaction_id": record.pg_vxid, "transaction_id": record.pg_xid,
        "sqlstate": record.db_response_status_code,
    })  # fmt: skip
    own = present({
        "ts": instant_text(record.ts_raw, zone, record.tz_raw), "ts_raw": record.ts_raw, "line_num": record.pg_session_line,
        "severity": record.severity_text, "message": _message(record), "query": _own_query(record),
        "duration_ms": None if record.duration_sec is None else round(record.duration_sec * 1000, 6),
        "query_step": record.pg_query_step, "query_name": record.pg_query_name,
    })  # fmt: skip
    subs = [present({
        "ts": instant_text(line.ts_raw.rpartition(" ")[0], zone, line.ts_raw.rpartition(" ")[2]),
        "ts_raw": line.ts_raw.rpartition(" ")[0], "line_num": line.line_number, "severity": line.level, "message": line.text,
    }) for line in record.sub_lines or ()]  # fmt: skip
    is_orphan = record.parse_error == "orphan sub-line"
    return [prefix | event for event in (subs if is_orphan else [own, *subs])]


def _own_query(record: PostgresRecord) -> str | None:
    """Tell the statement that stands in the main line itself, not in a folded one."""
    return record.db_query_text if record.pg_query_step else None


def _message(record: PostgresRecord) -> str:
    return " ".join(part for part in (record.body, _own_query(record)) if part)


def row_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the event of a row or an object; its message is the statement alone where it has one."""
    (event,) = native_row_events(record, zone)
    assert isinstance(record, PostgresRecord)
    return [event | ({"message": record.db_query_text} if record.pg_query_step else {})]


def native_row_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the event of a row or an object under the names of its own columns."""
    assert isinstance(record, PostgresRecord)
    ip = "local" if record.pg_connection_local else record.client_address
    whence = "[local]" if record.pg_connection_local else ":".join(str(one) for one in (ip, record.client_port) if one is not None)
    code = (record.code_function_name, record.code_file_path and f"{record.code_file_path}:{record.code_line_number}")
    parameters = record.pg_parameters and f"parameters: {record.pg_parameters}"
    return [present({
        "ts": instant_text(record.ts_raw, zone, record.tz_raw), "tz_raw": record.tz_raw,
        "ts_raw": " ".join(one for one in (record.ts_raw, record.tz_raw) if one), "pid": record.process_pid,
        "user": record.user_name, "db": record.db_namespace, "application_name": record.db_application_name,
        "connection_from": whence or None, "ip": ip, "client_port": record.client_port, "session_id": record.db_session_id,
        "line_num": record.pg_session_line, "command_tag": record.pg_command_tag, "severity": record.severity_text,
        "session_start_raw": record.session_start_raw, "session_start_time": _millis_text(record.pg_session_start),
        "virtual_transaction_id": record.pg_vxid, "transaction_id": record.pg_xid, "query_id": record.pg_query_id,
        "sqlstate": record.db_response_status_code, "message": _message(record), "detail": parameters or record.pg_detail,
        "hint": record.pg_hint, "context": record.pg_context, "internal_query": record.pg_internal_query,
        "internal_query_pos": record.pg_internal_query_pos, "query_pos": record.pg_query_pos,
        "location": ", ".join(one for one in code if one) or None, "func_name": record.code_function_name,
        "file_name": record.code_file_path, "file_line_num": record.code_line_number, "backend_type": record.pg_backend_type,
        "leader_pid": record.pg_leader_pid, "query": record.db_query_text,
        "statement": record.pg_statement or (None if record.pg_query_step else record.db_query_text),
        "duration_ms": None if record.duration_sec is None else round(record.duration_sec * 1000, 6),
        "query_step": record.pg_query_step, "query_name": record.pg_query_name,
    })]  # fmt: skip


def _millis_text(us: int | None) -> str | None:
    if us is None:
        return None
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{us // 1000 % 1000:03d}Z"
