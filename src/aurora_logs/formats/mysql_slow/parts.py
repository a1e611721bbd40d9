"""What both ways of the fast face share: head patterns, templates, and wire fields read from bytes; no loop over entries.

What is copied unescaped was proved by the header regex; what is cached (minutes, accounts) was read by the slow face's
own readers.
"""

import re
from functools import lru_cache

import msgspec
from orjson import dumps

from aurora_logs.formats import LOOK_AHEAD_BYTES, Origin, identity
from aurora_logs.formats.mysql_slow.entry import Said, read_user
from aurora_logs.formats.mysql_slow.record import DIALECT, default_engine
from aurora_logs.records.log_record import SlowRecord
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import read_rfc3339, trace_ids

_CACHED = 4096  # most minutes or accounts that are remembered
_INT = rb"(0|[1-9]\d{0,17})"
_SEC = rb"((?:0|[1-9]\d{0,8})\.\d{6})"
_MOMENT = rb"([^\n ]{17})([0-5]\d)\.(\d{6})Z"
_TOP = (
    rb"# Time: %b\n# User@Host: ([^\n]*) Id: +(?P<id>[1-9]\d{0,17})\n"
    rb"# Query_time: %b +Lock_time: %b +Rows_sent: %b +Rows_examined: %b" % (_MOMENT, _SEC, _SEC, _INT, _INT)
)
_BOTTOM = rb'\n(?:use ([^;"`\\\x00-\x1f\x7f-\xff]{1,200});\n)?SET timestamp=\d{1,18};\n'
_EXTRA_KEYS = (
    "Read_first", "Read_last", "Read_key", "Read_next", "Read_prev", "Read_rnd", "Read_rnd_next", "Sort_merge_passes",
    "Sort_range_count", "Sort_rows", "Sort_scan_count", "Created_tmp_disk_tables", "Created_tmp_tables",
)  # fmt: skip
PLAIN_HEAD = re.compile(_TOP + _BOTTOM)
EXTRA_HEAD = re.compile(
    _TOP
    + rb" +Thread_id: (?P=id) Errno: (\d{1,9}) Killed: %b Bytes_received: %b Bytes_sent: %b " % ((_INT,) * 3)
    + b" ".join(rb"%b: %b" % (key.encode(), _INT) for key in _EXTRA_KEYS)
    + rb"(?: Count_hit_tmp_table_size: %b)? +Start: %b End: [^\n]{0,40}" % (_INT, _MOMENT)
    + _BOTTOM
)
OPERATIONS = {
    (word + gap).encode(): b',"db_operation_name":"%b"' % word.upper().encode()
    for name in ("SELECT", "INSERT", "UPDATE", "DELETE")
    for word in (name, name.lower())
    for gap in (" ", "\n")
}
_GAPS = (b" ", b"\n")
COMMENTED = re.compile(rb"/\*(?![!M+])[^*/]*\*/[ \n]((?:%b)[ \n])" % b"|".join({key[:6] for key in OPERATIONS})).match
_NO_COMMENT = (b"!", b"M", b"+", b"")  # executable comments, hints, cut texts
_PARENTHESES = re.compile(
    rb"""[()]|'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"|`[^`]*+`"""
    rb"""|/\*(?![!M+])[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/|[`'"\\#]|/\*|--""",
    re.DOTALL,
)
_DEPTHS = {b"(": 1, b")": -1, b"/*": 1 << 20, b"--": 1 << 20, **{bytes([odd]): 1 << 20 for odd in b"`'\"\\#"}}
_COMMAND = re.compile(rb"# administrator command: ([A-Za-z ]{1,100})")
_VERB = re.compile(rb"\s++(SELECT|INSERT|UPDATE|DELETE)(?=\s)", re.IGNORECASE)
PLAIN_FIELDS = 10  # groups of PLAIN_HEAD
FEWEST_US = 1_000_000_000_000_000  # 2001: from there on `_timestamp` has 16 digits, so that the id's place is fixed
ID_PLACE = slice(len('{"_timestamp":1234567890123456,"record_id":"'), len('{"_timestamp":1234567890123456,"record_id":"') + 33)

minutes: dict[bytes, int] = {}
accounts: dict[bytes, bytes | None] = {}


