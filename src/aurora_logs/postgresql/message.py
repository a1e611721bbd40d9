"""What a PostgreSQL message says: body, SQL, duration, plan, and its folded lines; to the fields of the record."""

import re
from typing import Any

from aurora_logs.postgresql.details import read_details
from aurora_logs.postgresql.events import event_of
from aurora_logs.sql.parameters import redact_parameters
from aurora_logs.sql.redaction import redact_message, redact_sql
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import cut_text, micros, readable, trace_ids

DIALECT = "postgresql"
_LOOK_BYTES = 64 * 1024
_DURATION = re.compile(rb"duration: (\d{1,12}(?:\.\d{1,6})?) ms(?=\Z|\s)")
_STEP = re.compile(rb"(?:(statement)|(parse|bind|execute) ([^:\n]{0,200})): ?")
_PLAN = re.compile(rb"\s*plan:\s*")
_STATE = re.compile(rb"(?=[A-Z]{0,2}\d)([0-9A-Z]{5}): ")
_POSITION = re.compile(rb" at character (\d{1,9})\Z")
_LOCATION = re.compile(rb"(?:(?P<function>[^,\n]{1,200}), )?(?P<file>[^:\n]{1,300}):(?P<line>\d{1,9})\s*\Z")
_PARAMETERS = re.compile(rb"[Pp]arameters: ")
_HOLDERS = re.compile(rb"Process(?:es)? holding the lock: ([\d, ]{1,2000})\. Wait queue: ([\d, ]{0,2000})\.")
_TEXTS = {"HINT": "pg_hint", "CONTEXT": "pg_context", "BACKTRACE": "pg_backtrace"}


class Reading:
    """Gathers the fields of one record; every text is cut to ENTRY_MAX_BYTES and redacted on its way in."""

    def __init__(self, *, is_redacting: bool, entry_max_bytes: int) -> None:
        self.fields: dict[str, Any] = {}
        self.errors: set[str] = set()
        self.redactions = 0
        self._is_redacting, self._max_bytes = is_redacting, entry_max_bytes

    def text(self, field: str, value: bytes) -> None:
        """Put in a message's text."""
        self._put(field, value, redact_message)

    def sql(self, field: str, value: bytes) -> None:
        """Put in a statement."""
        self._put(field, value, redact_sql)

    def parameters(self, value: bytes, statement: bytes) -> None:
        """Put in a statement's parameters."""
        self._put("pg_parameters", value, lambda text, dialect: redact_parameters(text, statement, dialect))

    def _put(self, field: str, value: bytes, redact: Any) -> None:
        if len(value) > self._max_bytes:
            value = cut_text(value, self._max_bytes)
            self.errors.add("cut at limit")
        if self._is_redacting:
            value, replaced = redact(value, DIALECT)
            self.redactions += replaced
        shown, valid = readable(value)
        if not valid:
            self.errors.add("invalid utf-8")
        if shown:
            self.fields[field] = shown


def read_message(
    message: bytes, level: str, subs: list[tuple[str, bytes]], reading: Reading, us: int, state: bytes | None = None
) -> None:
    """Read a message and its folded lines, `(English level, text)` each.

    us: the record's time. state: its SQLSTATE where the log has a place for it; None where only the message may tell it.
    """
    fields = reading.fields
    if state is None and (verbose := _STATE.match(message)):
        state, message = verbose[1], message[verbose.end() :]
    if state:
        fields["db_response_status_code"] = readable(state)[0]
    statements = [text for name, text in subs if name == "STATEMENT"]
    event, body, sql = _read_main(message, reading, us)
    if event is None:
        event = event_of(message, state or b"", level, has_statement=bool(statements))
        read_details(message, event, fields)
    fields["event_name"] = event
    reading.text("body", body)
    statement = statements[0] if statements else b""
    if sql or statement:
        _read_sql(sql or statement, reading)
        if sql and statement and b" ".join(sql.split()) != b" ".join(statement.split()):
            reading.sql("pg_statement", statement)
    has_query = _read_subs(subs, reading, sql or statement or message)
    if b" at character " in body[-40:] and (position := _POSITION.search(body[-40:])):
        fields["pg_internal_query_pos" if has_query else "pg_query_pos"] = int(position[1])


