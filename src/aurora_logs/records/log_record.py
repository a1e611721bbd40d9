"""The record that one log entry becomes: typed, one Struct a log type, with its ids and the one encoder to wire bytes.

Field names, types, units and order are promises (record-schema.md §3, §6, §7): the order here is the order on the
wire. None means "the log does not tell". Times are integer microseconds since 1970 (UTC), durations float seconds,
sizes bytes. Parsing is not here.
"""

import base64
import hashlib
import types
import typing
from collections.abc import Iterable
from typing import ClassVar

import msgspec

PARSE_ERRORS = (
    "no head", "unknown prefix", "bad number", "bad time", "implausible time", "invalid utf-8", "bad csv", "bad json",
    "missing quote", "truncated by rds", "cut at limit", "orphan sub-line", "orphan tail", "lossy transport",
)  # fmt: skip
DB_SYSTEMS = {"mariadb": "mariadb", "postgres": "postgresql", "aurora-postgresql": "postgresql"}


class LogRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields of every log type (record-schema.md §3).

    timestamp_us:    `_timestamp` on the wire: when the event was finished.
    log_file_offset: bytes from the segment's start to the entry's first byte; log_record_bytes: bytes it stands for.
    parse_error:     one of PARSE_ERRORS, only when parse_status is not ok.
    ts_raw, tz_raw, set_timestamp_sec, schema (§2, T): as printed; on the typed record only, never on the wire.
    """

    typed_only: ClassVar[tuple[str, ...]] = ("ts_raw", "tz_raw", "set_timestamp_sec", "schema")

    timestamp_us: int = msgspec.field(name="_timestamp")
    record_id: str
    log_type: str
    instance_id: str
    cluster_id: str
    log_file_name: str
    log_segment: str | None = None
    log_file_offset: int
    log_record_bytes: int
    event_name: str
    severity_number: int
    severity_text: str | None = None
    body: str | None = None
    parse_status: str
    parse_error: str | None = None
    truncated: bool | None = None
    redactions: int | None = None
    ts_quality: str
    event_time: int | None = None
    engine: str
    db_system_name: str
    cloud_region: str | None = None
    cloud_account_id: str | None = None

    db_query_text: str | None = None
    db_query_fingerprint: str | None = None
    db_query_summary: str | None = None
    db_operation_name: str | None = None
    db_collection_name: str | None = None
    db_namespace: str | None = None
    db_command: str | None = None
    db_response_status_code: str | None = None
    db_response_returned_rows: int | None = None
    db_rows_examined: int | None = None
    db_rows_affected: int | None = None
    db_rows_read: int | None = None
    db_bytes_sent: int | None = None
    db_bytes_received: int | None = None
    db_killed: int | None = None
    duration_sec: float | None = None
    lock_time_sec: float | None = None
    start_time: int | None = None
    user_name: str | None = None
    db_user_effective: str | None = None
    client_address: str | None = None
    network_peer_address: str | None = None
    client_port: int | None = None
    thread_id: int | None = None
    process_pid: int | None = None
    db_session_id: str | None = None
    db_application_name: str | None = None
    db_plan: str | None = None
    db_plan_format: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    code_file_path: str | None = None
    code_function_name: str | None = None
    code_line_number: int | None = None

    ts_raw: str | None = None
    tz_raw: str | None = None
    set_timestamp_sec: float | None = None
    schema: str | None = None


class SlowRecord(LogRecord, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of a slow query log (record-schema.md §6.1, counters §7).

    address_raw, start_raw, end_raw (T): the text in the last brackets of the user line, `Start:` and `End:`, as printed.
    """

    typed_only: ClassVar[tuple[str, ...]] = (*LogRecord.typed_only, "address_raw", "start_raw", "end_raw")

    db_namespace_carried: bool | None = None
    db_insert_id: int | None = None
    db_last_insert_id: int | None = None
    metrics_read_first: int | None = None
    metrics_read_last: int | None = None
    metrics_read_key: int | None = None
    metrics_read_next: int | None = None
    metrics_read_prev: int | None = None
    metrics_read_rnd: int | None = None
    metrics_read_rnd_next: int | None = None
    metrics_sort_merge_passes: int | None = None
    metrics_sort_range_count: int | None = None
    metrics_sort_rows: int | None = None
    metrics_sort_scan_count: int | None = None
    metrics_created_tmp_disk_tables: int | None = None
    metrics_created_tmp_tables: int | None = None
    metrics_count_hit_tmp_table_size: int | None = None
    metrics_tmp_tables: int | None = None
    metrics_tmp_disk_tables: int | None = None
    metrics_tmp_table_sizes: int | None = None
    metrics_merge_passes: int | None = None
    metrics_log_slow_rate_limit: int | None = None
    metrics_full_scan: bool | None = None
    metrics_full_join: bool | None = None
    metrics_tmp_table: bool | None = None
    metrics_tmp_table_on_disk: bool | None = None
    metrics_filesort: bool | None = None
    metrics_filesort_on_disk: bool | None = None
    metrics_qc_hit: bool | None = None
    metrics_innodb_io_r_ops: int | None = None
    metrics_innodb_io_r_bytes: int | None = None
    metrics_innodb_pages_distinct: int | None = None
    metrics_innodb_io_r_wait: float | None = None
    metrics_innodb_rec_lock_wait: float | None = None
    metrics_innodb_queue_wait: float | None = None
    metrics_profile_total: float | None = None
    metrics_profile_total_cpu: float | None = None
    metrics_innodb_trx_id: str | None = None
    metrics_log_slow_rate_type: str | None = None
    metrics_stored_routine: str | None = None
    metrics_pages_accessed: int | None = None
    metrics_pages_read: int | None = None
    metrics_pages_prefetched: int | None = None
    metrics_pages_updated: int | None = None
    metrics_old_rows_read: int | None = None
    metrics_pages_read_time: float | None = None
    metrics_engine_time: float | None = None
    metrics_priority_queue: bool | None = None
    metrics_extra: str | None = None

    address_raw: str | None = None
    start_raw: str | None = None
    end_raw: str | None = None