@lru_cache(maxsize=64)
def templates(origin: Origin) -> tuple[bytes, bytes]:
    """Return the lines of one segment with and without log_slow_extra's fields, its constants written out."""
    constants = {name: value for name, value in identity(origin, default_engine(origin)).items() if value is not None}
    fixed = {**constants, "severity_number": 9, "parse_status": "ok", "ts_quality": "exact"}
    values = {name: msgspec.json.encode(value).replace(b"%", b"%%") for name, value in fixed.items()}
    values["record_id"] = b'"%b-%%010x-%%08x"' % origin.file_key.encode()
    for name in ("_timestamp", "log_file_offset", "log_record_bytes", "start_time"):
        values[name] = b"%d"
    values["event_name"] = b'"%b"'
    for name in ("db_response_returned_rows", "db_rows_examined", "duration_sec", "lock_time_sec", "thread_id"):
        values[name] = b"%b"
    # these slots take their text with comma and key, or nothing
    slots = ("db_query_text", "db_operation_name", "db_namespace", "user_name", "trace_id", "db_namespace_carried")
    extra = {"db_response_status_code": b'"%b"', **dict.fromkeys(("db_bytes_sent", "db_bytes_received", "db_killed"), b"%b")}
    extra |= {f"metrics_{key.lower()}": b"%b" for key in _EXTRA_KEYS}
    return (
        _line(values, slots),
        _line({**values, **extra}, (*slots, "metrics_count_hit_tmp_table_size")),
    )


def _line(values: dict[str, bytes], slots: tuple[str, ...]) -> bytes:
    """Put the pieces into the order of the schema."""
    line = b""
    for field in msgspec.structs.fields(SlowRecord):
        name = field.encode_name
        if name in slots:
            line += b"%b%b" if name == "db_query_text" else b"%b"
        elif name in values:
            line += b',"%b":%b' % (name.encode(), values[name])
    return b"{" + line[1:] + b"}\n"


def minute_us(text: bytes) -> int:
    """Return the instant of `2026-11-22T10:11:`, remembered; -1 when it is no date."""
    us = minutes.get(text)
    if us is None:
        printed = read_rfc3339(text + b"00Z")
        us = printed.local_us if printed is not None and printed.end == len(text) + 3 else -1
        if len(minutes) >= _CACHED:
            minutes.clear()
        minutes[text] = us
    return us


def account_of(text: bytes) -> bytes | None:
    """Return the wire fields of an account line (without `Id:`), remembered; None: the slow face must read it."""
    try:
        return accounts[text]
    except KeyError:
        said = Said()
        read_user(text, said)
        names = ("user_name", "db_user_effective", "client_address", "network_peer_address")
        pairs = {name: said.fields[name] for name in names if name in said.fields}
        is_odd = b"Id:" in text or bool(said.errors) or b"]" not in text.partition(b"@ ")[2]
        wired = None if is_odd else b"," + msgspec.json.encode(pairs)[1:-1] if pairs else b""
        if len(accounts) >= _CACHED:
            accounts.clear()
        accounts[text] = wired
        return wired


def _behind_comment(sql: bytes) -> bytes:
    """Take off one plain comment and one blank at the start, as drivers and ORMs write them; else all of the text."""
    if not sql.startswith(b"/*") or sql[2:3] in _NO_COMMENT:
        return sql
    close = sql.find(b"*/", 2)
    is_plain = sql.find(b"/*", 2, close) < 0 < close and sql[close + 2 : close + 3] in _GAPS
    return sql[close + 3 :] if is_plain else sql


def _verb_after_with(sql: bytes) -> bytes | None:
    """Find the verb behind the common table expressions of a statement in plain form; None: ask the tokenizer."""
    depth = 0
    for found in _PARENTHESES.finditer(sql):
        depth += _DEPTHS.get(found[0], 0)
        if depth == 0 and found[0] == b")" and (verb := _VERB.match(sql, found.end())):
            return verb[1]
    return None


def operation_field(sql: bytes) -> bytes | None:
    """Return the wire field of the statement's operation, b"" when it has none; None: the slow face must read it."""
    if not sql or sql.startswith((b"#", b"use ", b"SET ", b"set ")):
        return None
    code = _behind_comment(sql)
    if (known := OPERATIONS.get(code[:7])) is not None:
        return known
    if code.startswith((b"WITH ", b"with ")) and (verb := _verb_after_with(code)):
        return b',"db_operation_name":"%b"' % verb.upper()
    found = operation_of(sql[:LOOK_AHEAD_BYTES], DIALECT)
    return b"" if found is None else b',"db_operation_name":' + dumps(found.decode("ascii", "replace"))


def command_field(sql: bytes) -> bytes:
    """Return the wire field of an administrator command (its `;` taken off); b"" when the text is none."""
    found = _COMMAND.fullmatch(sql)
    return b',"db_command":"%b"' % found[1] if found else b""


def trace_field(sql: bytes) -> bytes:
    """Return the wire fields of the first trace that a comment of the statement names; b"" for none."""
    found = trace_ids(sql)
    return b"" if found is None else b',"trace_id":"%b","span_id":"%b"' % (found[0].encode(), found[1].encode())