def _read_main(message: bytes, reading: Reading, us: int) -> tuple[str | None, bytes, bytes]:
    """Return event, body and SQL of the kinds of message that carry a statement; event None for all others."""
    fields, at, event = reading.fields, 0, "statement"
    if duration := _DURATION.match(message):
        took_us = (micros(duration[1]) or 0) // 1000
        fields["duration_sec"], fields["start_time"] = took_us / 1_000_000, us - took_us
        at, event = duration.end(), "slow_query"
        if plan := _PLAN.match(message, at):
            _read_plan(message[plan.end() :], reading)
            return "auto_explain", message[: plan.end()].rstrip(), fields.pop("_sql", b"")
        at = len(message) - len(message[at:].lstrip(b" "))
    step = _STEP.match(message, at)
    if step is None:
        return ("duration" if duration else None), message, b""
    fields["pg_query_step"] = (step[1] or step[2]).decode()
    if step[3] and step[3] != b"<unnamed>":
        fields["pg_query_name"] = readable(step[3])[0]
    return event, message[: step.end()].rstrip(), message[step.end() :]


def _read_plan(plan: bytes, reading: Reading) -> None:
    begin = plan.lstrip()[:1]
    kind = "json" if begin in (b"{", b"[") else "xml" if begin == b"<" else "yaml" if b'Query Text: "' in plan[:20] else "text"
    if kind == "text" and plan.startswith(b"Query Text: "):
        head = plan.find(b"\n")
        while head >= 0 and b"(cost=" not in plan[head + 1 : plan.find(b"\n", head + 1)]:
            head = plan.find(b"\n", head + 1)
        stop = len(plan) if head < 0 else head
        reading.fields["_sql"], plan = plan[len(b"Query Text: ") : stop].rstrip(), plan[stop:].lstrip(b"\n")
    reading.fields["db_plan_format"] = kind
    reading.text("db_plan", plan)


def _read_sql(sql: bytes, reading: Reading) -> None:
    operation = operation_of(sql[:_LOOK_BYTES], DIALECT)
    if operation is not None:
        reading.fields["db_operation_name"] = operation.decode("ascii", "replace")
    if b"traceparent" in sql and (trace := trace_ids(sql)):
        reading.fields["trace_id"], reading.fields["span_id"] = trace
    reading.sql("db_query_text", sql)


def _read_subs(subs: list[tuple[str, bytes]], reading: Reading, statement: bytes) -> bool:
    """Read the folded lines but STATEMENT, which is given (b"": not known); tell whether there was an internal query."""
    has_query = False
    for name, text in subs:
        if name == "DETAIL":
            _read_detail(text, reading, statement)
        elif name == "QUERY":
            has_query = True
            reading.sql("pg_internal_query", text)
        elif name == "LOCATION":
            _read_location(text, reading.fields)
        elif name in _TEXTS:
            reading.text(_TEXTS[name], text)
    return has_query


def _read_detail(text: bytes, reading: Reading, statement: bytes) -> None:
    if parameters := _PARAMETERS.match(text):
        reading.parameters(text[parameters.end() :], statement)
        return
    if holders := _HOLDERS.search(text[:4000]):
        reading.fields["lock_holder_pids"] = holders[1].decode()
        reading.fields["lock_queue_pids"] = holders[2].decode() or None
    reading.text("pg_detail", text)


def _read_location(text: bytes, fields: dict[str, Any]) -> None:
    if found := _LOCATION.match(text):
        fields["code_file_path"], fields["code_line_number"] = readable(found["file"])[0], int(found["line"])
        if found["function"]:
            fields["code_function_name"] = readable(found["function"])[0]
