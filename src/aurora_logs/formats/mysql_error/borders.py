"""Where entries of an error log begin and end: heads, and the dumps that are one event over several of them.

A deadlock's dump is written in parts, each with a head of its own; an InnoDB monitor's output holds dated lines that
are no heads. Whether a head begins an entry is told by what stands between the entry's start and the line below it.
"""

import re
from enum import Enum
from typing import NamedTuple

from aurora_logs.formats.mysql_error.heads import Head, head_at, is_cut_head, is_head

MONITOR_MAX_BYTES = 1 << 20  # InnoDB prints no more; an output that a crash cut off ends there at the latest
PART_US = 1_000_000  # parts of one dump follow each other within a second (log-formats.md §4.1)
_LOOK_BYTES = 1024
_NEXT = re.compile(rb"\n(?=[\d{]|={20})")
_MONITOR = re.compile(rb"={20,200}[ \r]*\n\d{4,6}[^\n]{0,100} INNODB MONITOR OUTPUT")
_CUT_MONITOR = re.compile(rb"={20,200}[ \r]*(?:\n[^\n]{0,140})?\Z")
_MONITOR_END = re.compile(rb"\nEND OF INNODB MONITOR OUTPUT[^\n]{0,100}(?:\n=[^\n]{0,200})?")
DEADLOCK = re.compile(rb"(?:InnoDB: ?)?[Tt]ransactions deadlock detected")
_PART = re.compile(rb"[ \t]*(?:InnoDB:)?\s{0,64}\*\*\* ?[A-Z(]")
_DOUBLED = re.compile(rb"\d{4}-\d\d-\d\d +\d{1,2}:\d\d:\d\d 0x[0-9a-f]{1,16}[ \r]*(?=\n|\Z)")
_OPEN_PART = re.compile(rb"[ \t]*(?:InnoDB:)?\s{0,64}\*{0,3} ?\Z")
_DEADLOCK_WORDS = b"eadlock detected"
SPECIALS = (_DEADLOCK_WORDS, b"INNODB MONITOR OUTPUT")


class _Verdict(Enum):
    """What a head inside an entry is; OPEN: the bytes end before it can be told."""

    BORDER = 0
    PART = 1
    OPEN = 2


class _Dump(NamedTuple):
    """The last part of a deadlock's dump: its thread and local time."""

    thread: int | None
    local_us: int


def begins_monitor(content: bytes, at: int) -> bool:
    """Tell whether an InnoDB monitor's output begins at `at`."""
    return content.startswith(b"=", at) and _MONITOR.match(content, at) is not None


def begins_entry(content: bytes, at: int) -> bool:
    """Tell whether the line at `at` begins an entry wherever it stands."""
    return is_head(content, at) or begins_monitor(content, at)


def next_begin(content: bytes, start: int) -> int:
    """Return the first line start >= `start`, 0 apart, at which an entry may begin; -1 for none."""
    places = (found.end() for found in _NEXT.finditer(content, max(0, start - 1)))
    return next((place for place in places if begins_entry(content, place)), -1)


def entry_end(content: bytes, start: int, *, whole: bool) -> int:
    """Return where the entry (or raw text) at `start` ends: the next border, -1 for none.

    whole: nothing follows the content, so that a head which its end cuts counts (FMT-121). Else what can't be told yet
    gives -1.
    """
    at, dump = start, None
    if begins_monitor(content, start):
        at = _monitor_end(content, start)
        if at < 0 and not whole and len(content) - start < MONITOR_MAX_BYTES:
            return -1
        at = at if at >= 0 else min(start + MONITOR_MAX_BYTES, len(content))
    elif (
        content.find(_DEADLOCK_WORDS, start, start + _LOOK_BYTES) >= 0  # cheap, and seldom true
        and (head := head_at(content, start))
        and is_deadlock(content, head)
    ):
        dump = _Dump(head.thread, head.clock.local_us if head.clock else 0)
    for found in _NEXT.finditer(content, at):
        place = found.end()
        if not begins_entry(content, place):
            if is_cut_head(content, place) or _CUT_MONITOR.match(content, place):
                return place if whole else -1
            continue
        if dump is None:
            return place
        verdict, dump = _judge(content, place, dump, whole=whole)
        if verdict is not _Verdict.PART:
            return place if verdict is _Verdict.BORDER else -1
    return -1


def is_deadlock(content: bytes, head: Head) -> bool:
    """Tell whether a deadlock's dump begins with this head."""
    if head.message is not None:
        return DEADLOCK.match(head.message) is not None
    return DEADLOCK.match(content, head.end) is not None


def parts(text: bytes) -> list[tuple[Head, bytes]]:
    """Split a deadlock's dump into its parts: head and message of each, the heads that stand twice taken off."""
    found: list[tuple[Head, bytes]] = []
    start: int | None = 0
    dump = _Dump(None, 0)
    while start is not None:
        head = head_at(text, start)
        if head is None:
            return found
        dump = _Dump(head.thread, head.clock.local_us if head.clock else 0)
        places = (one.end() for one in _NEXT.finditer(text, start))
        start = next((place for place in places if _is_part(text, place, dump)), None)
        end = len(text) if start is None else start
        message = text[head.end : end] if head.message is None else head.message + text[head.end : end]
        doubled = _DOUBLED.match(message)
        found.append((head, message[doubled.end() :] if doubled else message))
    return found


def _judge(content: bytes, at: int, dump: _Dump, *, whole: bool) -> tuple[_Verdict, _Dump | None]:
    """Judge a head behind a deadlock's beginning: a part of its dump, or the border of the next entry."""
    if not whole and content.find(b"\n", at) < 0:
        return _Verdict.OPEN, None
    head = head_at(content, at)
    if head is None or head.clock is None or head.thread != dump.thread:
        return _Verdict.BORDER, None
    if abs(head.clock.local_us - dump.local_us) > PART_US:
        return _Verdict.BORDER, None
    look = content[head.end : head.end + _LOOK_BYTES] if head.message is None else head.message
    if _PART.match(look) or _DOUBLED.match(look):
        return _Verdict.PART, _Dump(dump.thread, head.clock.local_us)
    is_cut = not whole and head.message is None and head.end + len(look) == len(content)
    return (_Verdict.OPEN if is_cut and _OPEN_PART.match(look) else _Verdict.BORDER), None


def _is_part(text: bytes, at: int, dump: _Dump) -> bool:
    return is_head(text, at) and _judge(text, at, dump, whole=True)[0] is _Verdict.PART


def _monitor_end(content: bytes, start: int) -> int:
    """Return where an InnoDB monitor's output ends, -1 when its last line is not within reach."""
    found = _MONITOR_END.search(content, start, start + MONITOR_MAX_BYTES)
    return found.end() if found else -1


def last_border(content: bytes) -> int:
    """Return the last place behind 0 that surely begins an entry, 0 for none. `content` begins at a border."""
    if any(word in content for word in SPECIALS):
        return _last_border_forward(content)
    at = len(content)
    while (at := content.rfind(b"\n", 0, at)) > 0:
        # behind a line of `=` it may be a monitor's second line, whose end has not come yet
        if begins_entry(content, at + 1) and not content.endswith(b"=", max(0, at - 2), at - (content[at - 1 : at] == b"\r")):
            return at + 1
    return 0


def _last_border_forward(content: bytes) -> int:
    border = 0
    while (following := entry_end(content, border, whole=False)) > 0:
        border = following
    return border
