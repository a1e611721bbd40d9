"""The error log of MySQL 8 and Aurora MySQL 3, and as far as one line tells, of 5.x and MariaDB.

An entry is a dated line and everything up to the next one. Joining a deadlock's or monitor's parts is not here.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from aurora_logs.formats import (
    Extent,
    Origin,
    Step,
    borrowed_time,
    extent_of,
    frame,
    headed_spans,
    name_hour,
    raw_fields,
    wire,
)
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import ErrorRecord, LogRecord, worst_of
from aurora_logs.sql.redaction import redact_message
from aurora_logs.text import DAY_US, INT64_MAX, Times, cut_text, instant_of, read_rfc3339, read_short, readable

DIALECT = "mysql"
MARK = b"[Your log message was truncated]"
_ENGINES = ("mysql", "aurora-mysql", "aurora", "mariadb")
_LONG = rb"\d{4}-\d\d-\d\d(?:T| +)\d{1,2}:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?"
_SHORT = rb"\d{6} +\d{1,2}:\d\d:\d\d"
_SIGNAL = rb"\d\d:\d\d:\d\d UTC - mysqld got (?:signal|exception)"
_HEAD = re.compile(rb"(?:%b|%b)(?=[ \t\r\n]|0x[0-9a-f]|InnoDB:)|%b" % (_LONG, _SHORT, _SIGNAL))
_CUT_HEAD = re.compile(rb"\d[\dT:.+ -]{0,40}Z?\Z")  # at the end of a file whose last line was not finished (FMT-121)
_NEXT = re.compile(rb"\n(?=\d)")
_PARTS = re.compile(
    rb"[ \t]*(?:(?P<thread>\d{1,20}|0x[0-9a-f]{1,16})(?=[ \tI]))?[ \t]*"
    rb"(?:\[(?P<label>[A-Za-z]{1,20})\] ?)?(?:\[(?P<code>MY-\d{1,9})\] \[(?P<subsystem>[^\]\n]{0,60})\] ?)?"
)
_WORD = re.compile(rb"(InnoDB|Plugin|Slave|server_audit)(?=[: '])")
_SOURCE = re.compile(rb" \(([\w./-]{1,200}\.(?:cc|cpp|c|h|ic|yy)):(\d{1,9})\)$")
_DENIED = re.compile(rb"Access denied for user '([^\n]{0,400}?)'@'([^'\n]{0,300})'")
_ABORTED = re.compile(
    rb"Aborted connection \d+ to db: '(?P<db>[^\n]{0,300}?)' user: '(?P<user>[^\n]{0,400}?)' host: '(?P<host>[^'\n]{0,300})'"
)
_ACCOUNT = re.compile(rb"Received SHUTDOWN from user (\S{1,200}?)\. ")
_VICTIM = re.compile(rb"WE ROLL BACK TRANSACTION \((\d{1,9})\)")
_SEVERITIES = {"system": 9, "note": 9, "warning": 13, "error": 17}
# Beginnings of messages, in the order in which they are tried; the subsystem's word is taken off first.
_BEGINNINGS = (
    ("auth_failed", (b"Access denied for user",)),
    ("connection_aborted", (b"Aborted connection",)),
    ("too_many_connections", (b"Too many connections",)),
    ("deadlock", (b"transactions deadlock detected", b"Transactions deadlock detected")),
    ("assertion", (b"Assertion failure",)),
    ("server_shutdown", (b"Received SHUTDOWN", b"Normal shutdown", b"Starting shutdown", b"Shutdown completed")),
    ("certificate", (b"CA certificate", b"Failed to set up SSL", b"SSL error", b"SSL certificate")),
    ("disk_full", (b"Disk is full",)),
    ("out_of_memory", (b"Out of memory", b"Cannot allocate memory")),
)
# Further words, looked for in the first line only: here the message begins with a path or a name.
_WORDS = (
    ("server_ready", (b": ready for connections",)),
    ("server_start", (b") starting as process ", b") initializing of server in progress")),
    ("server_shutdown", (b": Shutdown complete", b": Normal shutdown", b": Forcing close of thread")),
    ("table_crashed", (b"is marked as crashed",)),
    ("disk_full", (b"No space left on device", b"is full")),
    ("deprecation", (b"deprecated", b"DEPRECATED")),
)
_BY_SUBSYSTEM = {"InnoDB": "innodb", "Repl": "replication", "Slave": "replication", "server_audit": "audit_plugin"}


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What the format carries from entry to entry; is_inside: an entry stands before the next byte."""

    times: Times = Times()
    is_inside: bool = False


