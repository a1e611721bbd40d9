"""Some hundred entries of the commonest shape at once: one regex call, one escape, one look for credentials for all.

All or nothing: a block with anything else in it (log_slow_extra, a fake border, invalid UTF-8, a possible credential, a
time far back) gives None, and the entry-by-entry way of fast.py takes it. Text is Latin-1 here, one character a byte,
because f-strings are the fastest templates there are; only what JSON shows is decoded as UTF-8.
"""

import re
from functools import lru_cache
from itertools import accumulate, pairwise
from struct import pack
from typing import NamedTuple, TypeVar

from orjson import dumps

from aurora_logs.formats import Origin
from aurora_logs.formats.mysql_slow.parts import (
    FEWEST_US,
    ID_PLACE,
    OPERATIONS,
    account_of,
    command_field,
    minute_us,
    operation_field,
    templates,
    trace_field,
)  # fmt: skip
from aurora_logs.sql.redaction import suspicious
from aurora_logs.text import DAY_US

try:
    from isal.isal_zlib import crc32
except ImportError:  # same sum, six times slower
    from zlib import crc32

_CACHED = 4096  # most seconds, accounts or databases that are remembered
_FAR = 1 << 62
_MOST_LOOKS = 256
_INT = r"(0|[1-9]\d{0,17})"
_SEC = r"((?:0|[1-9]\d{0,8})\.\d{6})"
_ENTRY = re.compile(
    r"(# Time: (.{17}[0-5]\d)\.(\d{6})Z\n# User@Host: ([^\n]*) Id: +([1-9]\d{0,17})\n"
    rf"# Query_time: {_SEC} +Lock_time: {_SEC} +Rows_sent: {_INT} +Rows_examined: {_INT}\n"
    r'(?:use ([^;"`\\\x00-\x1f\x7f-\xff]{1,200});\n)?SET timestamp=\d{1,18};\n)'
    # the statement: a driver's comment or none, its first word, and all up to a `;` before a line that begins with `# `
    r"((?:/\*(?![!M+])[^*/]*+\*/[ \n])?+([A-Za-z]*+[ \n]?)[^;]*+(?:;(?!\n(?:# |\Z))[^;]*+)*+);\n",
    re.ASCII,
)
_SLOT = re.compile(rb"%(b|d|0\d+x|%)")
_OPERATION_FIELDS = {word.decode(): field.decode() for word, field in OPERATIONS.items()} | {
    word + gap: f',"db_operation_name":"{word.upper()}"' for word in ("REPLACE", "replace", "CALL", "call") for gap in " \n"
}
_TRACE_MIDDLE = "='00-"  # its bytes are rare in SQL, those of `traceparent` are not: found four times as fast
_TRACE = re.compile("traceparent='00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}'")

_Value = TypeVar("_Value", int, str)

_seconds: dict[str, int] = {}
_accounts: dict[str, str] = {}
_databases: dict[str, str] = {}


class Block(NamedTuple):
    """The wire form of a block's entries, and what is known behind it. name: the database in use."""

    lines: list[bytes]
    ids: list[bytes]
    size_bytes: int
    last_us: int
    greatest_us: int
    name: str


@lru_cache(maxsize=64)
def _constants(origin: Origin) -> tuple[str, ...]:
    """Return the text before, between and behind the slots of a plain line, in order."""
    marked = _SLOT.sub(lambda found: b"%" if found[1] == b"%" else b"\0", templates(origin)[0])
    return tuple(marked.decode("latin-1").split("\0"))


def _second_us(text: str) -> int:
    """Return the instant of `2026-11-22T10:11:57`, remembered; -1 when it is no date."""
    minute = -1 if " " in text else minute_us(text[:17].encode("latin-1"))
    us = -1 if minute < 0 else minute + int(text[17:]) * 1_000_000
    return _remember(_seconds, text, us)


def _account(text: str) -> str | None:
    """Return the wire fields of an account line, remembered; None: the slow face must read it."""
    wired = account_of(text.encode("latin-1"))
    return None if wired is None else _remember(_accounts, text, wired.decode("latin-1"))


def _database(name: str) -> str:
    """Return the wire field of a database, remembered; "" for none."""
    return _remember(_databases, name, f',"db_namespace":{dumps(name).decode("latin-1")}' if name else "")


def _remember(known: dict[str, _Value], key: str, value: _Value) -> _Value:
    if len(known) >= _CACHED:
        known.clear()
    known[key] = value
    return value


def _number(text: str) -> str:
    """Return a number of seconds as JSON writes it: no zeros at its end, an exponent when it is tiny."""
    short = text.rstrip("0")
    return dumps(float(text)).decode("ascii") if short[-1] == "." or short < "0.00001" else short


def _trace(joined: str, at: int, sql: str) -> str:
    """Return the wire fields of a statement's trace; `at`: where its first `='00-` stands in the joined text."""
    found = _TRACE.match(joined, at - len("traceparent"))
    if found is None:  # there may be another one further on
        return trace_field(sql.encode("latin-1")).decode("ascii")
    return f',"trace_id":"{found[1]}","span_id":"{found[2]}"'


