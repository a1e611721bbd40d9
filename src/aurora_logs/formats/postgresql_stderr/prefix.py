"""The prefix of RDS and Aurora (`%t:%r:%u@%d:[%p]:`) and the server's built-in one (`%m [%p] `)."""

import re

import msgspec

from aurora_logs.postgresql.levels import MAIN_LEVELS, SUB_LEVELS, UNKNOWN

_TIME = rb"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? (?:[A-Za-z]{1,6}|[+-]\d\d(?::?\d\d)?))"
_WORDS = b"|".join(re.escape(word) for word in sorted((*MAIN_LEVELS, *SUB_LEVELS), key=len, reverse=True))
LINE = re.compile(rb"\n(?=\d)")  # before a line that may have a prefix
START = re.compile(_TIME + rb"(?::| \[(?P<pid>\d{1,10})\] )")
_PID = re.compile(rb":\[(?P<pid>\d{1,10})\]:(?P<level>" + _WORDS + rb") ?:")
_ANY_PID = re.compile(rb":\[(?P<pid>\d{1,10})\]:(?P<level>[^\s:\[\]]{1,64}) ?:  ")
_LEVEL = re.compile(rb"(?P<level>" + _WORDS + rb") ?:")
_ANY_LEVEL = re.compile(rb"(?P<level>[^\s:\[\]]{1,64}) ?:  ")
_REMOTE = re.compile(
    rb"(?:(?P<local>\[local\])|(?P<host>[^()\n]{1,255})\((?P<port>\d{1,5})\)|(?P<bare>[^():\n]{1,255}))?:(?P<whom>[^\n]*)"
)
PREFIX_BYTES = 4096  # a level word further right in a line than this belongs to no prefix


class Prefix(msgspec.Struct, frozen=True):
    """A line's prefix taken apart. `end`: where its message begins; `whom`: what stands between zone and pid."""

    time: bytes
    whom: bytes
    pid: bytes
    level: bytes
    end: int

    @property
    def is_sub(self) -> bool:
        """Tell whether the line belongs to a main line: DETAIL, HINT, STATEMENT and so on."""
        return self.level in SUB_LEVELS


def prefix_at(content: bytes, at: int) -> Prefix | None:
    """Read the prefix of the line at `at`; None when the line has none of the two.

    The first `:[pid]:LEVEL:` from the left counts, so that names may hold colons, brackets and `@` (FMT-93).
    """
    start = START.match(content, at)
    if start is None:
        return None
    newline = content.find(b"\n", start.end(), start.end() + PREFIX_BYTES)
    limit = newline if newline >= 0 else min(len(content), start.end() + PREFIX_BYTES)
    if start["pid"] is not None:
        found = _LEVEL.match(content, start.end(), limit) or _ANY_LEVEL.match(content, start.end(), limit)
        whom, pid = b"", start["pid"]
    else:
        found = _PID.search(content, start.end() - 1, limit) or _ANY_PID.search(content, start.end() - 1, limit)
        whom, pid = content[start.end() : found.start()] if found else b"", found["pid"] if found else b""
    if found is None:
        return None
    end = found.end()
    blanks = content[end : end + 2]
    return Prefix(start["time"], whom, pid, found["level"], end + len(blanks) - len(blanks.lstrip(b" ")))


class Session(msgspec.Struct, frozen=True):
    """Who a prefix names; b"" for what it does not tell."""

    host: bytes = b""
    port: bytes = b""
    user: bytes = b""
    database: bytes = b""
    is_local: bool = False


def session_of(whom: bytes) -> Session:
    """Split `host(port):user@database`: the host at the first `:` behind its port, the names at the last `@`."""
    found = _REMOTE.fullmatch(whom)
    if found is None:
        return Session()
    host = found["host"] or found["bare"] or b""
    user, _, database = found["whom"].rpartition(b"@")
    return Session(
        host=b"" if host in UNKNOWN else host,
        port=found["port"] or b"",
        user=b"" if user in UNKNOWN else user,
        database=b"" if database in UNKNOWN else database,
        is_local=found["local"] is not None,
    )
