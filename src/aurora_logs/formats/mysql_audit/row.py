"""What one row of an audit log says, in the dialects of MariaDB, RDS and Aurora (log-formats.md §4.3).

`timestamp,serverhost,username,host,connectionid,queryid,operation,database,object,retcode`; only the object of a
statement is quoted. Names are printed raw, so columns are found from what can't be a name: two numbers and an operation.
"""

import re
from typing import NamedTuple

from aurora_logs.text import Printed, read_compact, read_rfc3339

# As MariaDB, RDS and Aurora print them; others of this shape are taken too.
_OPERATION = (
    rb"QUERY(?:_[A-Z]{2,20})?|CONNECT|DISCONNECT|FAILED_CONNECT|CHANGEUSER|READ|WRITE|CREATE|ALTER|RENAME|DROP|PROXY_CONNECT"
    rb"|[A-Z][A-Z_]{2,30}"
)
_TIME = rb"\d{16}|\d{8} +\d{1,2}:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]+\d{1,2}:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
HEAD = re.compile(rb"(?:%b)," % _TIME)
_ROW = re.compile(
    rb"(?P<time>%b),(?P<server>[^,\n]*),(?P<user>[^\n]{0,2000}?),(?P<host>[^,\n]{0,400}),(?P<thread>\d{1,19})"
    rb",(?P<query>\d{1,19}),(?P<operation>%b),(?P<rest>[^\n]*)" % (_TIME, _OPERATION)
)
# The fork of RDS prints two more columns.
_TAIL = rb",(?P<code>\d{0,9})(?P<more>(?:,[^,\n]{0,100}){0,3})\Z"
_QUOTED = re.compile(
    rb"(?>(?P<database>[^\n]{0,2000}?),')(?P<object>(?:[^'\\\n]++|\\.|'(?!,\d{0,9}(?:,[^,\n]{0,100}){0,3}\Z))*+)'" + _TAIL
)
_OPEN = re.compile(rb"(?P<database>[^\n]{0,2000}?),'(?P<object>[^\n]*?)(?P<tail>,(?P<code>\d{1,9})(?P<more>(?:,[^,'\n]{0,100}){0,2}))?\Z")
_BARE = re.compile(rb"(?P<database>[^,\n]*),(?P<object>[^,\n]*)" + _TAIL)
_COMMAS = re.compile(rb"(?P<database>[^,\n]*),(?P<object>[^\n]*),(?P<code>\d{0,9})(?P<more>)\Z")
_AMBIGUOUS = re.compile(rb",\d{1,19},\d{1,19},(?:%b),|,\d{1,19},\d{1,19},(?:%b)\Z" % (_OPERATION, _OPERATION))
_PORT = re.compile(rb"(?P<host>[^:\[\]]+|\[[^\]]+\]):(?P<port>\d{1,5})")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"0": b"\0"}


class Row(NamedTuple):
    """A row taken apart. object: unescaped where it is quoted; logged_bytes: its length as logged.

    is_statement: the object is SQL. is_open: a quote of it is missing. is_odd: a column may hold more than its own text.
    """

    time: bytes
    clock: Printed | None
    server: bytes
    user: bytes
    host: bytes
    port: int | None
    thread: int
    query: int
    operation: bytes
    database: bytes
    object: bytes
    logged_bytes: int
    code: bytes
    connection_type: bytes
    is_statement: bool
    is_open: bool
    is_odd: bool


def read_row(line: bytes) -> Row | None:
    """Read a row without its line end; None when its columns can't be told from each other."""
    found = _ROW.match(line)
    if found is None:
        return None
    rest = found["rest"]
    has_quote = b",'" in rest
    quoted = _QUOTED.match(rest) if has_quote else None
    parts = quoted or (_OPEN if has_quote else _BARE).match(rest) or _COMMAS.match(rest)
    if parts is None or _AMBIGUOUS.search(parts["database"]):  # a user's name imitates the columns behind it
        return None
    host, port = _host_and_port(found["host"])
    text = parts["object"]
    is_statement = found["operation"].startswith(b"QUERY") or has_quote
    return Row(
        time=found["time"],
        clock=_clock(found["time"]),
        server=found["server"],
        user=found["user"],
        host=host,
        port=port,
        thread=int(found["thread"]),
        query=int(found["query"]),
        operation=found["operation"],
        database=parts["database"],
        object=unescaped(text) if is_statement else text,
        logged_bytes=len(text),
        code=parts["code"] or b"",
        connection_type=(parts["more"] or b"").strip(b","),
        is_statement=is_statement,
        is_open=is_statement and quoted is None and bool(text),
        is_odd=b"," in found["user"] or b"'" in found["user"] or b"," in parts["database"] or parts.re is _COMMAS,
    )


def _clock(time: bytes) -> Printed | None:
    if len(time) == 16 and time.isdigit():
        return Printed(int(time), "Z", len(time))
    return read_compact(time) or read_rfc3339(time)


def _host_and_port(host: bytes) -> tuple[bytes, int | None]:
    """Split `host:port` of MariaDB 12; an address of version 6 without brackets has no port."""
    found = _PORT.fullmatch(host)
    return (found["host"].strip(b"[]"), int(found["port"])) if found else (host, None)


def unescaped(text: bytes) -> bytes:
    r"""Resolve the plugin's escapes: `\'`, `\\`, `\n`, `\r`, `\t`, `\b`, `\f`."""
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text) if b"\\" in text else text