def _hex(numbers: list[int]) -> list[str]:
    """Write numbers of 32 bits as 8 hexadecimal digits each; one call for all is a third of the price."""
    return pack(f">{len(numbers)}I", *numbers).hex("-", 4).split("-")


def _unusual(statement: str) -> tuple[str, str] | None:
    """Return the wire fields of operation and command for a statement whose first word is none of the common ones.

    None: the slow face must read it.
    """
    sql = statement.encode("latin-1")
    operation = operation_field(sql)
    if operation is not None:
        return operation.decode("latin-1"), ""
    command = command_field(sql)
    return ("", command.decode("latin-1")) if command else None


def _stands(text: str, rare: str, before: str, behind: str) -> bool:
    """Tell whether `before + rare + behind` stands in the text: one rare letter is found ten times as fast as a word."""
    at = text.find(rare)
    for _ in range(_MOST_LOOKS):
        if at < 0:
            return False
        if text.startswith(behind, at + 1) and text.endswith(before, 0, at):
            return True
        at = text.find(rare, at + 1)
    return before + rare + behind in text


def read_block(
    content: bytes, begin: int, stop: int, chunk_offset: int, origin: Origin, name: str, greatest_us: int
) -> Block | None:
    """Write the entries in [begin, stop) of a chunk; None when one of them is not of the common shape.

    `stop` is the chunk's end or a proved head behind `;`. name: the database in use before the block ("" for none);
    greatest_us: the greatest instant before it, not 0.
    """
    found = _ENTRY.findall(content[begin:stop].decode("latin-1"))
    statements = [entry[10] for entry in found]
    joined = "\x7f".join(statements)  # no line begins at a border: a command begins with `# `
    # neither a head nor a server's header may stand inside a statement
    if not found or _stands(joined, "#", "\n", " ") or _stands(joined, "V", ", ", "ersion: "):
        return None
    if origin.redaction != "off" and suspicious(joined.encode("latin-1")):
        return None
    (
        c_us, c_offset, c_crc, c_at, c_bytes, c_event, c_kind, _, _, _, c_sent, c_examined, c_query, c_lock, c_start,
        _, c_thread, _, _, c_end,
    ) = _constants(origin)  # fmt: skip
    c_slow, c_admin = f'{c_event}slow_query{c_kind},"db_query_text":', f"{c_event}admin_command{c_kind}"
    bounds = list(accumulate([len(entry[0]) + len(entry[10]) + 2 for entry in found], initial=begin))
    if bounds[-1] != stop or (chunk_offset + begin) >> 32 != (chunk_offset + stop) >> 32:
        return None
    offsets = [chunk_offset + at for at in bounds[:-1]]
    places = _hex([offset & 0xFFFFFFFF for offset in offsets])
    sums = _hex([crc32(content[at:until]) for at, until in pairwise(bounds)])
    c_offset += f"{offsets[0] >> 32:02x}"
    database = _database(name)
    carried = ',"db_namespace_carried":true' if name else ""
    joined_at = us = 0
    trace_at = joined.find(_TRACE_MIDDLE) % _FAR
    lines: list[bytes] = []
    add = lines.append
    for (top, second, micros, user, thread, query, lock, sent, examined, use, sql, word), offset, place, crc in zip(
        found, offsets, places, sums, strict=True
    ):
        us = (_seconds.get(second) or _second_us(second)) + int(micros)
        start = us - int(query.replace(".", ""))
        if us > greatest_us:
            greatest_us = us
        elif us < greatest_us - DAY_US:
            return None
        account = _accounts.get(user)
        if account is None and (account := _account(user)) is None:
            return None
        if start < FEWEST_US:
            return None
        if use:
            name, is_carried = use, ""
            database = _databases.get(use) or _database(use)
            carried = ',"db_namespace_carried":true'
        else:
            is_carried = carried
        duration = _number(query) if query[-1] == "0" or query < "0.00001" else query
        waited = _number(lock) if lock[-1] == "0" or lock < "0.00001" else lock
        kind, operation, command = c_slow, _OPERATION_FIELDS.get(word), ""
        if operation is None:
            unusual = _unusual(sql)
            if unusual is None:
                return None
            operation, command = unusual
        if command:
            kind, text = c_admin, ""
        elif sql.isascii():
            text = dumps(sql).decode("ascii")
        else:
            try:
                text = dumps(sql.encode("latin-1").decode()).decode("latin-1")
            except UnicodeDecodeError:
                return None
        joined_at += len(sql) + 1
        trace = ""
        if trace_at < joined_at:
            trace = _trace(joined, trace_at, sql)
            trace_at = joined.find(_TRACE_MIDDLE, joined_at) % _FAR
        add(
            f"{c_us}{us}{c_offset}{place}{c_crc}{crc}{c_at}{offset}{c_bytes}{len(top) + len(sql) + 2}"
            f"{kind}{text}{operation}{database}{command}{c_sent}{sent}{c_examined}{examined}{c_query}{duration}"
            f"{c_lock}{waited}{c_start}{start}{account}{c_thread}{thread}{trace}{is_carried}{c_end}".encode("latin-1")
        )
    return Block(lines, [line[ID_PLACE] for line in lines], sum(map(len, lines)), us, greatest_us, name)
