"""From the bytes of one general-log entry to its record: clock, command, argument, database of the connection."""

import re
from typing import Any

import msgspec

from aurora_logs.formats import Extent, Origin, fill_time, frame, raw_fields
from aurora_logs.formats.mysql_general.databases import Databases
from aurora_logs.formats.mysql_general.heads import Head, head_at
from aurora_logs.records.log_record import GeneralRecord, worst_of
from aurora_logs.sql.redaction import redact_message
from aurora_logs.sql.statement import statement_fields
from aurora_logs.text import INT64_MAX, Times, cut_text, readable

DIALECT = "mysql"
SEVERITY = 9  # nothing is printed (record-schema.md §9)
MARK = b"[Your log message was truncated]"
WITH_SQL = ("Query", "Prepare", "Execute")
EVENTS = {
    "Query": "query", "Prepare": "prepare", "Execute": "execute", "Close stmt": "close_statement", "Connect": "connect",
    "Quit": "disconnect", "Init DB": "init_db", "Change user": "change_user", "Ping": "ping", "Statistics": "statistics",
    "Binlog Dump": "binlog_dump", "Binlog Dump GTID": "binlog_dump",
}  # fmt: skip
_MARKED = re.compile(rb"(?<=\n)%b[ \t]*\n|%b[ \t]*(?=\r?\n|\Z)" % ((re.escape(MARK),) * 2))
_DENIED = re.compile(
    rb"Access denied for user '([^\n]{0,400}?)'@'([^'\n]{0,300})'(?= \(using password| ?to database|[ \t\r]*(?:\n|\Z)|[.;,] )"
)
_ACCOUNT_BYTES = 2000
_ACCOUNT = re.compile(
    rb"(?P<user>.*)@(?P<host>[^\s@]*)(?: as (?P<effective>.*?))? on ?(?P<database>.*?)"
    rb"(?: using (?P<kind>TCP/IP|SSL/TLS|Socket|Named Pipe|Shared Memory))?\s*\Z",
    re.DOTALL,
)
_DENIED_START = b"Access denied for user"


class Carried(msgspec.Struct, array_like=True):
    """What the format carries from entry to entry (log-formats.md §2.2); `databases` changes in place.

    is_inside: an entry stands before the next byte.
    """

    times: Times = Times()
    is_inside: bool = False
    databases: Databases = msgspec.field(default_factory=Databases)


def default_engine(origin: Origin) -> str:
    """Return the engine of a file whose source does not know it."""
    return "mariadb" if "mariadb" in origin.log_file_name else "mysql"


def raw_record(extent: Extent, origin: Origin, state: Carried) -> GeneralRecord:
    """Return the record of text before the first head, or behind a delivered entry."""
    reason = "orphan tail" if state.is_inside else "no head"
    return GeneralRecord(**raw_fields(extent, origin, state.times, default_engine(origin), reason))


def entry_record(extent: Extent, origin: Origin, state: Carried) -> GeneralRecord:
    """Return the record of an entry, and bring `state` behind it."""
    text = extent.seen(origin)
    errors: set[str] = set()
    is_cut = len(text) < extent.size_bytes
    if b"\r\n" in text and text.partition(b"\n")[0].endswith(b"\r"):
        text = text.replace(b"\r\n", b"\n")
    if MARK in text:
        text, marks = _MARKED.subn(b"", text)
        errors |= {"truncated by rds"} if marks else set()
    head = head_at(text, 0)
    assert head is not None, "an entry begins at a head"
    argument = text[head.end :] if is_cut else text[head.end :].rstrip(b"\r\n")
    if is_cut:
        errors.add("cut at limit")
    fields: dict[str, Any] = {"db_command": head.command, "event_name": EVENTS.get(head.command, "command")}
    fields["thread_id"] = head.thread if head.thread <= INT64_MAX else None
    state.times = _clock(head, origin, state.times, fields, errors)
    state.is_inside = True
    _read_argument(head, argument, origin, state.databases, fields, errors)
    return GeneralRecord(
        **frame(extent, origin, default_engine(origin)),
        **fields,
        severity_number=SEVERITY,
        parse_status="partial" if errors else "ok",
        parse_error=worst_of(errors),
        truncated=(not errors.isdisjoint({"truncated by rds", "cut at limit"})) or None,
    )


def _clock(head: Head, origin: Origin, times: Times, fields: dict[str, Any], errors: set[str]) -> Times:
    """Fill in the time; a line without one stands in the second of the line before."""
    if head.time is not None:
        fields["ts_raw"] = readable(head.time)[0]
        if head.clock is None:
            errors.add("bad time")
    return fill_time(head.clock if head.time is not None else None, origin, times, fields, errors)


def _read_argument(
    head: Head, argument: bytes, origin: Origin, databases: Databases, fields: dict[str, Any], errors: set[str]
) -> None:
    is_denied = argument.startswith(_DENIED_START)
    if head.command in WITH_SQL:
        is_redacting = origin.redaction != "off"
        fields |= statement_fields(argument, DIALECT, errors, is_redacting=is_redacting, max_bytes=origin.entry_max_bytes)
    else:
        _read_body(argument, origin, fields, errors)
    if head.command in ("Connect", "Change user", "Connect Out"):
        _read_account(argument, fields, is_denied=is_denied)
        databases.enter(head.thread, fields.get("db_namespace") or "")
    elif head.command == "Init DB" and not is_denied:
        fields["db_namespace"] = readable(argument.strip())[0] or None
        databases.enter(head.thread, fields["db_namespace"] or "")
    elif (carried := databases.of(head.thread)) is not None:
        fields["db_namespace"], fields["db_namespace_carried"] = carried, True
    if head.command == "Quit":
        databases.leave(head.thread)


def _read_body(argument: bytes, origin: Origin, fields: dict[str, Any], errors: set[str]) -> None:
    body = argument.strip()
    if len(body) > origin.entry_max_bytes:
        body = cut_text(body, origin.entry_max_bytes)
        errors.add("cut at limit")
    if origin.redaction != "off":
        body, replaced = redact_message(body, DIALECT)
        fields["redactions"] = replaced or None
    text, is_valid = readable(body)
    fields["body"] = text or None
    if not is_valid:
        errors.add("invalid utf-8")


def _read_account(argument: bytes, fields: dict[str, Any], *, is_denied: bool) -> None:
    """Read `user@host [as priv] on [db] [using type]`; names may hold anything, a host no blank and no `@`."""
    if is_denied:
        fields["event_name"] = "auth_failed"
        if denied := _DENIED.match(argument):
            fields["user_name"], fields["client_address"] = (readable(denied[part])[0] or None for part in (1, 2))
        return
    found = _ACCOUNT.match(argument[:_ACCOUNT_BYTES])
    if found is None:
        return
    effective = found["effective"] if found["effective"] != found["user"] else b""
    names = {
        "user_name": found["user"], "client_address": found["host"], "db_user_effective": effective,
        "db_namespace": found["database"], "db_connection_type": found["kind"],
    }  # fmt: skip
    fields |= {name: readable(value)[0] for name, value in names.items() if value}
