"""Pass an entry that RDS refuses to hand out: find how far it reaches with few calls (rds-log-api.md §7, rungs 3 and 4)."""

from collections.abc import Callable, Iterator

from aurora_logs.errors import BinaryRefused
from aurora_logs.records.flow import Portion
from aurora_logs.stages.download.cursor import Cursor

NextHead = Callable[[bytes, int], int]


def pass_entry(cursor: Cursor, next_head: NextHead) -> Iterator[Portion]:
    """Report the entry whose next line is refused as a gap of exactly its bytes, so that a replay makes one record of it.

    Nothing is handed out as long as the entry may go on at the end of a live file.
    """
    line_end = _refused_line_end(cursor)
    end = _entry_end(cursor, line_end, next_head)
    if end is None:
        return
    if cursor.is_begun:  # the lines of the entry before the refused one are still with the splitter
        cursor.reached = min(cursor.reached, cursor.held.checkpoint.byte_offset)
    yield from cursor.gap(end, "unreadable")


def _refused_line_end(cursor: Cursor) -> int:
    """Double, then bisect: the line ends at the first place from which one line can be read."""
    size, low, high = cursor.segment.size_bytes, 0, 1
    while not _is_readable(cursor, cursor.reached + high):
        low, high = high, high * 2
        if cursor.reached + high > size:
            high = size - cursor.reached
            break
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_readable(cursor, cursor.reached + middle) else (middle, high)
    at = cursor.reached + high
    return at + len(_first_line(cursor, at)) if at < size else at


def _entry_end(cursor: Cursor, at: int, next_head: NextHead) -> int | None:
    """Return where the next entry begins behind `at`; None when that is not known yet."""
    begin = at
    while at < cursor.segment.size_bytes:
        cursor.held.keep()
        try:
            answer = cursor.read(at, 0)
        except BinaryRefused:  # another one; it is passed by itself
            return at
        head = next_head(answer.content, 0)
        if head >= 0:
            return at + head
        at += len(answer.content)
        if not answer.content or not answer.more:
            break
    is_whole = at == begin or cursor.segment.closed or cursor.held.note_end(at)
    return at if is_whole else None


def _is_readable(cursor: Cursor, offset: int) -> bool:
    try:
        _first_line(cursor, offset)
    except BinaryRefused:
        return False
    return True


def _first_line(cursor: Cursor, offset: int) -> bytes:
    cursor.held.keep()
    return cursor.read(offset, 1).content
