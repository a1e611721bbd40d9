"""The common shapes of MySQL 8's entries: the head as one pattern, and the wire line that its groups fill.

A group that is named like a field of the record is copied as it is, so its pattern admits nothing that JSON would have
to escape, and no number that is none in JSON. An entry of any other shape is read by the slow face.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

import msgspec

from aurora_logs.columns import Remembered, Template, slot, template
from aurora_logs.formats import Origin, identity
from aurora_logs.formats.mysql_slow.entry import Said, read_user
from aurora_logs.formats.mysql_slow.record import SEVERITY, default_engine
from aurora_logs.records.log_record import SlowRecord
from aurora_logs.sql.fields import FIRST_WORD
from aurora_logs.text import read_rfc3339

CLOSE = b";\n"  # ends every entry of a common shape
HEAD_START = b"# Time: "

_COUNT = r"\d{1,18}+"
_SEC = r"\d{1,9}+\.\d{6}+"
_DATABASE = r'[^;"`\\\x00-\x1f\x7f-\xff]{1,200}'
_EXTRA = (
    "Read_first", "Read_last", "Read_key", "Read_next", "Read_prev", "Read_rnd", "Read_rnd_next", "Sort_merge_passes",
    "Sort_range_count", "Sort_rows", "Sort_scan_count", "Created_tmp_disk_tables", "Created_tmp_tables",
)  # fmt: skip
_LATER = (*_EXTRA, "Count_hit_tmp_table_size")  # since 8.0.29
_ACCOUNT_FIELDS = ("user_name", "db_user_effective", "client_address", "network_peer_address")


class Shape(NamedTuple):
    """head: a head at a place; closed_head: one behind the end of another entry, its group `head` is the same bytes.

    counts: groups of whole numbers. The patterns let leading zeros pass, which JSON does not: to be looked at apart.
    """

    head: re.Pattern[bytes]
    closed_head: re.Pattern[bytes]
    counts: tuple[str, ...]


@cache
def _shape(keys: tuple[str, ...]) -> Shape:
    """Compile the shape of entries with these counters of log_slow_extra, () without them; when a log first needs it."""
    metrics = _extra(keys) if keys else ""
    head = (
        r"# Time: (?P<second>[^\n]{19}+)\.(?P<micros>\d{6}+)Z\n"
        rf"# User@Host: (?P<account>[^\n]*\]) ++Id: ++(?P<thread_id>{_COUNT})\n"
        rf"# Query_time: (?P<query_time>{_SEC}) ++Lock_time: (?P<lock_time>{_SEC})"
        rf" ++Rows_sent: (?P<db_response_returned_rows>{_COUNT}) ++Rows_examined: (?P<db_rows_examined>{_COUNT}){metrics}\n"
        rf"(?:use (?P<use>{_DATABASE});\n)?SET timestamp=\d{{1,18}}+;\n"
    )
    plain = re.compile(head.encode())
    closed = re.compile(rf"{CLOSE.decode()}(?P<head>{head}){FIRST_WORD}".encode())
    counts = tuple(name for name in plain.groupindex if name.startswith(("thread_id", "db_", "metrics_")))
    return Shape(plain, closed, tuple(name for name in counts if name != "db_response_status_code"))


def _extra(keys: tuple[str, ...]) -> str:
    """Return the pattern of what log_slow_extra adds to the metric line."""
    counters = "".join(f" {key}: (?P<metrics_{key.lower()}>{_COUNT})" for key in keys)
    return (
        r" +Thread_id: (?P=thread_id) Errno: (?P<db_response_status_code>\d{1,9})"
        rf" Killed: (?P<db_killed>{_COUNT}) Bytes_received: (?P<db_bytes_received>{_COUNT}) Bytes_sent: (?P<db_bytes_sent>{_COUNT})"
        rf"{counters} Start: (?P<start_second>[^\n]{{19}}+)\.(?P<start_micros>\d{{6}}+)Z End: [\dTZ:.+-]{{0,40}}"
    )


def shape_at(content: bytes, at: int) -> Shape | None:
    """Return the shape of the head at `at`; None for an unknown one, and for one whose account line is odd.

    That one may be no head at all: the slow face has to judge it.
    """
    for keys in ((), _EXTRA, _LATER):
        shape = _shape(keys)
        if head := shape.head.match(content, at):
            return shape if ACCOUNTS[head["account"]] is not None else None
    return None


@lru_cache(maxsize=64)
def line_of(shape: Shape, origin: Origin, event_name: str) -> Template:
    """Return the wire line of a segment's entries of a shape; a slot a group, and one for each thing that is worked out."""
    groups = shape.head.groupindex
    fixed = identity(origin, default_engine(origin)) | {
        "event_name": event_name, "severity_number": SEVERITY, "parse_status": "ok", "ts_quality": "exact"}  # fmt: skip
    values = {name: msgspec.json.encode(value) for name, value in fixed.items() if value is not None}
    values |= {name: slot(name) for name in (*groups, "log_file_offset", "log_record_bytes", "duration_sec", "lock_time_sec")}
    values["_timestamp"] = slot("second") + slot("micros")
    values["start_time"] = slot("start_second") + slot("start_micros") if "start_second" in groups else slot("start_time")
    for name in ("record_id", *({"db_response_status_code"} & groups.keys())):
        values[name] = b'"%b"' % slot(name)
    # these come with their keys, or not at all
    optional = {
        "redactions": slot("redactions"), "db_operation_name": slot("operation"), "db_namespace": slot("database"),
        "user_name": slot("account"), "trace_id": slot("trace"), "db_namespace_carried": slot("is_carried"),
    }  # fmt: skip
    spoken = "db_command" if event_name == "admin_command" else "db_query_text"
    return template(SlowRecord, values | {spoken: b'"%b"' % slot("text")}, optional)


def _second(text: bytes) -> bytes | None:
    """Read `2026-11-22T10:11:57` to its 10 digits; None when it is no date, or before 2001."""
    printed = read_rfc3339(text + b"Z")
    digits = b"" if printed is None or printed.end != len(text) + 1 else b"%d" % (printed.local_us // 1_000_000)
    return digits if len(digits) == 10 else None


def _account(text: bytes) -> bytes | None:
    """Read an account line (without `Id:`) to its wire fields; None: the slow face must read it."""
    said = Said()
    read_user(text, said)
    if b"Id:" in text or said.errors or b"]" not in text.partition(b"@ ")[2]:
        return None
    fields = {name: said.fields[name] for name in _ACCOUNT_FIELDS if name in said.fields}
    return b"," + msgspec.json.encode(fields)[1:-1] if fields else b""


SECONDS: Remembered[bytes | None] = Remembered(_second)
ACCOUNTS: Remembered[bytes | None] = Remembered(_account)
