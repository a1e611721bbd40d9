"""Events of MySQL's and MariaDB's logs (the corpora's mysql_slow, mysql_error, mysql_general, mysql_audit)."""

import json

import msgspec
from tools.events import Event, Value, instant_text, present

from aurora_logs.records.log_record import AuditRecord, ErrorRecord, GeneralRecord, LogRecord, SlowRecord

_WITH_QUERY = ("Query", "Execute", "Prepare")
_SAME_AS = {
    "qc_hit": "query_cache_hit", "created_tmp_tables": "tmp_tables", "created_tmp_disk_tables": "tmp_disk_tables",
}  # fmt: skip


def slow_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the event of a slow-log entry."""
    assert isinstance(record, SlowRecord)
    is_admin = record.db_command is not None
    return [present({
        "ts": instant_text(record.ts_raw, zone), "set_timestamp": _whole(record.set_timestamp_sec),
        "user": record.user_name or "", "current_user": record.db_user_effective or record.user_name or "",
        "host": record.client_address or "", "ip": record.address_raw or "", "thread_id": record.thread_id,
        "query_time": record.duration_sec, "lock_time": record.lock_time_sec,
        "rows_sent": record.db_response_returned_rows, "rows_examined": record.db_rows_examined,
        "rows_affected": record.db_rows_affected, "rows_read": record.db_rows_read,
        "bytes_sent": record.db_bytes_sent, "bytes_received": record.db_bytes_received,
        "killed": record.db_killed, "error_code": record.db_response_status_code,
        "db": None if record.db_namespace_carried else record.db_namespace,
        "start_ts": instant_text(record.start_raw, zone), "end_ts": instant_text(record.end_raw, zone),
        "query": record.db_query_text, "admin": True if is_admin else None,
        "admin_command": record.db_command, "metrics": _metrics(record),
    })]  # fmt: skip


def error_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the event of an error-log entry."""
    assert isinstance(record, ErrorRecord)
    return [present({
        "ts": instant_text(record.ts_raw, zone), "severity": record.severity_text, "thread_id": record.thread_id,
        "error_code": record.error_code, "subsystem": record.error_subsystem if record.error_code else "-",
        "message": record.body or "", "client_user": record.user_name, "client_host": record.client_address,
    })]  # fmt: skip


def general_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the event of a general-log line."""
    assert isinstance(record, GeneralRecord)
    has_query = record.db_command in _WITH_QUERY
    is_denied = record.db_command == "Connect" and record.event_name == "auth_failed"
    return [present({
        "ts": instant_text(record.ts_raw, zone), "thread_id": record.thread_id, "command": record.db_command,
        "query": (record.db_query_text or "") if has_query else None, "admin": None if has_query else True,
        "admin_command": None if has_query else record.body if is_denied else record.db_command,
        "user": record.user_name, "host": record.client_address, "db": record.db_namespace,
    })]  # fmt: skip


def audit_events(record: LogRecord, zone: str) -> list[Event]:
    """Give the event of an audit row."""
    assert isinstance(record, AuditRecord)
    code = record.db_response_status_code
    return [present({
        "ts": instant_text(record.ts_raw, zone), "server_host": record.audit_server_host or "",
        "user": record.user_name or "", "host": record.client_address or "", "thread_id": record.thread_id,
        "query_id": record.audit_query_id, "operation": record.audit_operation, "db": record.db_namespace or "",
        "object": record.db_query_text or record.db_collection_name or "", "retcode": int(code) if code else None,
    })]  # fmt: skip


def _whole(seconds: float | None) -> Value | None:
    return int(seconds) if seconds is not None and seconds.is_integer() else seconds


def _metrics(record: SlowRecord) -> Event:
    """Give every counter that is no key of its own, under its name in the log and under those of the peers."""
    found: Event = {}
    for field in msgspec.structs.fields(SlowRecord):
        name, value = field.name.removeprefix("metrics_"), getattr(record, field.name)
        if name not in (field.name, "extra") and value is not None:
            found[name] = value
    for name, text in json.loads(record.metrics_extra or "{}").items():
        found[name.lower()] = _number(text)
    trx = found.get("innodb_trx_id")
    if isinstance(trx, str):
        found["innodb_trx_id"] = int(trx) if trx.isdigit() else 0
        found["innodb.trx_id"] = trx
    for name, value in list(found.items()):
        if name.startswith("innodb_") and name != "innodb_trx_id":
            dotted = name.replace("innodb_", "innodb.", 1)
            found[f"{dotted}.sec" if name.endswith("_wait") else dotted] = value
        elif name in _SAME_AS:
            found[_SAME_AS[name]] = value
    if record.schema:
        found["schema"] = record.schema
    found |= present({"insert_id": record.db_insert_id, "last_insert_id": record.db_last_insert_id})
    return found


def _number(text: str) -> Value:
    """Read a counter that has no column of its own: a number or Yes and No where it is one, else its text."""
    if text in ("Yes", "No"):
        return text == "Yes"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
