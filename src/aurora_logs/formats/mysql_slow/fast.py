"""The fast face: slice and template for entries of MySQL 8's common shape; all others go through the walk.

Rules that keep it right: log-formats.md §7. What is copied unescaped was proved by the header regex; what is cached
(minutes, accounts) was read by the slow face's own readers.
"""

import re
from functools import lru_cache
from zlib import crc32

import msgspec
from orjson import dumps

from aurora_logs.formats import LOOK_AHEAD_BYTES, Origin, identity, wire
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.entry import Said, read_user
from aurora_logs.formats.mysql_slow.record import DIALECT, Carried, default_engine
from aurora_logs.formats.mysql_slow.walk import behind_furniture, carried, next_entry, walk
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import SlowRecord, encode
from aurora_logs.sql.redaction import suspicious
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import DAY_US, Times, read_rfc3339, trace_ids

_CACHED = 4096  # most minutes or accounts that are remembered
_BLOCK_BYTES = 32 * 1024  # a look for credentials covers so much: one secret makes few neighbours slow
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
    for name in ("SELECT", "INSERT", "UPDATE", "DELETE")
    for word in (name, name.lower())
    for gap in (" ", "\n")
}
_GAPS = (b" ", b"\n")
_COMMENTED = re.compile(rb"/\*(?![!M+])[^*/]*\*/[ \n]((?:%b)[ \n])" % b"|".join({key[:6] for key in _OPERATIONS})).match
_NO_COMMENT = (b"!", b"M", b"+", b"")  # executable comments, hints, cut texts
_PARENTHESES = re.compile(
    rb"""[()]|'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"|`[^`]*+`"""
    rb"""|/\*(?![!M+])[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/|[`'"\\#]|/\*|--""",
    re.DOTALL,
)
_DEPTHS = {b"(": 1, b")": -1, b"/*": 1 << 20, b"--": 1 << 20, **{bytes([odd]): 1 << 20 for odd in b"`'\"\\#"}}
_COMMAND = re.compile(rb"# administrator command: ([A-Za-z ]{1,100})")
_VERB = re.compile(rb"\s++(SELECT|INSERT|UPDATE|DELETE)(?=\s)", re.IGNORECASE)
_PLAIN_FIELDS = 10  # groups of _PLAIN_HEAD
_FEWEST_US = 1_000_000_000_000_000  # 2001: from there on `_timestamp` has 16 digits, so that the id's place is fixed
_ID = slice(len('{"_timestamp":1234567890123456,"record_id":"'), len('{"_timestamp":1234567890123456,"record_id":"') + 33)

_minutes: dict[bytes, int] = {}
_accounts: dict[bytes, bytes | None] = {}


@lru_cache(maxsize=64)
def _templates(origin: Origin) -> tuple[bytes, bytes]:
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
        is_odd = b"Id:" in text or bool(said.errors) or b"]" not in text.partition(b"@ ")[2]
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
    if chunk.cut_bytes or not content or borders.MARK in content:
        return wire(walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)
    return _Run(chunk, origin, carried(context)).parsed(max_records, max_bytes)


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


def _operation(sql: bytes) -> bytes | None:
    """Return the wire field of the statement's operation, b"" when it has none; None: the slow face must read it."""
    if not sql or sql.startswith((b"#", b"use ", b"SET ", b"set ")):
        return None
    code = _behind_comment(sql)
    if (known := _OPERATIONS.get(code[:7])) is not None:
        return known
    if code.startswith((b"WITH ", b"with ")) and (verb := _verb_after_with(code)):
        return b',"db_operation_name":"%b"' % verb.upper()
    found = operation_of(sql[:LOOK_AHEAD_BYTES], DIALECT)
    return b"" if found is None else b',"db_operation_name":' + dumps(found.decode("ascii", "replace"))


