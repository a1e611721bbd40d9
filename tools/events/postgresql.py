"""Events of PostgreSQL's logs (the corpora's pg_stderr): folded lines are unfolded, one event a prefixed line."""

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
