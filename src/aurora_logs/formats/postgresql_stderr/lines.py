"""The prefixed lines of a block as columns: where they are what they look like, and which of them begin entries.

Only the prefix of RDS and Aurora, in UTC and with the English words; every other line makes a block odd.
"""

import re
from itertools import accumulate, repeat
from operator import add
from typing import NamedTuple

import msgspec

from aurora_logs.columns import BETWEEN, Remembered
from aurora_logs.formats.postgresql_stderr.prefix import session_of
from aurora_logs.sql.fields import FIRST_WORD
from aurora_logs.text import read_rfc3339

_MAIN = ("LOG", "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5")
_SUB = ("DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION", "BACKTRACE")
_PREFIX = (
    r"(?P<second>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC):"
    r"(?P<whom>(?:(?!\[\d)[^:\n]{0,1000}+|[0-9a-f:]{2,50}+\(\d{1,5}+\)):[^:\n]{0,1000}+)"
    r":\[(?P<pid>\d{1,10}+)\]:(?P<level>%s):  "
)
# what a message says before its statement, when it says how long that took
_SAID = (
    r"(?P<said>duration: (?P<ms>\d{1,9}+\.\d{3}) ms  (?:statement"
    r'|(?P<step>parse|bind|execute) (?P<name>[^:"\\\x00-\x1f\x7f-\xff]{0,200}+)):) ?'
)
MAIN_LINE = re.compile(rf"\n{_PREFIX % '|'.join(_MAIN)}".encode())
_LINE = re.compile(rf"\n(?P<head>{_PREFIX % '|'.join((*_MAIN, *_SUB))}(?:{_SAID})?){FIRST_WORD}".encode())
_MAIN_LEVELS = frozenset(level.encode() for level in _MAIN)
# A line that may have a prefix of another kind; blank lines at a message's end, which are furniture.
_ODD_LINE = re.compile(rb"\n(?:\d|[ \t\n]*(?:%b|\Z))" % BETWEEN)
_MOST_LINES = 8  # of an entry, on the average, in a block that is asked for a number of entries


class OddError(Exception):
    """The lines of the block may not be what they look like, or a value is not common."""


class Lines(NamedTuple):
    """A block's lines. messages: behind the prefix and what is `said`, without the newline at the end.

    mains: the lines that begin entries, then the number of all lines. bounds: where in the chunk each line begins, then
    where the last one ends.
    """

    columns: dict[str, list[bytes]]
    messages: list[bytes]
    mains: list[int]
    bounds: list[int]

    def of_entries(self, name: str) -> list[bytes]:
        """Return a column's values of the main lines; absent ones may be None."""
        column = self.columns[name]
        return [column[line] for line in self.mains[:-1]]

    def whole_message(self, line: int) -> bytes:
        """Return all that stands behind the prefix, without the TABs that the server puts behind newlines."""
        message = self.messages[line]
        if self.columns["said"][line] is not None:
            head = self.columns["head"][line]
            message = head[head.index(self.columns["said"][line]) :] + message
        return message.replace(b"\n\t", b"\n")


def read_lines(content: bytes, start: int, stop: int, most: int) -> Lines:
    """Read the lines from `start` to `stop`, where main lines begin, at most so many entries. Raises: OddError."""
    if not content.startswith(b"\n", stop - 1) or content.find(b"\r", start, stop) >= 0:
        raise OddError
    limit = _MOST_LINES * (most + 1)
    found = _LINE.split(b"".join((b"\n", memoryview(content)[start : stop - 1])), limit)
    width = _LINE.groups + 1
    columns = {name: found[number::width] for name, number in _LINE.groupindex.items()}
    mains = [line for line, level in enumerate(columns["level"]) if level in _MAIN_LEVELS]
    if len(columns["level"]) < limit:  # else the last line is not parted from what follows it
        mains.append(len(columns["level"]))
    mains = mains[: most + 1]
    messages = found[width :: width][: mains[-1]]
    if found[0] or mains[0] or len(mains) < 2 or _ODD_LINE.search(BETWEEN.join(messages)):
        raise OddError
    sizes = map(add, map(add, map(len, columns["head"]), map(len, messages)), repeat(1))
    return Lines(columns, messages, mains, list(accumulate(sizes, initial=start)))


class Session(NamedTuple):
    """Whom a prefix names: as fields, and as wire fields, each with its key, or empty."""

    fields: dict[str, str | int]
    database: bytes
    client: bytes
    local: bytes


def _session(whom: bytes) -> Session:
    """Raises: UnicodeDecodeError."""
    session = session_of(whom)
    named = {"user_name": session.user, "client_address": session.host}
    client: dict[str, str | int] = {name: value.decode() for name, value in named.items() if value}
    if session.port:
        client["client_port"] = int(session.port)
    database: dict[str, str | int] = {"db_namespace": session.database.decode()} if session.database else {}
    local: dict[str, str | int] = {"pg_connection_local": True} if session.is_local else {}
    return Session(client | database | local, _wired(database), _wired(client), _wired(local))


def _wired(fields: dict[str, str | int]) -> bytes:
    return b"," + msgspec.json.encode(fields)[1:-1] if fields else b""


def _second(text: bytes) -> int:
    """Read `2026-11-22 10:11:57 UTC` to microseconds. Raises: OddError when it is no date, or before 2001."""
    printed = read_rfc3339(text)
    if printed is None or printed.end != len(text) or printed.local_us < 10**15:
        raise OddError
    return printed.local_us


SESSIONS = Remembered(_session)
SECONDS_US = Remembered(_second)
