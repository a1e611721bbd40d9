"""The fast face: slice and template for entries of MySQL 8's common shape; all others go through the walk.

Rules that keep it right: log-formats.md §7. What is copied unescaped was proved by the header regex; what is cached
(minutes, accounts) was read by the slow face's own readers.
"""

import re
from functools import lru_cache
from zlib import crc32

import msgspec
from orjson import dumps

from aurora_logs.formats import Origin, identity, wire
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.entry import Said, read_user
from aurora_logs.formats.mysql_slow.record import DIALECT, LOOK_AHEAD_BYTES, Carried
from aurora_logs.formats.mysql_slow.walk import behind_furniture, carried, next_entry, walk
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import SlowRecord, encode
from aurora_logs.sql.redaction import suspicious
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import DAY_US, Times, read_rfc3339, trace_ids

_CACHED = 4096  # most minutes or accounts that are remembered
_BLOCK_BYTES = 16 * 1024  # a look for credentials covers so much: one secret makes few neighbours slow
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
_PLAIN_HEAD = re.compile(_TOP + _BOTTOM)
_EXTRA_HEAD = re.compile(
    _TOP
    + rb" +Thread_id: (?P=id) Errno: (\d{1,9}) Killed: %b Bytes_received: %b Bytes_sent: %b " % ((_INT,) * 3)
    + b" ".join(rb"%b: %b" % (key.encode(), _INT) for key in _EXTRA_KEYS)
    + rb"(?: Count_hit_tmp_table_size: %b)? +Start: %b End: [^\n]{0,40}" % (_INT, _MOMENT)
    + _BOTTOM
)
_OPERATIONS = {
    (word + gap).encode(): b',"db_operation_name":"%b"' % word.upper().encode()
    for name in ("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE")
    for word in (name, name.lower())
    for gap in (" ", "\n")
}
_PLAIN_FIELDS = 10  # groups of _PLAIN_HEAD
_FEWEST_US = 1_000_000_000_000_000  # 2001: from there on `_timestamp` has 16 digits, so that the id's place is fixed
_ID = slice(len('{"_timestamp":1234567890123456,"record_id":"'), len('{"_timestamp":1234567890123456,"record_id":"') + 33)

_minutes: dict[bytes, int] = {}
_accounts: dict[bytes, bytes | None] = {}


@lru_cache(maxsize=64)
def _templates(origin: Origin) -> tuple[bytes, bytes]:
    """Return the lines of one segment with and without log_slow_extra's fields, its constants written out."""
    constants = {name: value for name, value in identity(origin, _default_engine(origin)).items() if value is not None}
    fixed = {**constants, "event_name": "slow_query", "severity_number": 9, "parse_status": "ok", "ts_quality": "exact"}
    values = {name: msgspec.json.encode(value).replace(b"%", b"%%") for name, value in fixed.items()}
    values["record_id"] = b'"%b-%%010x-%%08x"' % origin.file_key.encode()
    for name in ("_timestamp", "log_file_offset", "log_record_bytes", "start_time"):
        values[name] = b"%d"
    for name in ("db_query_text", "db_response_returned_rows", "db_rows_examined", "duration_sec", "lock_time_sec", "thread_id"):
        values[name] = b"%b"
    # these slots take their text with comma and key, or nothing
    slots = ("db_operation_name", "db_namespace", "user_name", "trace_id", "db_namespace_carried")
    extra = {"db_response_status_code": b'"%b"', **dict.fromkeys(("db_bytes_sent", "db_bytes_received", "db_killed"), b"%b")}
    extra |= {f"metrics_{key.lower()}": b"%b" for key in _EXTRA_KEYS}
    return (
        _line(values, slots),
        _line({**values, **extra}, (*slots, "metrics_count_hit_tmp_table_size")),
    )


def _default_engine(origin: Origin) -> str:
    return "mariadb" if "mariadb" in origin.log_file_name else "mysql"


def _line(values: dict[str, bytes], slots: tuple[str, ...]) -> bytes:
    """Put the pieces into the order of the schema."""
    line = b""
    for field in msgspec.structs.fields(SlowRecord):
        name = field.encode_name
        if name in slots:
            line += b"%b"
        elif name in values:
            line += b',"%b":%b' % (name.encode(), values[name])
    return b"{" + line[1:] + b"}\n"


