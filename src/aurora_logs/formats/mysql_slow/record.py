"""From what a slow-log entry says to its record: clocks, database, redaction, ids; and the same for raw text."""

from typing import Any

import msgspec

from aurora_logs.formats import LOOK_AHEAD_BYTES, Extent, Origin, borrowed_time, frame, name_hour, raw_fields
from aurora_logs.formats.mysql_slow.entry import Said, read_entry
from aurora_logs.records.log_record import SlowRecord, worst_of
from aurora_logs.sql.redaction import redact_sql
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import Times, cut_text, instant_of, readable, trace_ids

DIALECT = "mysql"
SEVERITY = 9  # nothing is printed (record-schema.md §9)


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What the format carries from entry to entry (log-formats.md §2.2).

    after: what stands before the next byte: "" nothing or a server header, "e" an entry, "o" an orphan tail.
    """

    times: Times = Times()
    database: str = ""
    after: str = ""


def default_engine(origin: Origin) -> str:
    """Return the engine of a file whose source does not know it."""
    return "mariadb" if "mariadb" in origin.log_file_name else "mysql"


def entry_record(extent: Extent, origin: Origin, state: Carried) -> tuple[SlowRecord, Carried]:
    """Return the record of an entry and what is carried behind it."""
    seen = extent.seen(origin)
    is_cut = len(seen) < extent.size_bytes
    said = read_entry(seen, is_cut=is_cut)
    fields: dict[str, Any] = dict(said.fields)
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
        **frame(extent, origin, default_engine(origin)),
        severity_number=SEVERITY,
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
    record = SlowRecord(**raw_fields(extent, origin, state.times, default_engine(origin), reason))
    return record, Carried(state.times, state.database, "o" if state.after else "")


def _clocks(said: Said, origin: Origin, state: Carried, fields: dict[str, Any]) -> Times:
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
        us, quality = borrowed_time(origin, state.times)
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


def _statement(said: Said, origin: Origin, fields: dict[str, Any], *, is_cut: bool) -> None:
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
    if origin.redaction != "off":
        sql, replaced = redact_sql(sql, DIALECT)
        fields["redactions"] = replaced or None
    fields["db_query_text"], valid = readable(sql)
    if not valid:
        said.errors.add("invalid utf-8")


def _database(said: Said, state: Carried, fields: dict[str, Any]) -> None:
    """Fill in the database: printed, or the last one that this file printed (record-schema.md §6.1)."""
    if said.database or said.schema is not None:
        fields["db_namespace"] = said.database or said.schema or None
    elif state.database:
        fields["db_namespace"], fields["db_namespace_carried"] = state.database, True
