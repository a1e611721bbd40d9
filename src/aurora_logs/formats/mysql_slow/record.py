"""From what a slow-log entry says to its record: clocks, database, redaction, ids; and the same for raw text."""

import zlib

import msgspec

from aurora_logs.formats import Origin, identity
from aurora_logs.formats.mysql_slow.entry import Said, read_entry
from aurora_logs.records.log_record import SlowRecord, record_id, worst_of
from aurora_logs.sql.redaction import mask_raw, redact_sql, suspicious
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import Times, cut_text, hour_in_name, instant_of, readable, trace_ids

DIALECT = "mysql"
SEVERITY = 9  # nothing is printed (record-schema.md §9)
LOOK_AHEAD_BYTES = 64 * 1024  # looked at beyond ENTRY_MAX_BYTES: room for the head of an entry


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What the format carries from entry to entry (log-formats.md §2.2).

    after: what stands before the next byte: "" nothing or a server header, "e" an entry, "o" an orphan tail.
    """

    times: Times = Times()
    database: str = ""
    after: str = ""


class Extent(msgspec.Struct, frozen=True):
    """The bytes of one entry: its text (all, or the first part), offset in the segment, true size and CRC-32."""

    text: bytes
    offset: int
    size_bytes: int
    crc: int


def extent_of(text: bytes, offset: int) -> Extent:
    """Return the extent of an entry whose bytes are all here."""
    return Extent(text, offset, len(text), zlib.crc32(text))


def entry_record(extent: Extent, origin: Origin, state: Carried) -> tuple[SlowRecord, Carried]:
    """Return the record of an entry and what is carried behind it."""
    seen = extent.text[: origin.entry_max_bytes + LOOK_AHEAD_BYTES]
    is_cut = len(seen) < extent.size_bytes
    said = read_entry(seen, is_cut=is_cut)
    fields: dict[str, object] = dict(said.fields)
    times = _clocks(said, origin, state, fields)
    _statement(said, origin, fields, is_cut=is_cut)
    _database(said, state, fields)
    if said.plan:
        plan, valid = readable(b"\n".join(said.plan))
        fields["db_plan"], fields["db_plan_format"] = plan, "tabular"
        said.errors.update(() if valid else ("invalid utf-8",))
    if said.extra:
        fields["metrics_extra"] = msgspec.json.encode(dict(sorted(said.extra.items()))).decode()
    if not (said.has_user or said.duration_us is not None or "db_command" in fields):
        said.errors.add("no head")
    record = SlowRecord(
        **_frame(extent, origin),
        event_name="admin_command" if "db_command" in fields else "slow_query",
        parse_status="partial" if said.errors else "ok",
        parse_error=worst_of(said.errors),
        truncated=said.is_truncated or None,
        ts_raw=said.ts_raw or None,
        tz_raw=(said.time.zone or None) if said.time else None,
        schema=said.schema or None,
        **fields,
    )
    return record, Carried(times, said.database or state.database, "e")


def raw_record(extent: Extent, origin: Origin, state: Carried) -> tuple[SlowRecord, Carried]:
    """Return the record of text that has no head: a file's beginning, or what came behind a delivered entry."""
    reason = "orphan tail" if state.after else "no head"
    errors = {reason}
    text = extent.text[: origin.entry_max_bytes + LOOK_AHEAD_BYTES]
    is_cut = len(text) < extent.size_bytes or len(text) > origin.entry_max_bytes
    body = cut_text(text, origin.entry_max_bytes) if is_cut else text
    shown = body if origin.redaction == "off" else mask_raw(text)
    decoded, _ = readable(shown)
    if is_cut:
        errors = {"cut at limit"}
    us, quality = _carried(origin, state)
    record = SlowRecord(
        **_frame(extent, origin),
        timestamp_us=us,
        ts_quality=quality,
        event_name="unparsed",
        body=decoded,
        parse_status="raw",
        parse_error=worst_of(errors),
        truncated=is_cut or None,
        redactions=None if origin.redaction == "off" else 1,
    )
    return record, Carried(state.times, state.database, "o" if state.after else "")