class ErrorRecord(LogRecord, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of a MySQL or MariaDB error log (record-schema.md §6.2)."""

    error_code: str | None = None
    error_subsystem: str | None = None
    deadlock_transactions: str | None = None
    deadlock_victim: int | None = None


class GeneralRecord(LogRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a general log (record-schema.md §6.3)."""

    db_namespace_carried: bool | None = None
    db_connection_type: str | None = None


class AuditRecord(LogRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A row of an audit log of MySQL or MariaDB (record-schema.md §6.4)."""

    audit_operation: str | None = None
    audit_query_id: int | None = None
    audit_server_host: str | None = None
    audit_connection_type: str | None = None


class SubLine(msgspec.Struct, frozen=True, kw_only=True):
    """One folded line of a PostgreSQL message: `level` as printed, `offset` in the segment, text without its TABs."""

    level: str
    offset: int
    ts_raw: str = ""
    line_number: int | None = None
    text: str


class PostgresRecord(LogRecord, frozen=True, kw_only=True, omit_defaults=True):
    """A message of a PostgreSQL log with its folded lines (record-schema.md §6.5).

    sub_lines (T): the folded lines in file order, on the typed record only; session_start_raw (T): as a log in columns prints it.
    """

    typed_only: ClassVar[tuple[str, ...]] = (*LogRecord.typed_only, "sub_lines", "session_start_raw")

    pg_query_step: str | None = None
    pg_query_name: str | None = None
    pg_parameters: str | None = None
    pg_detail: str | None = None
    pg_hint: str | None = None
    pg_context: str | None = None
    pg_internal_query: str | None = None
    pg_query_pos: int | None = None
    pg_internal_query_pos: int | None = None
    pg_statement: str | None = None
    pg_connection_local: bool | None = None
    pg_session_start: int | None = None
    pg_session_line: int | None = None
    pg_leader_pid: int | None = None
    pg_vxid: str | None = None
    pg_xid: str | None = None
    pg_command_tag: str | None = None
    pg_backend_type: str | None = None
    pg_query_id: str | None = None
    pg_backtrace: str | None = None
    lock_wait_sec: float | None = None
    lock_mode: str | None = None
    lock_target: str | None = None
    lock_holder_pids: str | None = None
    lock_queue_pids: str | None = None
    temp_file_bytes: int | None = None
    checkpoint_reason: str | None = None
    metrics_checkpoint_write_sec: float | None = None
    metrics_checkpoint_sync_sec: float | None = None
    metrics_checkpoint_total_sec: float | None = None
    metrics_checkpoint_longest_sec: float | None = None
    metrics_checkpoint_average_sec: float | None = None
    metrics_checkpoint_buffers_written: int | None = None
    metrics_checkpoint_wal_added: int | None = None
    metrics_checkpoint_wal_removed: int | None = None
    metrics_checkpoint_wal_recycled: int | None = None
    metrics_checkpoint_sync_files: int | None = None
    metrics_checkpoint_distance_kb: int | None = None
    metrics_checkpoint_estimate_kb: int | None = None
    vacuum_aggressive: bool | None = None
    vacuum_wraparound: bool | None = None
    metrics_vacuum_elapsed_sec: float | None = None
    metrics_vacuum_cpu_user_sec: float | None = None
    metrics_vacuum_cpu_system_sec: float | None = None
    metrics_vacuum_read_mb_per_sec: float | None = None
    metrics_vacuum_write_mb_per_sec: float | None = None
    metrics_vacuum_index_scans: int | None = None
    metrics_vacuum_pages_removed: int | None = None
    metrics_vacuum_pages_remain: int | None = None
    metrics_vacuum_tuples_removed: int | None = None
    metrics_vacuum_tuples_remain: int | None = None
    metrics_vacuum_tuples_dead: int | None = None
    metrics_vacuum_buffer_hits: int | None = None
    metrics_vacuum_buffer_misses: int | None = None
    metrics_vacuum_buffer_dirtied: int | None = None
    metrics_vacuum_wal_records: int | None = None
    metrics_vacuum_wal_fpi: int | None = None
    metrics_vacuum_wal_bytes: int | None = None
    session_duration_sec: float | None = None
    tls_protocol_version: str | None = None
    tls_cipher: str | None = None
    crash_signal: int | None = None
    crash_exit_code: int | None = None

    sub_lines: tuple[SubLine, ...] | None = None
    session_start_raw: str | None = None


RECORD_TYPES: dict[str, type[LogRecord]] = {
    "slowquery": SlowRecord, "error": ErrorRecord, "general": GeneralRecord, "audit": AuditRecord,
    "postgresql": PostgresRecord,
}  # fmt: skip
"""log_type -> its record; other log types have the common fields."""

STREAMS = {
    "slowquery": "aurora_slowquery_logs", "error": "aurora_error_logs", "general": "aurora_general_logs",
    "audit": "aurora_audit_logs", "postgresql": "aurora_postgresql_logs",
}
"""log_type -> stream; the same names in every sink, so that one SQL serves them where their dialects agree."""


class WireField(msgspec.Struct, frozen=True):
    """A field as it stands on the wire: its name, its plain type, and whether every record has it."""

    name: str
    kind: type
    is_needed: bool


def wire_fields(log_type: str) -> list[WireField]:
    """Return the fields of a log type's records in the order of the wire."""
    record = RECORD_TYPES.get(log_type, LogRecord)
    return [WireField(field.encode_name, _plain_type(field.type), field.required) for field in msgspec.structs.fields(record)
            if field.name not in record.typed_only]


def _plain_type(annotation: object) -> type:
    if isinstance(annotation, types.UnionType):
        annotation = next(one for one in typing.get_args(annotation) if one is not type(None))
    assert isinstance(annotation, type)
    return annotation


_encode = msgspec.json.Encoder().encode


def encode(record: LogRecord) -> bytes:
    """Write the record as one JSON line with its newline: the one way from typed to wire (REC-02).

    Keys stand in the order of the schema, unknown ones are absent, floats always have a point or an exponent.
    """
    typed_only = {name: None for name in record.typed_only if getattr(record, name) is not None}
    return _encode(msgspec.structs.replace(record, **typed_only) if typed_only else record) + b"\n"


def file_key_of(resource_id: str, log_type: str, segment_id: str) -> str:
    """Return the 13 characters that stand for a segment in its records' ids (record-schema.md §4)."""
    digest = hashlib.sha256("\0".join(("1", resource_id, log_type, segment_id)).encode()).digest()
    return base64.b32encode(digest)[:13].decode().lower()


def record_id(file_key: str, offset: int, crc: int) -> str:
    """Return the id of the entry at `offset` of the segment; `crc` is the CRC-32 of exactly its bytes."""
    return f"{file_key}-{offset:010x}-{crc:08x}"


def worst_of(errors: Iterable[str]) -> str | None:
    """Return the one reason that a record names when several hold: loss of text before doubt about a value."""
    found = set(errors)
    order = ("cut at limit", "truncated by rds", *PARSE_ERRORS)
    return next((error for error in order if error in found), None)