def _minute_us(text: bytes) -> int:
    """Return the instant of `2026-11-22T10:11:`, remembered; -1 when it is no date."""
    us = _minutes.get(text)
    if us is None:
        printed = read_rfc3339(text + b"00Z")
        us = printed.local_us if printed is not None and printed.end == len(text) + 3 else -1
        if len(_minutes) >= _CACHED:
            _minutes.clear()
        _minutes[text] = us
    return us


def _account(text: bytes) -> bytes | None:
    """Return the wire fields of an account line (without `Id:`), remembered; None: the slow face must read it."""
    try:
        return _accounts[text]
    except KeyError:
        said = Said()
        read_user(text, said)
        names = ("user_name", "db_user_effective", "client_address", "network_peer_address")
        pairs = {name: said.fields[name] for name in names if name in said.fields}
        is_odd = b"Id:" in text or bool(said.errors)
        wired = None if is_odd else b"," + msgspec.json.encode(pairs)[1:-1] if pairs else b""
        if len(_accounts) >= _CACHED:
            _accounts.clear()
        _accounts[text] = wired
        return wired


class _Gate:
    """Answers "may this text hold a credential?" for parts of one chunk, a block at a time."""

    def __init__(self, content: bytes, *, is_off: bool) -> None:
        self._content = content
        self._clean_until = len(content) if is_off else 0
        self._dirty_until = 0

    def is_clean(self, start: int, stop: int) -> bool:
        """Tell whether [start, stop) certainly holds none. Called in rising order."""
        if stop <= self._clean_until:
            return True
        if start >= self._dirty_until:
            until = max(start + _BLOCK_BYTES, stop)
            if not suspicious(self._content[start:until]):
                self._clean_until = until
                return True
            self._dirty_until = until
        return not suspicious(self._content[start:stop])


