"""What a message of the error log says: source place, subsystem, accounts, event, severity, deadlock; then its safe body."""

import re
from typing import Any

from aurora_logs.formats import LOOK_AHEAD_BYTES, Origin
from aurora_logs.formats.mysql_error.deadlock import read_deadlock
from aurora_logs.formats.mysql_error.events import event_of, severity_of
from aurora_logs.sql.redaction import mask_raw, redact_message
from aurora_logs.text import cut_text, readable

DIALECT = "mysql"
_WORD = re.compile(rb"(InnoDB|Plugin|Slave|server_audit)(?=[: '])")
_SOURCE = re.compile(rb" \(([\w./-]{1,200}\.(?:cc|cpp|c|h|ic|yy)):(\d{1,9})\)$")
_DENIED = re.compile(
    rb"Access denied for user '([^\n]{0,400}?)'@'([^'\n]{0,300})'(?= \(using password| ?to database|[ \t\r]*(?:\n|\Z)|[.;,] )"
)
_ABORTED = re.compile(
    rb"Aborted connection \d+ to db: '(?P<db>[^\n]{0,300}?)' user: '(?P<user>[^\n]{0,400}?)' host: ['`](?P<host>[^'`\n]{0,300})['`]"
)
_STOPPED = re.compile(rb"Received SHUTDOWN from user (?P<user>\S{1,200}?)\. ")
_INITIATED = re.compile(
    rb"[^\s:]{1,400} \(initiated by: (?P<user>[^\n\[]{0,400})\[[^\n]{0,400}?\] @ (?P<host>[^\s\[]{0,300}) ?\[(?P<address>[^\]\n]{0,300})\]\)"
)
# Lines with the bytes of locked rows: data of tables, kept only where nothing is redacted (record-schema.md §6.2).
_ROW_BYTES = re.compile(rb"^( {0,8}\d{1,4}: len[= ]\d{1,9};)[^\n]*", re.MULTILINE)


def read_message(message: bytes, origin: Origin, fields: dict[str, Any], errors: set[str], *, is_cut: bool) -> None:
    """Fill in what the message tells. is_cut: it is the first part of an entry beyond the limit."""
    source = None if is_cut else _SOURCE.search(message[-300:])
    if source:
        fields["code_file_path"], fields["code_line_number"] = source[1].decode(), int(source[2])
        message = message[: len(message) - len(source[0])]
    plain = message
    if word := _WORD.match(message):
        fields["error_subsystem"] = fields.get("error_subsystem") or word[1].decode()
        plain = message[word.end() :].lstrip(b": ")
    _read_accounts(plain, fields)
    event = event_of(plain, fields.get("error_code"), fields.get("error_subsystem") or "")
    fields["event_name"], fields["severity_number"] = event, severity_of(fields.get("severity_text"), message, event)
    redactions = _read_dump(plain, origin, fields) if event == "deadlock" else 0
    if is_cut or len(message) > origin.entry_max_bytes:
        message = cut_text(message, origin.entry_max_bytes)
        errors.add("cut at limit")
    if origin.redaction != "off" and "bad json" in errors:  # its escapes hide where a secret ends
        message, fields["redactions"] = mask_raw(message), 1
    elif origin.redaction != "off":
        message, rows = _ROW_BYTES.subn(rb"\1 ***", message) if b"; hex" in message else (message, 0)
        message, replaced = redact_message(message, DIALECT)
        fields["redactions"] = redactions + replaced + rows or None
    body, valid = readable(message)
    fields["body"] = body or None
    if not valid:
        errors.add("invalid utf-8")


def _read_dump(plain: bytes, origin: Origin, fields: dict[str, Any]) -> int:
    limit = origin.entry_max_bytes + LOOK_AHEAD_BYTES
    found = read_deadlock(plain, is_redacting=origin.redaction != "off", statement_max_bytes=limit)
    fields["deadlock_transactions"], fields["deadlock_victim"] = found.text, found.victim
    return found.redactions


def _read_accounts(message: bytes, fields: dict[str, Any]) -> None:
    if aborted := _ABORTED.match(message):
        database = readable(aborted["db"])[0]
        fields["db_namespace"] = database if database not in ("", "unconnected") else None
        fields["user_name"], fields["client_address"] = (readable(aborted[part])[0] or None for part in ("user", "host"))
    elif denied := _DENIED.match(message):
        fields["user_name"], fields["client_address"] = (readable(denied[part])[0] or None for part in (1, 2))
    elif stopped := _STOPPED.match(message):
        fields["user_name"] = readable(stopped["user"])[0]
    elif initiated := _INITIATED.match(message):
        fields["user_name"] = readable(initiated["user"])[0] or None
        fields["client_address"] = readable(initiated["host"] or initiated["address"])[0] or None
