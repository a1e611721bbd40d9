"""What one slow-log entry says: from its bytes to the fields of the record. Borders and wire bytes are elsewhere."""

import re

import msgspec

from aurora_logs.formats.mysql_slow.borders import MARK
from aurora_logs.formats.mysql_slow.counters import COLUMNS, Value, is_metric_line, pairs
from aurora_logs.text import Printed, decimal, micros, read_rfc3339, read_short, readable

_SET = re.compile(rb"SET ((?:(?:last_insert_id|insert_id|timestamp)=-?\d{1,20}(?:\.\d{1,20})?,?)+);", re.IGNORECASE)
_USE = re.compile(rb"use ([^\n]{1,1000});")
_ADMIN = re.compile(rb"# administrator command: ([^;\n]{0,100});?\s*")
_ID = re.compile(rb"Id: *(\d{1,20})[ \t]*")
_TRUNCATED = re.compile(rb"(?<=\n)%b[ \t]*\n|%b[ \t]*(?=\n|\Z)" % ((re.escape(MARK),) * 2))
_TIME_KEYS = (b"start", b"end")


class Said(msgspec.Struct):
    """What an entry says, as it is read; `errors` are reasons of parse_error."""

    fields: dict[str, Value | None] = {}
    errors: set[str] = set()
    extra: dict[str, str] = {}
    time: Printed | None = None
    ts_raw: str | None = None
    start: Printed | None = None
    duration_us: int | None = None
    set_timestamp_us: int | None = None
    database: str | None = None  # of a `use` line or statement
    schema: str | None = None  # of a `Schema:` pair; "" when it is printed empty
    plan: list[bytes] = []
    sql: bytes = b""
    has_user: bool = False
    is_mariadb: bool = False
    is_truncated: bool = False


def read_entry(text: bytes, *, is_cut: bool) -> Said:
    """Read an entry's text, or the first part of one that is too long (is_cut)."""
    said = Said()
    if text.partition(b"\n")[0].endswith(b"\r"):
        text = text.replace(b"\r\n", b"\n")
    text, marks = _TRUNCATED.subn(b"", text) if MARK in text else (text, 0)
    if marks:
        said.errors.add("truncated by rds")
        said.is_truncated = True
    position = _read_head(text, said)
    position = _read_context(text, position, said)
    _read_statement(text[position:], said, is_cut=is_cut)
    return said


def _read_head(text: bytes, said: Said) -> int:
    """Read the `#` lines at the start; return where the first other line begins."""
    position = 0
    while text.startswith((b"#", b"Tmp_tables: "), position):
        stop = text.find(b"\n", position)
        stop = len(text) if stop < 0 else stop
        line = text[position:stop]
        if line.startswith(b"# administrator command:") or not _read_line(line, said):
            break
        position = min(stop + 1, len(text))
    return position


def _read_line(line: bytes, said: Said) -> bool:
    """Read one line of the head; False when it belongs to the statement."""
    if line.startswith(b"# Time:") and said.ts_raw is None:
        line, glued, user = line.partition(b" # User@Host: ")
        _read_time(line[7:].strip(), said)
        if glued:
            read_user(user, said)
    elif line.startswith((b"# User@Host:", b"# User:")) and not said.has_user:
        read_user(line[line.index(b":") + 1 :], said)
    elif line.startswith(b"# explain: "):
        said.plan.append(line[len(b"# explain: ") :])
    elif line.strip() == b"#" or line.startswith(b"# No InnoDB statistics available"):
        return True
    elif is_metric_line(line.removeprefix(b"#")):
        for key, value in pairs(line.removeprefix(b"#")):
            _read_pair(key, value, said)
    else:
        return False
    return True


def _read_time(value: bytes, said: Said) -> None:
    said.ts_raw = readable(value)[0]
    printed = read_rfc3339(value) or read_short(value)
    if printed is not None and printed.end == len(value):
        said.time = printed
    else:
        said.errors.add("bad time")


def read_user(text: bytes, said: Said) -> None:
    """Read `u[p] @ host [ip]  Id:  7`; every part may be empty, names may hold anything but the last ` @ `."""
    said.has_user = True
    id_at = text.rfind(b"Id:")
    if text[max(id_at - 1, 0) : id_at] == b" " and (found := _ID.fullmatch(text, id_at)):
        _read_pair(b"Thread_id", found[1], said)
        text = text[:id_at]
    left, _, right = text.strip().rpartition(b"@ ")
    host, _, address = right.strip().rpartition(b"[")
    name, bracket, effective = left.strip().rpartition(b"[")
    if not bracket or not effective.endswith(b"]"):
        name, effective = left.strip(), b""
    name, effective = name.strip(), effective.removesuffix(b"]")
    if not name and effective == b"SQL_SLAVE":
        name, effective = b"[SQL_SLAVE]", b""
    host, address = host.strip(), address.strip().removesuffix(b"]")
    _put(said, "address_raw", address)
    _put(said, "user_name", name)
    _put(said, "db_user_effective", effective if effective != name else b"")
    _put(said, "client_address", host or address)
    _put(said, "network_peer_address", address if host and host != address else b"")