def ndjson(chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    """Write the chunk's entries as wire lines (see Format.ndjson)."""
    content = chunk.content
    if chunk.cut_bytes or borders.MARK in content or origin.entry_max_bytes < _BLOCK_BYTES:
        return wire(walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)
    return _Run(chunk, origin, carried(context)).parsed(max_records, max_bytes)


def _operation(sql: bytes) -> bytes | None:
    """Return the wire field of the statement's operation, b"" when it has none; None: the slow face must read it."""
    if not sql or sql.startswith((b"#", b"use ", b"SET ", b"set ")):
        return None
    found = operation_of(sql[:LOOK_AHEAD_BYTES], DIALECT)
    return b"" if found is None else b',"db_operation_name":' + dumps(found.decode("ascii", "replace"))


def _trace(sql: bytes) -> bytes:
    found = trace_ids(sql)
    return b"" if found is None else b',"trace_id":"%b","span_id":"%b"' % (found[0].encode(), found[1].encode())


class _Run:
    """One pass over one chunk: what the fast face knows between entries."""

    def __init__(self, chunk: Chunk, origin: Origin, state: Carried) -> None:
        self.chunk, self.origin, self.content = chunk, origin, chunk.content
        self.plain, self.extra = _templates(origin)
        self.longest = min(origin.entry_max_bytes, borders.FULL_HEAD_AFTER_BYTES)
        self.has_header, self.has_trace = b", Version: " in chunk.content, b"traceparent" in chunk.content
        self.gate = _Gate(chunk.content, is_off=origin.redaction == "off")
        self.lines: list[bytes] = []
        self.ids: list[bytes] = []
        self.covered = self.raw = self.raw_stop = 0
        self._load(state)

    def parsed(self, max_records: int, max_bytes: int) -> Parsed:
        """Go through the chunk; what the fast loop does not take, the slow face does, entry by entry."""
        content = self.content
        at, size = borders.furniture_end(content, 0), 0
        self._load(behind_furniture(content[:at], self._state()))
        while at < len(content) and len(self.lines) < max_records and size < max_bytes:
            at, size = self._fast(at, size, max_records, max_bytes)
            if at < len(content) and len(self.lines) < max_records and size < max_bytes:
                at = self._slow(at)
                size += len(self.lines[-1])
        return Parsed(
            lines=self.lines,
            ids=self.ids,
            end_offset=self.chunk.offset + at,
            context=msgspec.json.encode(self._state()),
            furniture_bytes=at - self.covered,
            raw_records=self.raw,
        )

    def _load(self, state: Carried) -> None:
        self.last_us, self.greatest_us = state.times.last_us, state.times.greatest_us
        self.floor_us, self.after = self.greatest_us - DAY_US, state.after
        self._use(state.database)

    def _state(self) -> Carried:
        return Carried(Times(self.last_us, self.greatest_us), self.name, self.after)

    def _use(self, name: str) -> None:
        self.name = name
        self.database = b',"db_namespace":' + dumps(name) if name else b""
        self.is_carried = b',"db_namespace_carried":true' if name else b""

    def _advance(self, us: int) -> None:
        self.last_us, self.after = us, "e"
        if us > self.greatest_us:
            self.greatest_us, self.floor_us = us, us - DAY_US

    def _slow(self, at: int) -> int:
        record, end, state, self.raw_stop = next_entry(self.chunk, at, self.raw_stop, self.origin, self._state())
        self._load(state)
        self.lines.append(encode(record))
        self.ids.append(record.record_id.encode())
        self.covered += record.log_record_bytes
        self.raw += record.parse_status == "raw"
        return end

    def _fast(self, at: int, size: int, max_records: int, max_bytes: int) -> tuple[int, int]:
        """Write entries of the common shape from `at` on; return the first place that is not one, and the size.

        An entry is taken only when its end is sure: the chunk's end, or a head of the same shape behind `;`.
        """
        if not self.greatest_us or at < self.raw_stop:
            return at, size
        content, begin = self.content, at
        find, first, second = content.find, _PLAIN_HEAD.match, _EXTRA_HEAD.match
        head = first(content, at) or second(content, at)
        while head is not None and len(self.lines) < max_records and size < max_bytes:
            stop = find(b"\n# ", head.end()) + 1
            following = None
            if stop:
                following = first(content, stop)
                if following is None:
                    first, second = second, first
                    following = first(content, stop)
                    if following is None:
                        break
            line = self._line(head, at, stop or len(content))
            if line is None:
                break
            self.ids.append(line[_ID])
            self.lines.append(line)
            size += len(line)
            at, head = stop or len(content), following
        self.covered += at - begin
        return at, size

    def _line(self, head: re.Match[bytes], at: int, stop: int) -> bytes | None:
        """Write one entry's line; None when something in it is not of the common shape."""
        content, body = self.content, head.end()
        sql = content[body : stop - 2]
        operation = _OPERATIONS.get(sql[:7]) or _operation(sql)
        fields = head.groups()
        minute, account = _minute_us(fields[0]), _account(fields[3])
        us = minute + int(fields[1]) * 1_000_000 + int(fields[2])
        if (
            operation is None
            or account is None
            or minute < _FEWEST_US
            or us < self.floor_us
            or stop - at > self.longest
            or content[stop - 2 : stop] != b";\n"
            or (self.has_header and b", Version: " in sql)
            or not self.gate.is_clean(body, stop)
        ):
            return None
        try:
            text = dumps(sql.decode())
        except UnicodeDecodeError:
            return None
        trace = _trace(sql) if self.has_trace and b"traceparent" in sql else b""
        use = fields[-1]
        if use is not None:
            self._use(use.decode())
        offset = self.chunk.offset + at
        front = (us, offset, crc32(content[at:stop]), offset, stop - at, text, operation, self.database)
        times = (dumps(float(fields[5])), dumps(float(fields[6])))
        is_carried = self.is_carried if use is None else b""
        if len(fields) == _PLAIN_FIELDS:
            start = us - int(fields[5].replace(b".", b""))
            line = self.plain % (*front, fields[7], fields[8], *times, start, account, fields[4], trace, is_carried)
        else:
            start = _minute_us(fields[27]) + int(fields[28]) * 1_000_000 + int(fields[29])
            hits = b"" if fields[26] is None else b',"metrics_count_hit_tmp_table_size":' + fields[26]
            line = self.extra % (
                *front, fields[9], fields[7], fields[8], fields[12], fields[11], fields[10], *times, start, account,
                fields[4], trace, is_carried, *fields[13:26], hits,
            )  # fmt: skip
        if start < _FEWEST_US:
            return None
        self._advance(us)
        return line
