"""Where the lines of a general log begin: time or none, thread, command; what an argument says is not here.

Only the full form is a head (log-formats.md §4.2): SQL is logged raw, over many lines.
"""

import re
from typing import NamedTuple

from aurora_logs.text import Printed, header_before, read_rfc3339, read_short

# The closed list of log-formats.md §4.2, with the words that MariaDB and later MySQL servers have for the same.
COMMANDS = (
    "Sleep", "Quit", "Init DB", "Query", "Field List", "Create DB", "Drop DB", "Refresh", "Shutdown", "Statistics",
    "Processlist", "Connect", "Kill", "Debug", "Ping", "Time", "Delayed insert", "Change user", "Binlog Dump",
    "Binlog Dump GTID", "Table Dump", "Connect Out", "Register Slave", "Register Replica", "Prepare", "Execute",
    "Long Data", "Close stmt", "Reset stmt", "Set option", "Fetch", "Daemon", "Reset Connection", "Reset connection",
    "Error", "clone", "Bulk Execute",
)  # fmt: skip
_TIME = rb"\d{4}-\d\d-\d\d(?:T| +)\d{1,2}:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?|\d{6} +\d{1,2}:\d\d:\d\d"
_WORDS = b"|".join(re.escape(word.encode()) for word in sorted(COMMANDS, key=len, reverse=True))
# The argument stands behind a TAB; servers up to 5.0 pad the command with blanks instead.
_HEAD = re.compile(
    rb"(?:(?P<time>%b)[\t ]|\t\t) *(?P<id>\d{1,19}) (?P<command>%b)(?:\t| {2,}|(?= ?\r?\n| ?\Z))" % (_TIME, _WORDS)
)
_CUT = re.compile(rb"(?:\d[\dT:.+ -]{0,40}Z?|\d[\dT:.+ -]{10,40}Z?[\t ][ \d]{0,60}[A-Za-z ]{0,20}|\t\t?[ \d]{0,60}[A-Za-z ]{0,20})\Z")
_NEXT = re.compile(rb"\n(?=[\d\t])")


class Head(NamedTuple):
    """A line's head. time, clock: as printed and as read; None in the second of the line before. end: of the head."""

    time: bytes | None
    clock: Printed | None
    thread: int
    command: str
    end: int


def head_at(content: bytes, at: int) -> Head | None:
    """Read the head of the line at `at`; None when the full form does not match."""
    found = _HEAD.match(content, at)
    if found is None:
        return None
    time = found["time"]
    clock = None if time is None else read_rfc3339(time) or read_short(time)
    return Head(time, clock, int(found["id"]), found["command"].decode(), found.end())


def is_head(content: bytes, at: int) -> bool:
    """Tell whether the line at `at` begins an entry."""
    return _HEAD.match(content, at) is not None


def entry_end(content: bytes, start: int) -> int:
    """Return where the entry or raw text at `start` ends: the next head or server header, -1 for none.

    A head that the end of the content cuts counts: nothing follows (FMT-121).
    """
    stop = -1
    for found in _NEXT.finditer(content, start):
        place = found.end()
        if is_head(content, place) or _CUT.match(content, place):
            stop = place
            break
    header = header_before(content, start, stop)
    return header if header >= 0 else stop


def _is_sure(content: bytes, at: int) -> bool:
    """Tell whether the line at `at` begins an entry, whatever follows the content."""
    found = _HEAD.match(content, at)
    return found is not None and (content[found.end() - 1] in b"\t " or b"\n" in content[found.end() : found.end() + 3])


def next_begin(content: bytes, start: int) -> int:
    """Return the first line at or behind `start` (0 or inside the content) that is surely a head, -1 for none."""
    if start == 0 and _is_sure(content, 0):
        return 0
    places = (found.end() for found in _NEXT.finditer(content, max(0, start - 1)))
    return next((place for place in places if _is_sure(content, place)), -1)


def last_border(content: bytes) -> int:
    """Return the last place behind 0 that surely begins an entry, 0 for none."""
    at = len(content)
    while (at := content.rfind(b"\n", 0, at)) > 0:
        if content[at + 1 : at + 2] in _FIRST and _is_sure(content, at + 1):
            return at + 1
    return 0


_FIRST = frozenset(bytes([byte]) for byte in b"\t0123456789")