def _put(said: Said, field: str, value: bytes) -> None:
    if value:
        text, valid = readable(value)
        said.fields[field] = text
        if not valid:
            said.errors.add("invalid utf-8")


def _read_pair(key: bytes, value: bytes, said: Said) -> None:
    name = key.lower()
    if name == b"query_time" and said.duration_us is None:
        said.duration_us = micros(value)
        said.fields["duration_sec"] = decimal(value)
        if said.duration_us is None:
            _keep(key, value, said, bad=True)
    elif name == b"schema":
        said.schema = _database(value)
    elif name in _TIME_KEYS:
        said.fields[f"{name.decode()}_raw"] = readable(value)[0] or None
        if name == b"start":
            said.start = read_rfc3339(value)
    elif name in COLUMNS:
        said.is_mariadb = said.is_mariadb or key == b"QC_hit"
        _read_column(key, value, said)
    else:
        _keep(key, value, said, bad=False)


def _read_column(key: bytes, value: bytes, said: Said) -> None:
    field, reader = COLUMNS[key.lower()]
    parsed = reader(value)
    if parsed is None:
        _keep(key, value, said, bad=True)
    elif said.fields.setdefault(field, parsed) != parsed:
        _keep(key, value, said, bad=False)  # printed twice with two values: the first one counts


def _keep(key: bytes, value: bytes, said: Said, *, bad: bool) -> None:
    text, valid = readable(value)
    said.extra[readable(key)[0]] = text
    if bad:
        said.errors.add("bad number")
    if not valid:
        said.errors.add("invalid utf-8")


def _read_context(text: bytes, position: int, said: Said) -> int:
    """Read the server's own `use` and `SET timestamp` lines, each once and in any order; return where the SQL begins.

    A `use` with nothing behind it is the statement itself (FMT-40).
    """
    seen_set = seen_use = False
    while True:
        use = None if seen_use else _USE.match(text, position)
        if use and text.startswith(b"\n", use.end()) and text[use.end() + 1 : use.end() + 64].strip():
            said.database = _database(use[1])
            seen_use, position = True, use.end() + 1
            continue
        found = None if seen_set else _SET.match(text, position)
        if found is None or not _is_servers(found, text):
            return position
        _read_set(found[1], said)
        seen_set, position = True, min(found.end() + 1, len(text))


def _is_servers(found: re.Match[bytes], text: bytes) -> bool:
    """Tell a `SET` line of the server from a client's: up to 5.1 it may lack the timestamp, then a statement follows."""
    if b"timestamp=" in found[1].lower():
        return text[found.end() : found.end() + 1] in (b"\n", b"")
    return text.startswith(b"\n", found.end()) and bool(text[found.end() + 1 : found.end() + 64].strip())


def _read_set(assignments: bytes, said: Said) -> None:
    for assignment in assignments.split(b","):
        name, _, value = assignment.lower().partition(b"=")
        if name == b"timestamp":
            said.set_timestamp_us = micros(value)
            said.fields["set_timestamp_sec"] = decimal(value)
        elif name in (b"insert_id", b"last_insert_id"):
            number = decimal(value)
            said.fields[f"db_{name.decode()}"] = None if number is None else int(value.partition(b".")[0])


def _database(name: bytes) -> str:
    if name.startswith(b"`") and name.endswith(b"`") and len(name) > 1:
        name = name[1:-1].replace(b"``", b"`")
    return readable(name)[0]


def _read_statement(rest: bytes, said: Said, *, is_cut: bool) -> None:
    admin = _ADMIN.fullmatch(rest)
    if admin:
        said.fields["db_command"] = readable(admin[1])[0]
        return
    said.sql, is_ended = rest, is_cut or said.is_truncated
    if not is_cut:
        said.sql = rest.removesuffix(b"\n").rstrip(b" \t") if rest.rstrip(b" \t\n").endswith(b";") else rest.removesuffix(b"\n")
        is_ended = is_ended or said.sql.endswith(b";")
        said.sql = said.sql.removesuffix(b";")
    if use := _USE.fullmatch(said.sql + b";"):
        said.database = _database(use[1])
    if not is_ended:
        # the server always writes `;`: without it the end of the entry is missing (FMT-05)
        said.errors.add("truncated by rds")
        said.is_truncated = True
