"""Where slow-log entries begin and end: the rules of log-formats.md §3.2 on bytes. What an entry says is not here.

Every rule looks at the lines near a place only, so that a border does not depend on where a portion was cut.
"""

import re
from collections.abc import Iterator
from enum import Enum

from aurora_logs.text import HEADER_COLUMNS, header_before, is_header_end

MARK = b"[Your log message was truncated]"  # inserted by RDS before a newline (rds-log-api.md §6)
FULL_HEAD_AFTER_BYTES = 1 << 20  # so far into an entry a full head needs no `;` before it
_METRIC_LINES = 16  # most metric lines that are looked through below a bare head

_CANDIDATE = re.compile(rb"\n# (?:Time:|User@Host:|User:|Query_time:|Thread_id:)")
_TIME_LINE = re.compile(
    rb"# Time: *(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)|\d{6} +\d{1,2}:\d\d:\d\d(?:\.\d+)?)[ \t\r]*"
)
_GLUED = re.compile(rb"# Time: *\d{6} +\d{1,2}:\d\d:\d\d(?:\.\d+)? +# User@Host: ")
_CONTEXT = (b"use ", b"SET ", b"set ")
_SURE = (b"# Time:", b"# User@Host:", b"# User:")
_BARE = (b"# Query_time:", b"# Thread_id:")


class Verdict(Enum):
    """What a line looks like, judged with the lines below it; OPEN: the bytes end before it can be told."""

    NO = 0
    HEAD = 1
    BARE = 2  # a metric line: a head only in files without user lines
    OPEN = 3


def head_at(buffer: bytes, at: int) -> Verdict:
    """Judge the line at `at` by itself and the lines below it (§3.2, rules 2 to 4)."""
    if buffer.startswith(b"# Time:", at):
        return _time_head(buffer, at)
    if buffer.startswith((b"# User@Host:", b"# User:"), at):
        return _user_head(buffer, at)
    if buffer.startswith(_BARE, at):
        return _bare_head(buffer, at)
    return Verdict.OPEN if _is_cut(buffer, at, (*_SURE, *_BARE)) else Verdict.NO


def _is_cut(buffer: bytes, at: int, words: tuple[bytes, ...]) -> bool:
    """Tell whether the end of the bytes cuts one of the words at `at`."""
    rest = buffer[at : at + 16]
    return at + len(rest) == len(buffer) and any(len(word) > len(rest) and word.startswith(rest) for word in words)


def _time_head(buffer: bytes, at: int) -> Verdict:
    stop = buffer.find(b"\n", at)
    if stop < 0:
        return Verdict.OPEN
    if _GLUED.match(buffer, at, stop):
        return _metric_below(buffer, stop + 1)
    if buffer.startswith((b"# User@Host:", b"# User:"), stop + 1):
        return _user_head(buffer, stop + 1)
    if _is_cut(buffer, stop + 1, (*_SURE, *_BARE)):
        return Verdict.OPEN
    is_bare = buffer.startswith(_BARE, stop + 1) and _TIME_LINE.fullmatch(buffer, at, stop)
    return Verdict.HEAD if is_bare else Verdict.NO


def _user_head(buffer: bytes, at: int) -> Verdict:
    stop = buffer.find(b"\n", at)
    if stop < 0:
        return Verdict.OPEN
    host = buffer.find(b"@ ", at + len(b"# User: "), stop)
    if host < 0 or buffer.find(b"]", host, stop) < 0:
        return Verdict.NO
    return _metric_below(buffer, stop + 1)


def _metric_below(buffer: bytes, at: int) -> Verdict:
    if _is_cut(buffer, at, (b"# ", *_SURE)):
        return Verdict.OPEN
    return Verdict.HEAD if buffer.startswith(b"# ", at) and not buffer.startswith(_SURE, at) else Verdict.NO


def _bare_head(buffer: bytes, at: int) -> Verdict:
    """A metric line begins an entry when SQL follows at once: servers that write user lines write `SET timestamp`."""
    for _ in range(_METRIC_LINES):
        stop = buffer.find(b"\n", at)
        if stop < 0:
            return Verdict.OPEN
        at = stop + 1
        if not buffer.startswith(b"#", at):
            break
    if buffer.startswith(b"use ", at):
        at = buffer.find(b"\n", at) + 1 or len(buffer)
    if at == len(buffer) or _is_cut(buffer, at, _CONTEXT):
        return Verdict.OPEN
    return Verdict.NO if buffer.startswith((b"SET ", b"set ", b"#"), at) else Verdict.BARE