class MysqlError:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "mysql_error"
    log_type = "error"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is an error log; `error/mysql-error.log` is the same text again and not collected."""
        is_named = log_file_name.startswith(("error/mysql-error-running.log", "error/mariadb-error"))
        return is_named and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on dated lines with a label in brackets."""
        lines = sample.split(b"\n")[:200]
        heads = [found for line in lines if (found := _HEAD.match(line))]
        labelled = sum(1 for found in heads if (parts := _PARTS.match(found.string, found.end())) and parts["label"])
        return 0.9 if labelled and labelled * 2 >= len(heads) else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut before the last head; a dated line is one wherever it stands."""
        if final or (quiet and buffer.endswith(b"\n")):
            return len(buffer)
        at = len(buffer)
        while (at := buffer.rfind(b"\n", 0, at)) > 0:
            if _HEAD.match(buffer, at + 1):
                return at + 1
        return 0

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next dated line."""
        if start == 0 and _HEAD.match(buffer):
            return 0
        found = _next_head(buffer, max(0, start - 1))
        return found if found < 0 or _is_head(buffer, found) else -1

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each entry by the grammar."""
        return (step.record for step in _walk(chunk, origin, context) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Encode the entries; the error log is small, so it has no face of its own for speed."""
        return wire(_walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)


def _is_head(content: bytes, at: int) -> bool:
    return _HEAD.match(content, at) is not None


def _next_head(content: bytes, at: int) -> int:
    """Return the first head on a line behind `at`, -1 for none. A head that the end of the bytes cuts counts."""
    for found in _NEXT.finditer(content, at):
        if _HEAD.match(content, found.end()) or _CUT_HEAD.match(content, found.end()):
            return found.end()
    return -1


def _walk(chunk: Chunk, origin: Origin, context: bytes) -> Iterator[Step]:
    state = msgspec.json.decode(context, type=Carried) if context else Carried()
    if chunk.cut_bytes:
        spans = iter([(0, len(chunk.content), len(chunk.content), _is_head(chunk.content, 0))])
    else:
        spans = headed_spans(chunk.content, 0, _is_head, _next_head)
    for start, stop, end, has_head in spans:
        record: ErrorRecord | None = None
        if has_head:
            record, state = _entry(extent_of(chunk, start, stop), origin, state)
        elif stop > start:
            reason = "orphan tail" if state.is_inside else "no head"
            fields = raw_fields(extent_of(chunk, start, stop), origin, state.times, default_engine(origin), reason)
            record = ErrorRecord(**fields)
        yield Step(record, end, state)


def default_engine(origin: Origin) -> str:
    """Return the engine of a file whose source does not know it."""
    return "mariadb" if "mariadb" in origin.log_file_name else "mysql"


def _entry(extent: Extent, origin: Origin, state: Carried) -> tuple[ErrorRecord, Carried]:
    text = extent.seen(origin)
    errors: set[str] = set()
    is_cut = len(text) < extent.size_bytes
    if not is_cut:
        text = text.rstrip(b"\r\n")
    if b"\r\n" in text and text.partition(b"\n")[0].endswith(b"\r"):
        text = text.replace(b"\r\n", b"\n")
    if MARK in text:
        text, is_marked = _unmarked(text)
        errors |= {"truncated by rds"} if is_marked else set()
    fields: dict[str, Any] = {}
    times, at = _clock(text, origin, state.times, fields, errors)
    parts = _PARTS.match(text, at)
    at = _read_parts(parts, text, at, fields) if parts else at
    _read_message(text[at:], origin, fields, errors, is_cut=is_cut)
    truncated = not errors.isdisjoint({"truncated by rds", "cut at limit"})
    record = ErrorRecord(
        **frame(extent, origin, default_engine(origin)),
        **fields,
        parse_status="partial" if errors else "ok",
        parse_error=worst_of(errors),
        truncated=truncated or None,
    )
    return record, Carried(times, is_inside=True)


def _unmarked(text: bytes) -> tuple[bytes, bool]:
    """Take out the marks that RDS put before newlines."""
    clean = re.sub(rb"(?<=\n)%b\n|%b(?=\n|\Z)" % ((re.escape(MARK),) * 2), b"", text)
    return clean, clean != text