def _frame(extent: Extent, origin: Origin) -> dict[str, object]:
    return {
        **identity(origin, "mariadb" if "mariadb" in origin.log_file_name else "mysql"),
        "record_id": record_id(origin.file_key, extent.offset, extent.crc),
        "log_file_offset": extent.offset,
        "log_record_bytes": extent.size_bytes,
        "severity_number": SEVERITY,
    }


def name_hour(origin: Origin) -> int | None:
    """Return the hour that the segment's ordinal or the file's name tells, in µs."""
    return hour_in_name(origin.log_segment or origin.log_file_name)


def _carried(origin: Origin, state: Carried) -> tuple[int, str]:
    """Return the time of an entry that has none of its own, and its quality (record-schema.md §5)."""
    if state.times.last_us:
        return state.times.last_us, "carried"
    hour = name_hour(origin)
    return (hour, "from_file_name") if hour else (max(origin.arrival_us, 1), "ingest")


def _clocks(said: Said, origin: Origin, state: Carried, fields: dict[str, object]) -> Times:
    """Fill `_timestamp` (end), start_time and ts_quality by §3.4: `# Time` is MySQL's end, but MariaDB's start."""
    duration_us = said.duration_us or 0
    begins = said.is_mariadb or origin.engine == "mariadb"
    us, quality = _printed(said, origin)
    if us is not None and quality != "exact" and begins:
        us += duration_us
    times = state.times
    if us is not None and not times.plausible(us, name_hour(origin)):
        said.errors.add("implausible time")
        us = None
    if us is None:
        us, quality = _carried(origin, state)
    else:
        times = times.after(us)
    fields["timestamp_us"], fields["ts_quality"] = us, quality
    start = instant_of(said.start, origin.zone)[0] if said.start else us - duration_us
    if said.duration_us is not None and start > 0:
        fields["start_time"] = start
    return times


def _printed(said: Said, origin: Origin) -> tuple[int | None, str]:
    """Return the instant that the entry prints: a time with its zone, else SET timestamp, else a zone-less time."""
    if said.time and said.time.zone:
        return instant_of(said.time, origin.zone)
    if said.set_timestamp_us is not None:
        return said.set_timestamp_us, "from_set_timestamp"
    return instant_of(said.time, origin.zone) if said.time else (None, "")


def _statement(said: Said, origin: Origin, fields: dict[str, object], *, is_cut: bool) -> None:
    """Fill in the SQL: cut to ENTRY_MAX_BYTES, then redacted, so that a cut inside a secret fails closed."""
    sql = said.sql
    if is_cut or len(sql) > origin.entry_max_bytes:
        sql = cut_text(sql, origin.entry_max_bytes)
        said.errors.add("cut at limit")
        said.is_truncated = True
    if not sql:
        return
    if (operation := operation_of(sql[:LOOK_AHEAD_BYTES], DIALECT)) is not None:
        fields["db_operation_name"] = operation.decode("ascii", "replace")
    if b"traceparent" in sql and (trace := trace_ids(sql)):
        fields["trace_id"], fields["span_id"] = trace
    if origin.redaction != "off" and suspicious(sql):
        sql, replaced = redact_sql(sql, DIALECT)
        fields["redactions"] = replaced or None
    fields["db_query_text"], valid = readable(sql)
    if not valid:
        said.errors.add("invalid utf-8")


def _database(said: Said, state: Carried, fields: dict[str, object]) -> None:
    """Fill in the database: printed, or the last one that this file printed (record-schema.md §6.1)."""
    if said.database or said.schema is not None:
        fields["db_namespace"] = said.database or said.schema or None
    elif state.database:
        fields["db_namespace"], fields["db_namespace_carried"] = state.database, True