def closed_before(buffer: bytes, at: int, floor: int) -> bool:
    """Tell whether the text before the line at `at` may end an entry: `;`, a truncation mark or a server header."""
    stop = at
    while stop > floor:
        start = max(buffer.rfind(b"\n", 0, stop - 1) + 1, floor)
        tail = buffer[max(start, stop - 512) : stop].rstrip(b" \t\r\n")
        if tail.endswith((b";", MARK)):
            # the user line below a `# Time:` line belongs to that head, whatever the time line ends with
            return not (stop == at and buffer.startswith(b"# User", at) and buffer.startswith(b"# Time:", start))
        if tail:
            return HEADER_COLUMNS.match(buffer, start) is not None
        if stop - start > 512:
            return False
        stop = start
    return False


def entry_end(buffer: bytes, start: int, *, whole: bool) -> int:
    """Return where the entry at `start` ends: the next border, else -1 (whole: the buffer's end).

    whole: nothing follows the buffer, so that a head which its end cuts counts as a head (FMT-121).
    """
    has_user = any(b"# User" in line for line in buffer[start : start + 4096].split(b"\n", 2)[:2])
    is_cut = whole and not is_terminated(buffer)
    for at in _candidates(buffer, start, whole=whole):
        closed = closed_before(buffer, at, start)
        if not closed and at - start <= FULL_HEAD_AFTER_BYTES:
            continue
        verdict = head_at(buffer, at)
        is_head = verdict is Verdict.HEAD and (closed or is_full_head(buffer, at))
        is_bare = verdict is Verdict.BARE and closed and not has_user
        if is_head or is_bare or (is_cut and closed and verdict is Verdict.OPEN):
            return header_before(buffer, start, at)
    return header_before(buffer, start, len(buffer) if whole else -1)


def raw_end(buffer: bytes, start: int, *, whole: bool) -> int:
    """Return where the run of text without a head at `start` ends: a head or header, else -1 (whole: the end)."""
    is_cut = whole and not is_terminated(buffer)
    for at in _candidates(buffer, start, whole=whole):
        verdict = head_at(buffer, at)
        if verdict is Verdict.HEAD or (
            (verdict is Verdict.BARE or (is_cut and verdict is Verdict.OPEN)) and closed_before(buffer, at, start)
        ):
            return header_before(buffer, start, at)
    return header_before(buffer, start, len(buffer) if whole else -1)


def is_terminated(buffer: bytes) -> bool:
    """Tell whether the buffer ends as a whole entry does: then no head at its end was cut."""
    return buffer[-512:].rstrip(b" \t\r\n").endswith((b";", MARK)) or is_header_end(buffer)


def _candidates(buffer: bytes, start: int, *, whole: bool) -> Iterator[int]:
    """Give the line starts behind `start` at which a head may stand, in order."""
    for found in _CANDIDATE.finditer(buffer, start):
        yield found.start() + 1
    last = buffer.rfind(b"\n", start) + 1
    if whole and start < last < len(buffer) and _is_cut(buffer, last, (*_SURE, *_BARE)):
        yield last


def ends_open(buffer: bytes) -> bool:
    """Tell whether one of the last two lines might be a head if more bytes followed."""
    last = buffer.rfind(b"\n", 0, len(buffer) - 1) + 1
    above = buffer.rfind(b"\n", 0, max(last - 1, 0)) + 1
    return any(head_at(buffer, at) is Verdict.OPEN for at in {last, above})


def is_full_head(buffer: bytes, at: int) -> bool:
    """Tell whether a time line, a user line and a Query_time line stand at `at`."""
    lines = buffer[at : at + 2000].split(b"\n", 3)
    return (
        len(lines) > 2
        and _TIME_LINE.fullmatch(lines[0]) is not None
        and lines[1].startswith(b"# User")
        and lines[2].startswith(b"# Query_time: ")
    )


def last_border(buffer: bytes) -> int:
    """Return the last place that surely begins an entry, searched from the end; 0 when there is none behind 0."""
    at = len(buffer)
    while (at := buffer.rfind(b"\n# ", 0, at)) >= 0:
        place = at + 1
        is_sure = buffer.startswith(_SURE, place)
        if is_sure and head_at(buffer, place) is Verdict.HEAD and closed_before(buffer, place, 0):
            return place
        at += 2  # the next match must end before this one's blank
    return 0


def next_border(buffer: bytes, start: int) -> int:
    """Return the first place >= start where a head stands behind `;` or is a full one; -1 when there is none."""
    if start == 0 and begins_entry(buffer, 0):
        return 0
    for found in _CANDIDATE.finditer(buffer, max(0, start - 1)):
        at = found.start() + 1
        if head_at(buffer, at) is Verdict.HEAD and (is_full_head(buffer, at) or closed_before(buffer, at, 0)):
            return at
    return -1


def begins_entry(buffer: bytes, at: int) -> bool:
    """Tell whether the line at `at`, where an entry may begin without more proof, begins one (else it is raw text)."""
    return buffer.startswith(_SURE, at) or head_at(buffer, at) is Verdict.BARE