def _command(sql: bytes) -> bytes:
    """Return the wire field of an administrator command (its `;` taken off); b"" when the text is none."""
    found = _COMMAND.fullmatch(sql)
    return b',"db_command":"%b"' % found[1] if found else b""


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

        An entry is taken only when its end is sure: the chunk's end, or a head of the same shape behind `;`. All in
        one loop with local names: a call an entry costs a tenth of the whole way.
        """
        if not self.greatest_us or at < self.raw_stop:
            return at, size
        content, chunk_offset, begin, end = self.content, self.chunk.offset, at, len(self.content)
        find, is_clean = content.find, self.gate.is_clean
        first, second = _PLAIN_HEAD.match, _EXTRA_HEAD.match
        lines, ids, plain, longest = self.lines, self.ids, self.plain, self.longest
        greatest, floor, last = self.greatest_us, self.floor_us, self.last_us
        database, is_carried = self.database, self.is_carried
        head = first(content, at) or second(content, at)
        account = _account(head[4]) if head else None
        while head is not None and len(lines) < max_records and size < max_bytes:
            body = head.end()
            stop = find(b"\n# ", body) + 1
            following = next_account = None
            if stop:
                following = first(content, stop)
                if following is None:
                    first, second = second, first
                    following = first(content, stop)
                    if following is None:
                        break
                # a head with an odd account line may be none: the slow face decides
                next_account = _accounts.get(following[4]) or _account(following[4])
                if next_account is None:
                    break
            else:
                stop = end
            fields = head.groups()
            minute = _minutes.get(fields[0]) or _minute_us(fields[0])
            us = minute + int(fields[1]) * 1_000_000 + int(fields[2])
            sql = content[body : stop - 2]
            operation = _OPERATIONS.get(sql[:7])
            if operation is None:
                # a plain comment of a driver or ORM, then one of the same words
                known = _COMMENTED(sql)
                operation = _OPERATIONS[known[1]] if known else _operation(sql)
            event, key, command = b"slow_query", b',"db_query_text":', b""
            if operation is None and (command := _command(sql)):
                event, key, operation = b"admin_command", b"", b""
            query_time, lock_time = fields[5].rstrip(b"0"), fields[6].rstrip(b"0")
            if (
                operation is None
                or account is None
                or minute < _FEWEST_US
                or us < floor
                or stop - at > longest
                or content[stop - 2 : stop] != b";\n"
                or (self.has_header and b", Version: " in sql)
                or not is_clean(body, stop)
            ):
                break
            try:
                text = dumps(sql.decode()) if key else b""
            except UnicodeDecodeError:
                break
            if query_time[-1:] == b"." or query_time[:7] == b"0.00000":
                query_time = dumps(float(fields[5]))
            if lock_time[-1:] == b"." or lock_time[:7] == b"0.00000":
                lock_time = dumps(float(fields[6]))
            offset = chunk_offset + at
            trace = _trace(sql) if self.has_trace and b"traceparent" in sql else b""
            use = fields[-1]
            if len(fields) == _PLAIN_FIELDS:
                start = us - int(fields[5].replace(b".", b""))
                if start < _FEWEST_US:
                    break
                if use is not None:
                    self._use(use.decode())
                    database, is_carried = self.database, b""
                line = plain % (
                    us, offset, crc32(content[at:stop]), offset, stop - at, event, key, text, operation,
                    database + command, fields[7],
                    fields[8], query_time, lock_time, start, account, fields[4], trace, is_carried,
                )  # fmt: skip
            else:
                start = _minute_us(fields[27]) + int(fields[28]) * 1_000_000 + int(fields[29])
                if start < _FEWEST_US:
                    break
                if use is not None:
                    self._use(use.decode())
                    database, is_carried = self.database, b""
                hits = b"" if fields[26] is None else b',"metrics_count_hit_tmp_table_size":' + fields[26]
                line = self.extra % (
                    us, offset, crc32(content[at:stop]), offset, stop - at, event, key, text, operation,
                    database + command, fields[9],
                    fields[7], fields[8], fields[12], fields[11], fields[10], query_time, lock_time, start, account,
                    fields[4], trace, is_carried, *fields[13:26], hits,
                )  # fmt: skip
            is_carried = self.is_carried
            ids.append(line[_ID])
            lines.append(line)
            size += len(line)
            last = us
            if us > greatest:
                greatest, floor = us, us - DAY_US
            at, head, account = stop, following, next_account
        if at > begin:
            self.covered += at - begin
            self.last_us, self.greatest_us, self.floor_us, self.after = last, greatest, floor, "e"
        return at, size