def _clock(text: bytes, origin: Origin, times: Times, fields: dict[str, Any], errors: set[str]) -> tuple[Times, int]:
    """Fill in the time; return what is known now and where its text ends."""
    if text[2:3] == b":":  # a signal's line has no date: the day of the entry before
        us, quality = borrowed_time(origin, times)
        clock = sum(int(text[at : at + 2]) * size for at, size in ((0, 3600), (3, 60), (6, 1))) * 1_000_000
        fields["timestamp_us"] = max(us - us % DAY_US + clock, 1) if quality == "carried" else us
        fields["ts_quality"] = quality
        return times, len(b"00:00:00 UTC - ")
    found = _HEAD.match(text)
    end = found.end() if found else 0
    printed = read_rfc3339(text[:end]) or read_short(text[:end])
    fields["ts_raw"] = readable(text[:end])[0]
    if printed is None:
        errors.add("bad time")
    else:
        us, quality = instant_of(printed, origin.zone)
        fields["tz_raw"] = printed.zone or None
        if times.plausible(us, name_hour(origin)):
            fields["timestamp_us"], fields["ts_quality"] = us, quality
            return times.after(us), end
        errors.add("implausible time")
    fields["timestamp_us"], fields["ts_quality"] = borrowed_time(origin, times)
    return times, end


def _read_parts(parts: re.Match[bytes], text: bytes, at: int, fields: dict[str, Any]) -> int:
    thread, label = parts["thread"], parts["label"]
    if thread and not label and thread.isdigit() and not text.startswith((b" ", b"\t"), parts.end("thread")):
        return at
    if thread:
        number = int(thread, 16 if thread.startswith(b"0x") else 10)
        fields["thread_id"] = number if number <= INT64_MAX else None
    if label:
        fields["severity_text"] = label.decode()
    if parts["code"]:
        fields["error_code"] = parts["code"].decode()
        fields["error_subsystem"] = readable(parts["subsystem"])[0] or None
    return parts.end()


def _read_message(message: bytes, origin: Origin, fields: dict[str, Any], errors: set[str], *, is_cut: bool) -> None:
    """Read the message: source place, subsystem, accounts, event, severity; then the redacted body."""
    if source := None if is_cut else _SOURCE.search(message[-300:]):
        fields["code_file_path"], fields["code_line_number"] = source[1].decode(), int(source[2])
        message = message[: len(message) - len(source[0])]
    plain = message
    if word := _WORD.match(message):
        fields.setdefault("error_subsystem", word[1].decode())
        plain = message[word.end() :].lstrip(b": ")
    _read_accounts(plain, fields)
    fields["event_name"] = _event(plain, fields)
    label = fields.get("severity_text")
    fields["severity_number"] = _SEVERITIES.get(label.lower(), 9) if label else _unlabelled(message, fields["event_name"])
    if is_cut or len(message) > origin.entry_max_bytes:
        message = cut_text(message, origin.entry_max_bytes)
        errors.add("cut at limit")
    if origin.redaction != "off":
        message, replaced = redact_message(message, DIALECT)
        fields["redactions"] = replaced or None
    body, valid = readable(message)
    fields["body"] = body or None
    if not valid:
        errors.add("invalid utf-8")


def _unlabelled(message: bytes, event: str) -> int:
    if event in ("crash", "assertion"):
        return 21
    return 17 if message.startswith(b"InnoDB: Error") else 13 if message.startswith(b"InnoDB: Warning") else 9


def _read_accounts(message: bytes, fields: dict[str, Any]) -> None:
    if aborted := _ABORTED.match(message):
        database = readable(aborted["db"])[0]
        fields["db_namespace"] = database if database not in ("", "unconnected") else None
        fields["user_name"], fields["client_address"] = (readable(aborted[part])[0] or None for part in ("user", "host"))
    elif denied := _DENIED.match(message):
        fields["user_name"], fields["client_address"] = (readable(denied[part])[0] or None for part in (1, 2))
    elif stopped := _ACCOUNT.match(message):
        fields["user_name"] = readable(stopped[1])[0]


def _event(message: bytes, fields: dict[str, Any]) -> str:
    """Name the event by how the message begins, then by its subsystem (record-schema.md §8)."""
    for event, beginnings in _BEGINNINGS:
        if message.startswith(beginnings):
            return event if event != "deadlock" else _deadlock(message, fields)
    line = message.partition(b"\n")[0][:2000]
    if line.startswith((b"mysqld got signal", b"mysqld got exception")):
        return "crash"
    if b"INNODB MONITOR OUTPUT" in message[:400]:
        return "innodb_monitor"
    for event, words in _WORDS:
        if any(word in line for word in words):
            return event
    subsystem = fields.get("error_subsystem") or ""
    if subsystem == "Plugin" or line.startswith((b"Plugin ", b"X Plugin ")):
        return "plugin"
    return _BY_SUBSYSTEM.get(subsystem, "server")


def _deadlock(message: bytes, fields: dict[str, Any]) -> str:
    if victim := _VICTIM.search(message):
        fields["deadlock_victim"] = int(victim[1])
    return "deadlock"


FORMAT = MysqlError()
